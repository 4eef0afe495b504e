"""Light on matter as DreamFusion has it (Poole et al. 2022, section 3.1, "Shading", and appendix A.2).

    color = albedo (direct max(0, n . l) + ambient)        n: outward normal, l: unit vector towards the light

A view shows the albedo itself (direct 0, ambient 1), or lit matter, or lit matter as if it were white ("textureless"):
then only its shape can make it look as the prior wants.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from renderers.draws import Purpose, generator_of

SEEN = 1e-4  # a sample of less weight gets no normal, but only ambient light


@dataclass(frozen=True)
class Lights:
    """One point light a view.

    position: world units, [B, 3]. direct, ambient: shares of the light that come from it and from everywhere, [B]; 0
    and 1 show the albedo itself. white: whether matter is shown without its color, bool [B].
    """

    position: Tensor
    direct: Tensor
    ambient: Tensor
    white: Tensor


def draw_lights(
    cameras: Tensor,
    middle: Tensor,
    *,
    seed: int,
    first: int,
    probability: float,
    textureless: float,
    ambient: float,
    spread: float,
) -> Lights | None:
    """A light for each view of the cameras at [B, 3], on their device; None if all of them show the albedo.

    View b draws from (seed, first + b), so that ranks that share a batch draw what one would. probability: that a view
    is lit; textureless: that a lit one is white. ambient: share of ambient light in lit views.
    The light stands as far from `middle` [3] as the camera, in the direction of (camera's + spread N(0, I)),
    normalised, and above the ground. (DreamFusion: spread 1 at camera distances of 1 to 1.5, light distances of 0.8
    to 1.5, and light from below too.)
    """
    generators = [generator_of(Purpose.LIGHTS, seed, first + view) for view in range(len(cameras))]
    chance = torch.stack([torch.rand(2, generator=generator) for generator in generators]).to(cameras.device)
    stray = torch.stack([torch.randn(3, generator=generator) for generator in generators]).to(cameras.device)
    lit = chance[:, 0] < probability
    if not lit.any():
        return None
    outward, distance = functional.normalize(cameras - middle, dim=-1), (cameras - middle).norm(dim=-1, keepdim=True)
    towards = functional.normalize(outward + spread * stray, dim=-1)
    towards = torch.cat([towards[:, :2], towards[:, 2:].abs()], -1)
    share = torch.where(lit, ambient, 1.0)
    return Lights(middle + distance * towards, 1 - share, share, lit & (chance[:, 1] < textureless))


def shade(
    albedo: Tensor, points: Tensor, weights: Tensor, view: Tensor, normals: Callable[[Tensor], Tensor], lights: Lights
) -> Tensor:
    """Colours [M, 3] of lit samples with albedo [M, 3] at points [M, 3], before they are summed along their rays.

    weights: [M], w_i of volume rendering. view: number of each sample's view, int64 [M]. normals: points [K, 3] to
    outward unit normals [K, 3]; 0 where there is none.
    Every sample that can be seen is lit by its own normal, rather than one point a ray: where a ray meets two surfaces,
    or haze, the expected depth lies on none of them. Samples that weigh at most `SEEN`, which are nearly all of them,
    cost nothing: they count as turned away, which changes a pixel by at most `SEEN` times their number.
    Gradients reach the density by the weights and by the finite differences of the normals.
    """
    index = ((weights.detach() > SEEN) & (lights.direct[view] > 0)).nonzero()[:, 0]
    towards = functional.normalize(lights.position[view[index]] - points[index], dim=-1)
    facing = (normals(points[index]) * towards).sum(-1).clamp_min(0)
    facing = torch.zeros_like(weights).index_copy(0, index, facing)
    light = lights.ambient[view] + lights.direct[view] * facing
    return torch.where(lights.white[view][:, None], 1.0, albedo) * light[:, None]
