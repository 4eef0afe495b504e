"""The reference engine: plain torch, any device, any float type, written to be read."""

import math

import torch
from torch import Tensor

from renderers.backends.contract import PRIMES, GridLayout, GridLevel, OccupiedCells
from renderers.backends.padded import PaddedRendering
from renderers.samples import Samples

UINT32 = 0xFFFFFFFF


def row_of_corner(corner: Tensor, level: GridLevel) -> Tensor:
    """Rows [N] in the whole table of grid points `corner` [N, 3] (int64, >= 0).

    Dense levels count x fastest, then y, then z; a grid point beyond the last one (it occurs at the far border) wraps.
    Hashed levels: XOR of coordinate times prime, 32 bit. Both modulo the level's entries.
    """
    if level.dense:
        strides = (1, level.resolution, level.resolution**2)
        index = (corner * torch.tensor(strides, device=corner.device)).sum(-1)
    else:
        x, y, z = ((corner[:, axis] * PRIMES[axis]) & UINT32 for axis in range(3))
        index = x ^ y ^ z
    return level.offset + index % level.entries


def encode_level(points: Tensor, table: Tensor, level: GridLevel) -> Tensor:
    """Trilinear interpolation of one level's grid at points [N, 3] in [0, 1]: [N, features]."""
    position = points * level.scale + 0.5
    cell = position.detach().floor()
    fraction = position - cell
    cell = cell.long()
    value = torch.zeros(len(points), table.shape[1], dtype=table.dtype, device=table.device)
    for corner in range(8):
        step = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2 & 1], device=points.device)
        weight = torch.where(step.bool(), fraction, 1 - fraction).prod(-1)
        value = value + weight[:, None] * table[row_of_corner(cell + step, level)]
    return value


class TorchEngine(PaddedRendering):
    """Gradients by autograd, to the table and to the points."""

    name = "torch"

    def encode(self, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        """See `Engine.encode`."""
        points = points.clamp(0, 1)
        features = [encode_level(points, table, level) for level in layout.levels[:active_levels]]
        silent = (len(layout.levels) - active_levels) * layout.features
        features.append(torch.zeros(len(points), silent, dtype=table.dtype, device=table.device))
        return torch.cat(features, -1).T

    @torch.no_grad()
    def march(
        self,
        origins: Tensor,
        directions: Tensor,
        near: Tensor,
        far: Tensor,
        offset: Tensor,
        step: float,
        occupied: OccupiedCells,
    ) -> Samples:
        """See `Engine.march`."""
        longest = float((far - near).max()) if len(near) else 0.0
        count = torch.arange(math.ceil(max(longest, 0.0) / step) + 1, device=near.device, dtype=near.dtype)
        start = near[:, None] + (count - offset[:, None]) * step
        end = near[:, None] + (count + 1 - offset[:, None]) * step
        start, end = torch.maximum(start, near[:, None]), torch.minimum(end, far[:, None])
        middle = (start + end) / 2
        points = origins[:, None] + directions[:, None] * middle[..., None]
        ray, slot = ((end > start) & occupied.contains(points)).nonzero(as_tuple=True)
        return Samples(ray, start[ray, slot], end[ray, slot])
