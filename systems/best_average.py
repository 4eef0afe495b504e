"""The moving average of the weights at the step with the lowest held-out loss: what few photos are trained to."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class BestAverage:
    """Keeps the best weights that it was offered. `loss` and `step` are theirs; step 0: none was offered yet.

    patience: so many offers in a row that are no better, and `exhausted` is true; 0 = never, and nothing is kept.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.loss, self.step, self.stale = math.inf, 0, 0
        self.weights: list[Tensor] = []

    @property
    def exhausted(self) -> bool:
        """Whether it is time to stop."""
        return 0 < self.patience <= self.stale

    def offer(self, loss: float, step: int, weights: Sequence[Tensor]) -> None:
        """Takes a copy of `weights`, if their held-out loss is the lowest so far."""
        self.stale += 1
        if loss < self.loss:
            self.loss, self.step, self.stale = loss, step, 0
            self.weights = [weight.detach().cpu().clone() for weight in weights]

    def put_into(self, weights: Sequence[Tensor]) -> None:
        """Copies the best into `weights`; they stay as they are where there is none."""
        with torch.no_grad():
            for weight, best in zip(weights, self.weights, strict=bool(self.weights)):
                weight.copy_(best)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has of it; plain types."""
        return {"loss": self.loss, "step": self.step, "stale": self.stale, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up where `state_dict` left off."""
        self.loss, self.step, self.stale = state["loss"], state["step"], state["stale"]
        self.weights = [weight.cpu() for weight in state["weights"]]
