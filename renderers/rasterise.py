"""Triangle meshes as pictures, with gradients: what each pixel shows of its triangle.

After Laine et al. 2020, "Modular Primitives for High-Performance Differentiable Rendering" (nvdiffrast), sections 3.2
and 3.3: visibility is discrete and has no gradient; interpolation has, by the values and, through the barycentrics, by
the vertices. Silhouettes get theirs from `antialias`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from renderers.visibility import screen_weights, visible_faces


@dataclass(frozen=True)
class Fragments:
    """What the pixels see of a mesh. N pixels see something.

    face: the face that each pixel sees, -1 for none, [B, H, W]. nearness: of what it sees, 1 / depth, 0 for nothing,
    without gradient, [B, H, W]. pixel: places of the N pixels in the flattened picture, rising. corners: vertices of
    their faces [N, 3]. weights: perspective-correct barycentrics of the pixels' centres [N, 3], differentiable by the
    screen's vertices.
    """

    face: Tensor
    nearness: Tensor
    pixel: Tensor
    corners: Tensor
    weights: Tensor

    def interpolate(self, values: Tensor) -> Tensor:
        """Values [V, C] of the vertices at the N pixels: [N, C]; differentiable by values and vertices."""
        return (self.weights[..., None] * values[self.corners]).sum(1)

    def picture(self, values: Tensor) -> Tensor:
        """Values [N, C] of the N pixels as pictures [B, H, W, C]; 0 where nothing is seen."""
        flat = values.new_zeros(self.face.numel(), values.shape[-1])
        return flat.index_copy(0, self.pixel, values).view(*self.face.shape, -1)


def rasterise(screen: Tensor, faces: Tensor, height: int, width: int) -> Fragments:
    """The nearest triangle in every pixel of B pictures.

    screen: vertices [B, V, 3] as `visibility.project` gives them. faces: [F, 3], int64.
    """
    face = visible_faces(screen, faces, height, width)
    pixel = torch.nonzero(face.flatten() >= 0)[:, 0]
    image, place = pixel // (height * width), pixel % (height * width)
    corners = faces[face.flatten()[pixel]]
    seen = screen[image[:, None], corners]
    x, y = place % width + 0.5, place // width + 0.5
    weights = (
        screen_weights(seen, x.to(screen), y.to(screen)) * seen[..., 2]
    )  # linear on the screen is value * nearness
    near = weights.sum(-1, keepdim=True)
    nearness = near.new_zeros(face.numel()).index_copy(0, pixel, near.detach()[:, 0]).view(face.shape)
    return Fragments(face, nearness, pixel, corners, weights / near)
