"""Regularisers of a NeRF, as free functions of what a render holds. All give a scalar."""

import math

import torch
from torch import Tensor


def orientation_loss(weights: Tensor, normals: Tensor, directions: Tensor, rays: int) -> Tensor:
    """Normals that face away from the camera, where something is seen: mean over rays of sum_i w_i max(0, n_i . d)^2.

    Verbin et al. 2022 (Ref-NeRF), equation 11. weights: [K]; normals, directions (of the ray, away from the camera):
    unit, [K, 3]; rays: how many rays the samples come from. The weights are taken as given: without a gradient, the
    loss turns surfaces rather than hiding them.
    """
    facing_away = (normals * directions).sum(-1).clamp_min(0)
    return (weights.detach() * facing_away**2).sum() / rays


def opacity_loss(opacity: Tensor) -> Tensor:
    """Mean of sqrt(o^2 + 0.01) over rays: opaque pixels cost, so that empty space stays empty.

    Poole et al. 2022 (DreamFusion), appendix A.2. opacity: of rays, any shape, in [0, 1].
    """
    return torch.sqrt(opacity**2 + 0.01).mean()


def sparsity_loss(density: Tensor, length: Tensor | float) -> Tensor:
    """Mean opacity of intervals: mean of 1 - exp(-sigma delta). Density costs wherever it is, seen or hidden.

    Yu et al. 2021 (PlenOctrees), equation 7, whose lambda is the length here. density: of points, any shape.
    """
    return -torch.expm1(-density * length).mean()


def entropy_loss(opacity: Tensor, undecided: float = 0.5, smallest: float = 1e-4) -> Tensor:
    """Mean binary entropy, in nats, of the rays' opacity: half-opaque rays cost, clear and solid ones do not.

    Kim et al. 2022 (InfoNeRF) bound the entropy along a ray; this is the entropy of being hit at all. opacity: any
    shape, in [0, 1]; it is first raised to the power that takes `undecided`, 0.3 to 0.7, to 1/2: from there rays are
    drawn up to solid, from below down to clear. Cut to [smallest, 1 - smallest], where the slope is still finite.
    """
    hit = (opacity.clamp_min(smallest) ** (math.log(0.5) / math.log(undecided))).clamp(smallest, 1 - smallest)
    return -(hit * hit.log() + (1 - hit) * (1 - hit).log()).mean()


def distortion_loss(weights: Tensor, start: Tensor, end: Tensor, rays: int) -> Tensor:
    """Weight spread along a ray: mean over rays of sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i^2 d_i.

    Barron et al. 2022 (Mip-NeRF 360), equation 15; m_i the middle of an interval, d_i its length. weights, start, end:
    tables with one row a ray, ordered by distance, [..., S]; padding has weight 0. rays: how many there are, with
    samples or without. The double sum is 2 sum_i w_i (m_i sum_{j<i} w_j - sum_{j<i} w_j m_j), which takes one pass
    (Sun et al. 2022, "Improved Direct Voxel Grid Optimization for Radiance Fields Reconstruction").
    """
    middle = (start + end) / 2
    middle = middle - middle[..., :1]  # all that counts is differences, and small numbers lose less in them
    nearer = weights.cumsum(-1) - weights
    nearer_middle = (weights * middle).cumsum(-1) - weights * middle
    pairs = 2 * (weights * (middle * nearer - nearer_middle)).sum()
    return (pairs + (weights**2 * (end - start)).sum() / 3) / rays
