"""What every engine offers, and the shape of the hash grid that all of them share.

The grid equals tiny-cuda-nn's `GridEncoding` (Müller et al. 2022, "Instant Neural Graphics Primitives", section 3;
tiny-cuda-nn `include/tiny-cuda-nn/encodings/grid.h`).
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from renderers.samples import Samples

PRIMES = (1, 2654435761, 805459861)


@dataclass(frozen=True)
class GridLevel:
    """One level. scale: cells along the unit interval. resolution: grid points a side. offset, entries: its rows in
    the table. dense: whether each grid point has a row of its own (else they share rows by hash)."""

    scale: float
    resolution: int
    offset: int
    entries: int
    dense: bool


@dataclass(frozen=True)
class GridLayout:
    """All levels, coarse to fine, and the number of features per level."""

    levels: tuple[GridLevel, ...]
    features: int

    @property
    def total_entries(self) -> int:
        """Rows of the table of all levels."""
        return self.levels[-1].offset + self.levels[-1].entries

    @classmethod
    def build(
        cls, *, levels: int, features: int, log2_table: int, base_resolution: int, finest_resolution: int
    ) -> "GridLayout":
        """Levels whose resolutions grow geometrically from `base_resolution` to `finest_resolution`.

        growth b = (finest / base)^(1 / (levels - 1)); level l has scale = base b^l - 1, resolution = ceil(scale) + 1,
        entries = min(next multiple of 8 of resolution^3, 2^log2_table).
        Raises ValueError if the finest resolution is below the base, or one level is asked for with two resolutions.
        """
        if finest_resolution < base_resolution or (levels == 1 and finest_resolution != base_resolution):
            raise ValueError(
                f"hash grid: finest_resolution {finest_resolution} must not be below base_resolution {base_resolution},"
                " and must equal it with one level"
            )
        growth = (finest_resolution / base_resolution) ** (1 / (levels - 1)) if levels > 1 else 1.0
        result: list[GridLevel] = []
        offset = 0
        for level in range(levels):
            scale = float(np.float32(base_resolution * growth**level - 1.0))
            resolution = math.ceil(scale) + 1
            entries = min(-(-(resolution**3) // 8) * 8, 2**log2_table)
            result.append(GridLevel(scale, resolution, offset, entries, dense=resolution**3 <= entries))
            offset += entries
        return cls(tuple(result), features)


@dataclass(frozen=True)
class OccupiedCells:
    """Which cells of a box hold something. cells: bool [X, Y, Z]. box_min: [3]. cells_per_unit: [3]."""

    cells: Tensor
    box_min: Tensor
    cells_per_unit: Tensor

    def contains(self, points: Tensor) -> Tensor:
        """Whether points [..., 3] lie in an occupied cell; points outside the box belong to the nearest cell."""
        shape = torch.tensor(self.cells.shape, device=points.device)
        cell = ((points - self.box_min) * self.cells_per_unit).long()
        x, y, z = torch.minimum(cell.clamp_min(0), shape - 1).unbind(-1)
        return self.cells.view(-1)[(x * shape[1] + y) * shape[2] + z]


class Engine(Protocol):
    """The operations that decide the renderer's speed."""

    name: str

    def encode(self, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        """Hash-grid features [levels * features, N], channels first, of points [N, 3] in [0, 1] (clamped).

        table: [total_entries, features]. Levels from `active_levels` on give zeros and get no gradient.
        Differentiable once in the table and in the points.
        """

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
        """The intervals of the rays [R, 3] between `near` and `far` [R] whose middles lie in occupied cells.

        Interval k of a ray is [near + (k - offset) step, near + (k + 1 - offset) step], cut to [near, far], with
        `offset` [R] in [0, 1). Rays with far <= near have none. No gradient.
        """

    def weights(self, density: Tensor, samples: Samples, rays: int) -> Tensor:
        """w_i = T_i alpha_i (see `renderers.volume`) of the samples of `rays` rays from their density: [M] to [M].

        Differentiable in the density.
        """

    def sum(self, values: Tensor, samples: Samples, rays: int) -> Tensor:
        """Sums of the samples' values [C, M] along each of `rays` rays, [C, rays]; 0 for rays without samples.

        Differentiable in the values.
        """
