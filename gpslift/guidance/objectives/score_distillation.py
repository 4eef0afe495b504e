"""Score distillation sampling, the paper's objective."""

from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.guidance.objectives.contract import GradientObjective, Seen


class ScoreDistillation(GradientObjective):
    """DreamFusion's loss (Poole et al. 2022, eq. 3), as the paper uses it: its gradient is sigma_t^2 (e_hat - e)."""

    def direction(
        self, latents: Tensor, timestep: Tensor, seen: Seen, place: Place, first: int
    ) -> tuple[Tensor, dict[str, float]]:
        """The prior's noise less the noise that was added."""
        guidance = self.guidance
        noisy, noise = guidance.noised(latents, timestep, first)
        return guidance.noise(noisy, timestep, guidance.branches(place)) - noise, {}
