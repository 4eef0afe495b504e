"""Which texel of a texture shows which point of which triangle: rasterising on the CPU, in whole arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CANDIDATES = 2**20  # pairs of texel and triangle looked at together, about 200 bytes each


@dataclass(frozen=True)
class Texels:
    """The texels that show a surface. index: row * size + column [N], rising. triangle [N]. weights: of its corners
    [N, 3], at least 0, sum 1."""

    index: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float64]


def nearest_triangles(corners: NDArray[np.float64], size: int, reach: float) -> Texels:
    """For each texel with a triangle within `reach` of its centre: the nearest point of the nearest triangle.

    corners: [F, 3, 2] as (x right, y down) in texels, (0, 0) the corner of the first of size x size texels. Triangles
    may face either way. With a reach of a texel or more, even the thinnest triangle is shown by some texel, and the
    texels on a border show the border. Of triangles equally near, the first is taken.
    """
    distance = np.full(size * size, np.inf)
    triangle = np.zeros(size * size, np.int64)
    weights = np.zeros((size * size, 3))
    first = np.clip(np.ceil(corners.min(1) - reach - 0.5), 0, size).astype(np.int64)
    last = np.clip(np.floor(corners.max(1) + reach - 0.5), -1, size - 1).astype(np.int64)
    sides = np.maximum(last - first + 1, 0)
    counts = sides.prod(1)
    parts = np.cumsum(counts) // CANDIDATES
    for part in np.split(np.arange(len(corners)), np.flatnonzero(np.diff(parts)) + 1):
        owner = np.repeat(part, counts[part])
        step = np.arange(len(owner)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        column, row = first[owner, 0] + step % sides[owner, 0], first[owner, 1] + step // sides[owner, 0]
        share, away = nearest_points(np.column_stack([column, row]) + 0.5, corners[owner])
        texel = row * size + column
        order = np.lexsort((owner, away, texel))
        order = order[np.diff(texel[order], prepend=-1) > 0]  # the nearest triangle of each texel
        order = order[(away[order] <= reach) & (away[order] < distance[texel[order]])]
        distance[texel[order]] = away[order]
        triangle[texel[order]], weights[texel[order]] = owner[order], share[order]
    index = np.flatnonzero(np.isfinite(distance))
    return Texels(index, triangle[index], weights[index])


def nearest_points(
    points: NDArray[np.float64], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The point of each triangle [N, 3, 2] nearest to its point [N, 2]: weights of corners [N, 3], distance [N]."""
    from_corner = points[:, None] - corners
    along = np.roll(corners, -1, 1) - corners  # each corner's way to the next
    length = np.maximum((along**2).sum(-1), np.finfo(float).tiny)
    share = np.clip((from_corner * along).sum(-1) / length, 0, 1)
    away = np.linalg.norm(from_corner - share[..., None] * along, axis=-1)
    edge = away.argmin(1)
    each = np.arange(len(points))
    weights = np.zeros((len(points), 3))
    weights[each, edge] = 1 - share[each, edge]
    weights[each, (edge + 1) % 3] = share[each, edge]
    # twice the areas that the point spans with each edge, each opposite to the corner before it
    areas = np.roll(along[..., 0] * from_corner[..., 1] - along[..., 1] * from_corner[..., 0], -1, 1)
    whole = areas.sum(1)
    inside = (whole != 0) & ((areas >= 0).all(1) | (areas <= 0).all(1))
    weights[inside] = areas[inside] / whole[inside, None]
    return weights, np.where(inside, 0.0, away[each, edge])
