"""The torch engine for GPUs: all levels in one expression, which torch.compile fuses into a kernel or two."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from renderers.backends.contract import PRIMES, GridLayout
from renderers.backends.torch_engine import UINT32, TorchEngine


@lru_cache
def level_table(layout: GridLayout, active_levels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scales [L, 1] (float), and resolutions, offsets, entries and dense (0 or 1) [4, L, 1] (int64)."""
    levels = layout.levels[:active_levels]
    scale = torch.tensor([level.scale for level in levels], device=device)
    rows = [[level.resolution, level.offset, level.entries, int(level.dense)] for level in levels]
    return scale[:, None], torch.tensor(rows, device=device).T[..., None]


def encode_levels(points: Tensor, table: Tensor, scale: Tensor, whole: Tensor) -> Tensor:
    """The grid's features [features, L, N] at points [N, 3] in [0, 1]: what `torch_engine.encode_level` computes.

    The levels are data rather than Python numbers, so that one compilation serves every level and every grid.
    """
    resolution, offset, entries, dense = whole
    position = points.T[:, None] * scale + 0.5
    cell = position.detach().floor()
    fraction = position - cell
    cell = cell.long()
    value: Tensor | None = None
    for corner in range(8):
        steps = [corner & 1, corner >> 1 & 1, corner >> 2 & 1]
        x, y, z = (cell[axis] + steps[axis] for axis in range(3))
        counted = x + resolution * (y + resolution * z)
        hashed = (x * PRIMES[0] & UINT32) ^ (y * PRIMES[1] & UINT32) ^ (z * PRIMES[2] & UINT32)
        row = offset + torch.where(dense > 0, counted, hashed) % entries
        sides = [fraction[axis] if steps[axis] else 1 - fraction[axis] for axis in range(3)]
        part = (sides[0] * sides[1] * sides[2])[..., None] * table[row]
        value = part if value is None else value + part
    assert value is not None
    return value.permute(2, 0, 1)


class CompiledEngine(TorchEngine):
    """As the torch engine, with the encoding compiled at its first call; shapes are symbols, so that one kernel serves
    all grids and numbers of points. backend: of torch.compile."""

    name = "compiled"

    def __init__(self, backend: str | Callable[..., Any] = "inductor") -> None:
        self.encode_levels = torch.compile(encode_levels, dynamic=True, backend=backend)

    def encode(self, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        """See `Engine.encode`."""
        count, channels = len(points), len(layout.levels) * layout.features
        if count == 0:
            return table.new_zeros(channels, 0) + table[:0].sum()  # of several processes, each needs a gradient
        scale, whole = level_table(layout, active_levels, points.device)
        features = self.encode_levels(points.clamp(0, 1), table, scale.to(points.dtype), whole)
        features = features.transpose(0, 1).reshape(active_levels * layout.features, count)
        return torch.cat([features, features.new_zeros(channels - len(features), count)])
