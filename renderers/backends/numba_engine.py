"""The CPU engine: numba kernels on as many threads as torch uses."""

import math
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from renderers.backends import numba_kernels, numba_march
from renderers.backends.contract import GridLayout, OccupiedCells
from renderers.backends.padded import PaddedRendering
from renderers.samples import Samples

MOST_THREADS = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # all cores this process may use


@lru_cache
def level_records(layout: GridLayout, active_levels: int) -> np.ndarray:
    """The active levels as the kernels take them."""
    rows = [(x.scale, x.resolution, x.offset, x.entries, x.dense) for x in layout.levels[:active_levels]]
    return np.array(rows, dtype=numba_kernels.LEVEL)


def match_threads() -> int:
    """Gives numba as many threads as torch has, and returns that number."""
    threads = min(torch.get_num_threads(), MOST_THREADS)
    if numba.get_num_threads() != threads:
        numba.set_num_threads(threads)
    return threads


def as_array(tensor: Tensor) -> np.ndarray:
    """A view of a CPU float32 tensor (copied only if its numbers do not lie in order)."""
    if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
        raise ValueError(
            f"the numba engine takes float32 on the CPU, not {tensor.dtype} on {tensor.device}: choose engine torch"
        )
    return tensor.detach().contiguous().numpy()


class Encode(torch.autograd.Function):
    """Channels first: points [3, N], table [rows, features] to [levels * features, N]."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        channels = len(layout.levels) * layout.features
        out = torch.empty(channels, points.shape[1])
        out[active_levels * layout.features :] = 0
        levels = level_records(layout, active_levels)
        numba_kernels.encode(as_array(points), as_array(table), levels, out.numpy(), match_threads())
        ctx.save_for_backward(points, table)
        ctx.levels = levels
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        points, table = ctx.saved_tensors
        points_array, upstream_array, workers = as_array(points), as_array(upstream), match_threads()
        to_points = to_table = None
        if ctx.needs_input_grad[0]:
            to_points = torch.zeros_like(points)
            numba_kernels.point_gradient(
                points_array, as_array(table), ctx.levels, upstream_array, to_points.numpy(), workers
            )
        if ctx.needs_input_grad[1]:
            to_table = torch.zeros_like(table)
            numba_kernels.table_gradient(points_array, ctx.levels, upstream_array, to_table.numpy(), workers)
        return to_points, to_table, None, None


class NumbaEngine(PaddedRendering):
    """Gradients by hand-written kernels, to the table and to the points; float32 on the CPU only."""

    name = "numba"

    def encode(self, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        """See `Engine.encode`."""
        return Encode.apply(points.T.contiguous(), table, layout, active_levels)

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
        match_threads()
        longest = float((far - near).max()) if len(near) else 0.0
        marks = np.zeros((len(near), math.ceil(max(longest, 0.0) / step) + 1), np.bool_)
        first = np.zeros(len(near) + 1, np.int64)
        span = (as_array(near), as_array(far), as_array(offset), np.float32(step))
        grid = (occupied.cells.numpy(), as_array(occupied.box_min), as_array(occupied.cells_per_unit))
        numba_march.mark(as_array(origins), as_array(directions), *span, *grid, marks, first[1:])
        np.cumsum(first, out=first)
        ray = torch.empty(int(first[-1]), dtype=torch.int64)
        start, end = torch.empty(len(ray)), torch.empty(len(ray))
        numba_march.collect(*span, marks, first, ray.numpy(), start.numpy(), end.numpy())
        return Samples(ray, start, end)
