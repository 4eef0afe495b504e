"""Compiled z-buffer of the rasteriser: the nearest triangle in each pixel. Rounds as `visibility.nearest_face` does.

Images are drawn in parallel, triangles in their order, so that results repeat bit for bit.
"""

import math
from typing import Any

import numpy as np
from numba import njit, prange

TOLERANCE = -1e-9
"""Weights of corners from which on a pixel's centre counts as inside, so that rounding leaves no gaps on edges."""


@njit(cache=True, nogil=True)
def draw(screen: Any, corners: Any, face: int, best: Any, result: Any) -> None:
    """Draws the triangle `face` with these corners [3], rows of `screen` [V, 3], into `best` and `result` [H, W]."""
    x0, y0, near0 = screen[corners[0]]
    x1, y1, near1 = screen[corners[1]]
    x2, y2, near2 = screen[corners[2]]
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    if not (near0 > 0.0 and near1 > 0.0 and near2 > 0.0) or area == 0.0:
        return
    height, width = best.shape
    left, right = max(0, math.ceil(min(x0, x1, x2) - 0.5)), min(width - 1, math.floor(max(x0, x1, x2) - 0.5))
    top, bottom = max(0, math.ceil(min(y0, y1, y2) - 0.5)), min(height - 1, math.floor(max(y0, y1, y2) - 0.5))
    for row in range(top, bottom + 1):
        y = row + 0.5
        for column in range(left, right + 1):
            x = column + 0.5
            a = ((x1 - x) * (y2 - y) - (y1 - y) * (x2 - x)) / area
            b = ((x2 - x) * (y0 - y) - (y2 - y) * (x0 - x)) / area
            c = 1.0 - a - b
            near = a * near0 + b * near1 + c * near2
            if a >= TOLERANCE and b >= TOLERANCE and c >= TOLERANCE and near > best[row, column]:
                best[row, column] = near
                result[row, column] = face


@njit(parallel=True, cache=True, nogil=True)
def nearest_faces(screen: Any, faces: Any, result: Any) -> None:
    """result [B, H, W]: the nearest of `faces` [F, 3] in each pixel, -1 for none. screen: [B, V, 3] float64."""
    for image in prange(len(screen)):
        best = np.zeros(result.shape[1:])
        for face in range(len(faces)):
            draw(screen[image], faces[face], face, best, result[image])
