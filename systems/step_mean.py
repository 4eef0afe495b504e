"""A figure of an optimiser step, from those of its micro-batches."""

import torch
from torch import Tensor


class StepMean:
    """The mean over the micro-batches of a step so far: at the last of them, the step's."""

    def __init__(self) -> None:
        self._step, self._count, self._sum = -1, 0, torch.zeros(())

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """Takes the next micro-batch's value, of optimiser step `step`; gives the mean, without gradients."""
        if step != self._step:
            self._step, self._count, self._sum = step, 0, torch.zeros_like(value.detach())
        self._count, self._sum = self._count + 1, self._sum + value.detach()
        return self._sum / self._count
