"""Score distillation sampling, the paper's objective."""

import torch
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.contract import Seen, WholePictures, loss_with_gradient


class ScoreDistillation(WholePictures):
    """DreamFusion's loss (Poole et al. 2022, eq. 3), as the paper uses it: its gradient is sigma_t^2 (e_hat - e)."""

    def __init__(self, guidance: Guidance) -> None:
        self.guidance = guidance

    def __call__(self, seen: Seen, place: Place, step: int, first: int) -> tuple[Tensor, dict[str, float]]:
        """See Objective."""
        guidance = self.guidance
        latents = guidance.latents(seen.pictures)
        timestep = guidance.timestep(step)
        with torch.no_grad():
            noisy, noise = guidance.noised(latents, timestep, first)
            predicted = guidance.noise(noisy, timestep, guidance.branches(place))
            gradient = guidance.weight(timestep, latents) * (predicted - noise)
        figures = {"timestep": float(timestep), "gradient": float(gradient.norm())}
        return loss_with_gradient(latents, gradient), figures
