"""Guidance: pure functions of noise predictions. Scales are diffusers' convention everywhere: 1 = no guidance.

They hold for velocities as for noises, as one is affine in the other; `rescaled` alone differs, and is defined on what
a network itself predicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scales:
    """How strongly guidance pulls.

    text, place: diffusers' scales. perp_neg: weight of a negative text by Perp-Neg; 0 = the negative text, if any,
    takes the empty one's place. rescale: 0 = not at all, 1 = guided predictions spread as unguided ones.
    """

    text: float
    place: float
    perp_neg: float = 0.0
    rescale: float = 0.0


def compose_text_and_place(
    nothing: Tensor, text: Tensor, text_and_place: Tensor, scale_text: float, scale_place: float
) -> Tensor:
    """e = e(0,0) + s_text [e(p,0) - e(0,0)] + s_place [e(p,g) - e(p,0)] (paper, eq. 4): text first, then the place."""
    return nothing + scale_text * (text - nothing) + scale_place * (text_and_place - text)


def compose_jointly(nothing: Tensor, condition: Tensor, scale: float) -> Tensor:
    """e = e(0,0) + s [e(c) - e(0,0)], the whole condition dropped at once (paper, eq. 7, with s = 1 + w)."""
    return nothing + scale * (condition - nothing)


def perpendicular(vector: Tensor, other: Tensor) -> Tensor:
    """The part of each row of `vector` [B, ...] perpendicular to that row of `other`; all of it where that is 0."""
    flat, along = vector.flatten(1), other.flatten(1)
    share = (flat * along).sum(1) / along.square().sum(1).clamp_min(torch.finfo(along.dtype).tiny)
    return vector - share.view(-1, *[1] * (vector.ndim - 1)) * other


def without_negative(
    guided: Tensor, nothing: Tensor, condition: Tensor, negative: Tensor, scale: float, weight: float
) -> Tensor:
    """Perp-Neg (Armandpour et al. 2023): e - s w d, d = e(n) - e(0,0) perpendicular to e(c) - e(0,0).

    What a negative text has in common with the condition is not taken away with it. [B, ...] each.
    """
    return guided - scale * weight * perpendicular(negative - nothing, condition - nothing)


def rescaled(guided: Tensor, condition: Tensor, share: float) -> Tensor:
    """Guided predictions [B, ...] brought back towards the spread of unguided ones (Lin et al. 2024, eq. 15 and 16).

    e' = share e std(e(c)) / std(e) + (1 - share) e, the standard deviations taken over each whole row. Large scales
    spread predictions, which saturates colours.
    """
    rows = tuple(range(1, guided.ndim))
    factor = condition.std(rows, keepdim=True) / guided.std(rows, keepdim=True)
    return guided * (share * factor + (1 - share))


def compose_branches(branches: Sequence[Tensor], scales: Scales) -> Tensor:
    """The guided prediction of the branches of `PlaceDiffusionPipeline.guidance_branches` for the same scales.

    One to three of them, with Perp-Neg after the negative text's own.
    """
    negative, branches = (branches[0], branches[1:]) if scales.perp_neg else (None, branches)
    if len(branches) == 1:
        return branches[0]
    if len(branches) == 2:
        guided = compose_jointly(branches[0], branches[1], scales.place)
    else:
        guided = compose_text_and_place(branches[0], branches[1], branches[2], scales.text, scales.place)
    if negative is not None:
        guided = without_negative(guided, branches[0], branches[-1], negative, scales.text, scales.perp_neg)
    return rescaled(guided, branches[-1], scales.rescale) if scales.rescale else guided
