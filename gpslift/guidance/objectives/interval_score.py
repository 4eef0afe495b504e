"""Interval score matching: score distillation with noise that is found, not drawn."""

from itertools import pairwise

import torch
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.clearing import NOT_CLEARED, Clearing
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.gradient import Answer, GradientObjective


class IntervalScoreMatching(GradientObjective):
    """LucidDreamer's loss (Liang et al. 2024, section 4.2 and algorithm 1).

    The render x_0 is taken to timestep s by DDIM inversion without text and place, then by one more such step to t =
    s + interval; the loss's gradient is sigma_t^2 [e_hat(x_t, t, text and place) - e(x_s, s, nothing)]. Noise that
    follows from the render asks for the same thing at every step, where drawn noise asks for another each time.

    interval: from s to t, as a share of the noise schedule. inversion_steps: from the render to s.
    """

    def __init__(
        self, guidance: Guidance, interval: float, inversion_steps: int, clearing: Clearing = NOT_CLEARED
    ) -> None:
        super().__init__(guidance, clearing)
        self.interval, self.inversion_steps = interval, inversion_steps

    def answer(self, latents: Tensor, timestep: Tensor, seen: Seen, place: Place, first: int) -> Answer:
        """The prior's noise at t beside the noise that inversion found on the way to it."""
        noisy, before = self.inverted(latents, timestep, place)
        return Answer(noisy, self.guidance.noise(noisy, timestep, self.guidance.branches(place)), before)

    def inverted(self, latents: Tensor, timestep: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        """The latents at `timestep`, by DDIM inversion, and the noise that its last step found: shaped as they are."""
        guidance, nothing = self.guidance, self.guidance.nothing(place)
        width = max(round(self.interval * len(guidance.prior.alphas_cumprod)), 1)
        start = max(int(timestep) - width, 0)
        path = torch.linspace(0, start, self.inversion_steps + 1).round().long().unique()
        noisy, noise = latents, torch.zeros_like(latents)
        for now, later in pairwise([*path, timestep]):
            noise = guidance.unguided_noise(noisy, now, nothing)
            noisy = guidance.moved(noisy, noise, now, later)
        return noisy, noise
