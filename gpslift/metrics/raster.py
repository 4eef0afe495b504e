"""A z-buffer for triangle meshes, on the CPU and without OpenGL: what silhouettes and visibility are read from."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

EMPTY = -np.inf


@numba.njit(cache=True)
def _fill(screen: np.ndarray, faces: np.ndarray, buffer: np.ndarray) -> None:
    """Draws every triangle into `buffer` [H, W] by edge functions at pixel centres; the largest nearness stays."""
    height, width = buffer.shape
    for face in range(faces.shape[0]):
        x0, y0, n0 = screen[faces[face, 0]]
        x1, y1, n1 = screen[faces[face, 1]]
        x2, y2, n2 = screen[faces[face, 2]]
        if not (math.isfinite(n0) and math.isfinite(n1) and math.isfinite(n2)):
            continue
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        if area == 0.0:
            continue
        left = max(0, math.ceil(min(x0, x1, x2) - 0.5))
        right = min(width - 1, math.floor(max(x0, x1, x2) - 0.5))
        top = max(0, math.ceil(min(y0, y1, y2) - 0.5))
        bottom = min(height - 1, math.floor(max(y0, y1, y2) - 0.5))
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                a = ((x1 - x) * (y2 - y) - (y1 - y) * (x2 - x)) / area
                b = ((x2 - x) * (y0 - y) - (y2 - y) * (x0 - x)) / area
                c = 1.0 - a - b
                if a >= 0.0 and b >= 0.0 and c >= -1e-12:
                    nearness = a * n0 + b * n1 + c * n2
                    if nearness > buffer[row, column]:
                        buffer[row, column] = nearness


def rasterise(screen: NDArray[np.float64], faces: NDArray[np.int64], height: int, width: int) -> NDArray[np.float64]:
    """The nearest surface in every pixel.

    screen: vertices [V, 3] as (x, y, nearness): x right and y down in pixels, (0, 0) the corner of the first pixel;
    nearness is any quantity that is linear on the screen and grows towards the viewer (the inverse depth of a
    perspective, the negative depth of a parallel projection). A triangle with a vertex of infinite or undefined
    nearness is left out. Triangles are drawn from both sides.
    Returns [height, width]: the largest nearness, -inf where there is no surface.
    """
    buffer = np.full((height, width), EMPTY)
    _fill(np.ascontiguousarray(screen, np.float64), np.ascontiguousarray(faces, np.int64), buffer)
    return buffer
