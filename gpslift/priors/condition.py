"""What a prior's U-Net is told, and which conditions guidance compares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.priors.composition import Scales

Texts = Callable[[Sequence[str]], Tensor]
"""Text tokens [B, L, C] of B texts."""


@dataclass(frozen=True)
class Condition:
    """What the U-Net is told: text tokens, then place tokens [B, L + T, C]; and the pooled condition [B, P] or None."""

    tokens: Tensor
    pooled: Tensor | None

    def __getitem__(self, index: slice) -> "Condition":
        return Condition(self.tokens[index], None if self.pooled is None else self.pooled[index])


def effective_scales(text: Sequence[str], place: Place, scales: Scales) -> Scales:
    """Scales of text and place: the place's for both where there is no text, the text's where there is no place."""
    if not any(text):
        return replace(scales, text=scales.place)
    if all(bool(values.isnan().all()) for values in place.values()):
        return replace(scales, place=scales.text)
    return scales
