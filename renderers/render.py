"""What a renderer gives back."""

from dataclasses import dataclass

from torch import Tensor

from renderers.samples import Samples


@dataclass(frozen=True)
class SampledNormals:
    """Normals at K samples, with what `losses.orientation_loss` needs.

    normal, direction (of the ray, away from the camera): unit, [K, 3]. weight: [K], scaled so that sums over these
    samples estimate sums over all.
    """

    normal: Tensor
    direction: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Picture:
    """A batch of pictures. Colours in [0, 1], distances in world units.

    color, background: [B, H, W, 3]; color has the background behind it. opacity: [B, H, W]. depth: mean distance,
    along the ray, of what is seen, [B, H, W]. normal: [B, H, W, 3], outward, shorter than 1 where the view is half
    clear; None if not asked for.
    """

    color: Tensor
    opacity: Tensor
    depth: Tensor
    background: Tensor
    normal: Tensor | None


@dataclass(frozen=True)
class Render(Picture):
    """Pictures with what the regularisers need.

    samples: all samples of all rays, packed, M in all; ray index = (b H + row) W + column. density, weights: theirs,
    [M]. sampled_normals: None if not asked for.
    """

    samples: Samples
    density: Tensor
    weights: Tensor
    sampled_normals: SampledNormals | None
