"""Guidance: pure functions of noise predictions. Scales are diffusers' convention everywhere: 1 = no guidance."""

from collections.abc import Sequence

from torch import Tensor


def compose_text_and_place(
    nothing: Tensor, text: Tensor, text_and_place: Tensor, scale_text: float, scale_place: float
) -> Tensor:
    """e = e(0,0) + s_text [e(p,0) - e(0,0)] + s_place [e(p,g) - e(p,0)] (paper, eq. 4): text first, then the place."""
    return nothing + scale_text * (text - nothing) + scale_place * (text_and_place - text)


def compose_jointly(nothing: Tensor, condition: Tensor, scale: float) -> Tensor:
    """e = e(0,0) + s [e(c) - e(0,0)], the whole condition dropped at once (paper, eq. 7, with s = 1 + w)."""
    return nothing + scale * (condition - nothing)


def compose_branches(branches: Sequence[Tensor], scale_text: float, scale_place: float) -> Tensor:
    """The guided prediction of one, two or three branches, those of `PlaceDiffusionPipeline.guidance_branches`."""
    if len(branches) == 1:
        return branches[0]
    if len(branches) == 2:
        return compose_jointly(branches[0], branches[1], scale_place)
    return compose_text_and_place(branches[0], branches[1], branches[2], scale_text, scale_place)
