"""What keeps haze away in the first steps: opacity costs where the prior sees no more than what is behind."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpslift.guidance.objectives.contract import Seen

ALIKE = 0.1
"""Distance in RGB, each in [0, 1], below which matter has hardly another colour than what is behind it."""


@dataclass(frozen=True)
class Clearing:
    """The weight of needless opacity, and the share of a lift's steps up to which it counts.

    Where the prior's picture shows no more than what is behind, matter explains nothing, and left alone it is haze in
    the colour of the sky. Longer, walls in the colour of the ground go, too; and what is thin, which each of the
    prior's pictures has elsewhere.
    """

    weight: float = 0.0
    until: float = 0.0

    def counts(self, seen: Seen, share: float) -> bool:
        """Whether these pictures are to be cleared when that share of the steps is done. A refinement's never."""
        return self.weight > 0 and share < self.until and seen.hazed is not None

    def __call__(self, picture: Tensor, seen: Seen, sky: Tensor | float = 0.0) -> Tensor:
        """What opacity costs beside the prior's picture [B, 3, H, W], whose own sky is brighter by `sky`: a scalar."""
        if seen.hazed is None:
            raise ValueError("what is behind the pictures is not known: ask counts() first")
        return self.weight * needless_opacity(picture, seen.hazed + sky, 1 - seen.clear)


NOT_CLEARED = Clearing()


def needless_opacity(picture: Tensor, hazed: Tensor, opacity: Tensor) -> Tensor:
    """The mean opacity [B, 1, H, W] of matter that the picture [B, 3, H, W] shows in the colour behind it: a scalar.

    hazed: [B, 3, H, W], the render with all matter in the colour of what is behind it. Where the picture is d from it,
    matter of opacity o would have to be of a colour d / o away, and weighs exp(-(d / o)^2 / (2 ALIKE^2)): a faint thing
    of another colour is no haze. The gradient is the opacity's alone.
    """
    solid = opacity.detach()
    distance = (picture - hazed).detach().square().sum(1, keepdim=True) / solid.square().clamp_min(1e-6)
    return (torch.exp(-distance / (2 * ALIKE**2)) * opacity).mean()
