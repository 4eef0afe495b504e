"""Volume rendering as free functions (Max 1995; Mildenhall et al. 2020, equation 3).

A ray is cut into intervals of length delta_i, on each of which the density sigma_i and colour c_i are constant:

    alpha_i = 1 - exp(-sigma_i delta_i)         opacity of one interval
    T_i     = exp(-sum_{j<i} sigma_j delta_j)   light that reaches it
    w_i     = T_i alpha_i                       its weight;  sum_i w_i = 1 - T_end = opacity of the ray
    C       = sum_i w_i c_i                     colour of the ray

The last dimension of every table runs along the ray.
"""

import torch
from torch import Tensor

SMALLEST_DIRECTION = 1e-12


def intersect_box(origins: Tensor, directions: Tensor, box_min: Tensor, box_max: Tensor) -> tuple[Tensor, Tensor]:
    """Distances at which rays enter and leave a box (slab method, Kay and Kajiya 1986).

    origins, directions: [R, 3]. box_min, box_max: [3]. Returns near >= 0 and far >= near, each [R]. Rays that miss the
    box, or leave it behind them, have far == near.

    >>> box = torch.tensor([-1.0, -1.0, -1.0]), torch.tensor([1.0, 1.0, 1.0])
    >>> intersect_box(torch.tensor([[-3.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]]), *box)
    (tensor([2.]), tensor([4.]))
    """
    tiny = torch.full_like(directions, SMALLEST_DIRECTION).copysign(directions)
    slope = 1 / torch.where(directions.abs() < SMALLEST_DIRECTION, tiny, directions)
    first, second = (box_min - origins) * slope, (box_max - origins) * slope
    near = torch.minimum(first, second).amax(-1).clamp_min(0)
    far = torch.maximum(first, second).amin(-1)
    return near, torch.maximum(near, far)


def interval_opacity(density: Tensor, length: Tensor) -> Tensor:
    """alpha = 1 - exp(-sigma delta), of any shape; exact for small arguments."""
    return -torch.expm1(-density * length)


def transmittance(density: Tensor, length: Tensor) -> Tensor:
    """T_i = exp(-sum_{j<i} sigma_j delta_j): [..., S] from densities and lengths [..., S].

    >>> transmittance(torch.tensor([1.0, 2.0, 3.0]), torch.ones(3))
    tensor([1.0000, 0.3679, 0.0498])
    """
    depth = density * length
    # shifted rather than `cumsum - depth`, which loses small sums in front of a very dense interval
    before = torch.cat([torch.zeros_like(depth[..., :1]), depth[..., :-1]], -1)
    return torch.exp(-before.cumsum(-1))


def render_weights(density: Tensor, length: Tensor) -> Tensor:
    """w_i = T_i alpha_i: [..., S]. An interval of length or density 0 has weight 0, so padding does no harm.

    >>> render_weights(torch.tensor([0.5, 100.0, 1.0]), torch.ones(3))
    tensor([0.3935, 0.6065, 0.0000])
    """
    return transmittance(density, length) * interval_opacity(density, length)


def expected_depth(weighted_distance: Tensor, opacity: Tensor, smallest: float = 1e-6) -> Tensor:
    """sum_i w_i t_i / sum_i w_i: mean distance of what a ray sees, world units; towards 0 on empty rays."""
    return weighted_distance / opacity.clamp_min(smallest)
