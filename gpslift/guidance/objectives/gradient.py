"""What the objectives share that compare two noises: the prior's, guided, and one that it should have found."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance, resized
from gpslift.guidance.objectives.clearing import NOT_CLEARED, Clearing
from gpslift.guidance.objectives.contract import Seen


@dataclass(frozen=True)
class Answer:
    """Noisy latents, the guided prior's noise in them, and the noise that it is compared with: all of one shape.

    figures: to log.
    """

    noisy: Tensor
    guided: Tensor
    compared: Tensor
    figures: dict[str, float] = field(default_factory=dict)


class GradientObjective:
    """An objective that is given by its gradient at the latents of whole pictures: sigma_t^2 times (guided - compared).

    A loss is made of it as half the mean square to a fixed target, whose gradient is that over the latents' number: a
    mean, so that its size hangs neither on the latents' size nor on the batch's. Clearing is beside it, by the clean
    picture that the guided noise leaves.
    """

    stride = reuse = 1
    makes_pictures = False

    def __init__(self, guidance: Guidance, clearing: Clearing = NOT_CLEARED) -> None:
        self.guidance, self.clearing = guidance, clearing

    def answer(self, latents: Tensor, timestep: Tensor, seen: Seen, place: Place, first: int) -> Answer:
        """What the prior says of these latents. Called without gradients."""
        raise NotImplementedError

    def __call__(self, seen: Seen, place: Place, step: int, first: int) -> tuple[Tensor, dict[str, float]]:
        """See Objective."""
        latents, timestep = self.guidance.latents(seen.pictures), self.guidance.timestep(step)
        with torch.no_grad():
            answer = self.answer(latents.detach(), timestep, seen, place, first)
            gradient = self.guidance.weight(timestep, latents) * (answer.guided - answer.compared)
        loss, figures = 0.5 * mse_loss(latents, latents.detach() - gradient), {"timestep": float(timestep)}
        if self.clearing.counts(seen, step / self.guidance.steps):
            cleared = self.clearing(self.picture(answer, timestep, seen), seen)
            loss, figures["clearing"] = loss + cleared, float(cleared.detach())
        return loss, {**figures, **answer.figures}

    @torch.no_grad()
    def picture(self, answer: Answer, timestep: Tensor, seen: Seen) -> Tensor:
        """The clean picture that the guided noise leaves, as large as the renders: [B, 3, H, W]."""
        prior = self.guidance.prior
        clean = prior.predict_clean(answer.noisy, answer.guided, timestep.expand(len(answer.noisy)))
        return resized(prior.from_latents(clean), seen.pictures.shape[-1]).to(seen.pictures)

    def needs_pictures(self, step: int) -> bool:
        """Never: the loss itself sees whole pictures."""
        return False

    def look(self, seen: Seen, place: Place, step: int, first: int) -> None:
        """Nothing to look for."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to bring back."""
