"""Cameras that look at a box from all sides, so that the box fills the frame."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpslift.cameras import Cameras, orbit_cameras

FIELD_OF_VIEW_DEG = 30.0
MARGIN = 1.05
Corner = Sequence[float] | NDArray[np.float64]
RenderFunction = Callable[[Cameras], Any]
"""Cameras -> what they see, with attributes such as color [B, H, W, 3] and opacity [B, H, W]."""


def ring(count: int) -> list[float]:
    """`count` azimuths evenly round the circle, from north clockwise, degrees."""
    return [360.0 * index / count for index in range(count)]


def standing_box(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two corners [3] of the least box, square seen from above, whose inscribed upright cylinder holds points [N, 3]
    and has its axis in the middle of their bounds: what `framing_cameras` frames from all sides alike."""
    low, high = points.min(0), points.max(0)
    middle = (low + high)[:2] / 2
    radius = np.linalg.norm(points[:, :2] - middle, axis=1).max()
    return np.append(middle - radius, low[2]), np.append(middle + radius, high[2])


def framing_cameras(
    box_min: Corner,
    box_max: Corner,
    azimuth_deg: Sequence[float],
    elevation_deg: float,
    size: int,
) -> Cameras:
    """Square cameras of `size` pixels at the given azimuths [B] that look at the middle of the box.

    Their distance, the same for all, is one at which the upright cylinder inside the box fits a 30 degree field of view
    with 5 % of margin, at most a sixth more than the least. Unit: that of the box.
    """
    low, high = np.asarray(box_min, float), np.asarray(box_max, float)
    middle, half = (low + high) / 2, (high - low) / 2
    radius = float(max(half[0], half[1]))
    elevation = np.deg2rad(elevation_deg)
    tangent = np.tan(np.deg2rad(FIELD_OF_VIEW_DEG) / 2)
    above = half[2] * np.cos(elevation) + radius * abs(np.sin(elevation))
    towards = radius * np.cos(elevation) + half[2] * abs(np.sin(elevation))
    distance = max(above, radius) * MARGIN / tangent + towards
    azimuths = torch.as_tensor(list(azimuth_deg), dtype=torch.float32)
    return orbit_cameras(
        azimuths,
        torch.full_like(azimuths, elevation_deg),
        torch.full_like(azimuths, distance),
        torch.full_like(azimuths, float(np.deg2rad(FIELD_OF_VIEW_DEG))),
        torch.as_tensor(middle, dtype=torch.float32),
        size,
        size,
    )
