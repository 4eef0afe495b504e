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


def texts_of(prompt: str | Sequence[str] | None, count: int, caption: str) -> list[str]:
    """The text of each of `count` images: one prompt for all, or one an image; None and "" are the caption."""
    if prompt is None or isinstance(prompt, str):
        return [prompt or caption] * count
    if len(prompt) not in (1, count):
        raise ValueError(f"{len(prompt)} prompts for {count} images; give one for all, or one an image")
    return [prompt[0]] * count if len(prompt) == 1 else list(prompt)


def effective_scales(text: Sequence[str], place: Place, scales: Scales) -> Scales:
    """Scales of text and place: the place's for both where there is no text, the text's where there is no place."""
    if not any(text):
        return replace(scales, text=scales.place)
    if all(bool(values.isnan().all()) for values in place.values()):
        return replace(scales, place=scales.text)
    return scales
