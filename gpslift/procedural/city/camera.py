"""The camera of a shot: the size of its picture and the rays through its pixels."""

import numpy as np

from gpslift.procedural.city.masses import Float32s
from gpslift.procedural.city.walkers import ASPECT, Shot


def picture_size(shot: Shot, short_side: int) -> tuple[int, int]:
    """Height and width, pixels."""
    long_side = round(short_side * ASPECT / 2) * 2
    return (long_side, short_side) if shot.portrait else (short_side, long_side)


def view_axes(shot: Shot) -> Float32s:
    """Right, up and forward of the camera as the rows of [3, 3]: east, north, up."""
    heading, pitch, roll = (np.deg2rad(a) for a in (shot.heading_deg, shot.pitch_deg, shot.roll_deg))
    ahead, right = np.array([np.sin(heading), np.cos(heading), 0]), np.array([np.cos(heading), -np.sin(heading), 0])
    forward = np.cos(pitch) * ahead + np.array([0, 0, np.sin(pitch)])
    up = np.cross(right, forward)
    return np.stack(
        [np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right, forward]
    ).astype(np.float32)


def rays_of(shot: Shot, height: int, width: int) -> Float32s:
    """Unit directions [height * width, 3] through the pixel centres, row by row from the top."""
    half = shot.half_short / min(height, width)
    right, up = np.meshgrid(
        half * (2 * np.arange(width) + 1 - width), half * (height - 1 - 2 * np.arange(height)), indexing="xy"
    )
    local = np.stack([right, up, np.ones_like(right)], -1).reshape(-1, 3).astype(np.float32)
    directions = local @ view_axes(shot)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)
