"""Compiled ray march of the numba engine. Rounds exactly as the torch engine does (no fused multiply-add)."""

from typing import Any

import numpy as np
from numba import njit, prange


@njit(forceinline=True)
def interval(near: Any, far: Any, offset: Any, step: Any, k: int) -> Any:
    """Start and end of interval k, cut to [near, far]."""
    start = near + (np.float32(k) - offset) * step
    end = near + (np.float32(k + 1) - offset) * step
    return max(start, near), min(end, far)


@njit(forceinline=True)
def cell_of(coordinate: Any, low: Any, per_unit: Any, size: int) -> Any:
    """Index of the cell a coordinate lies in, cut to the grid."""
    return min(max(np.int64((coordinate - low) * per_unit), 0), size - 1)


@njit(parallel=True, cache=True, nogil=True)
def mark(
    origins: Any,
    directions: Any,
    near: Any,
    far: Any,
    offset: Any,
    step: Any,
    cells: Any,
    box_min: Any,
    per_unit: Any,
    marks: Any,
    counts: Any,
) -> None:
    """marks[r, k] = whether interval k of ray r has its middle in an occupied cell; counts[r] = how many do."""
    size_x, size_y, size_z = cells.shape
    half = np.float32(2)
    for ray in prange(len(near)):
        count = 0
        for k in range(marks.shape[1]):
            start, end = interval(near[ray], far[ray], offset[ray], step, k)
            if end <= start:
                if start >= far[ray]:
                    break
                continue
            middle = (start + end) / half
            x = cell_of(origins[ray, 0] + directions[ray, 0] * middle, box_min[0], per_unit[0], size_x)
            y = cell_of(origins[ray, 1] + directions[ray, 1] * middle, box_min[1], per_unit[1], size_y)
            z = cell_of(origins[ray, 2] + directions[ray, 2] * middle, box_min[2], per_unit[2], size_z)
            if cells[x, y, z]:
                marks[ray, k] = True
                count += 1
        counts[ray] = count


@njit(parallel=True, cache=True, nogil=True)
def collect(
    near: Any, far: Any, offset: Any, step: Any, marks: Any, first: Any, ray_out: Any, start_out: Any, end_out: Any
) -> None:
    """Writes the marked intervals of ray r from place first[r] on."""
    for ray in prange(len(near)):
        place, last = first[ray], first[ray + 1]
        k = 0
        while place < last:
            if marks[ray, k]:
                ray_out[place] = ray
                start_out[place], end_out[place] = interval(near[ray], far[ray], offset[ray], step, k)
                place += 1
            k += 1
