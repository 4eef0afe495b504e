"""Score distillation sampling, the paper's objective."""

from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.gradient import Answer, GradientObjective


class ScoreDistillation(GradientObjective):
    """DreamFusion's loss (Poole et al. 2022, eq. 3), as the paper uses it: its gradient is sigma_t^2 (e_hat - e)."""

    def answer(self, latents: Tensor, timestep: Tensor, seen: Seen, place: Place, first: int) -> Answer:
        """The prior's noise beside the noise that was added."""
        guidance = self.guidance
        noisy, noise = guidance.noised(latents, timestep, first)
        return Answer(noisy, guidance.noise(noisy, timestep, guidance.branches(place)), noise)
