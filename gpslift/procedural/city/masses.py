"""Solids that a city is put together from: boxes and cones that taper upwards, and how their sides look."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpslift.srgb import srgb_to_linear

Float32s = NDArray[np.float32]

EAST, NORTH, AXIS_EAST, AXIS_NORTH, HALF_U, HALF_V, LOW, HIGH, INSET_U, INSET_V, KIND = range(11)
"""Columns of a solid's shape: centre, unit vector of its u axis (v is to the left of it), half sides at the foot, foot
and top above the ground, by how much the half sides shrink up to the top, and
BOX, LATTICE (a box that one sees through in places), ROUND (radius HALF_U) or CROWN."""
BOX, LATTICE, ROUND, CROWN = 0.0, 1.0, 2.0, 3.0

PATTERNS = (
    "plain",
    "stone",
    "shutters",
    "plinth",
    "workshop",
    "slab",
    "curtain",
    "brick",
    "office",
    "fire_escape",
    "iron",
    "signs",
    "glass",
    "lintels",
    "awning",
    "dormers",
    "leaves",
)

FINISH = np.dtype(
    [
        ("wall", np.float32, 3),
        ("trim", np.float32, 3),
        ("top", np.float32, 3),
        ("storey", np.float32),
        ("ground", np.float32),
        ("bay", np.float32),
        ("shop", np.float32),
        ("seed", np.float32),
        ("pattern", np.int32),
    ]
)
"""How a solid looks. Colours: linear. storey, ground: heights of a storey and of the ground floor, metres (0 = none);
bay: from window to window, metres. shop: 1 where the ground floor has one. seed: the house's own number in [0, 1)."""


@dataclass(frozen=True)
class Solids:
    """shape: [N, 11], float32. finish: [N] of FINISH."""

    shape: Float32s
    finish: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.shape)

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> "Solids":
        return Solids(self.shape[rows], self.finish[rows])


def join(parts: Sequence[Solids]) -> Solids:
    """All of them, in order."""
    return Solids(np.concatenate([p.shape for p in parts]), np.concatenate([p.finish for p in parts]))


def pattern_code(name: str) -> int:
    """The number of a wall pattern."""
    return PATTERNS.index(name)


def shapes(
    at: ArrayLike,
    axis: ArrayLike,
    half: tuple[ArrayLike, ArrayLike],
    heights: tuple[ArrayLike, ArrayLike],
    inset: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
    kind: float = BOX,
) -> Float32s:
    """Shapes [N, 11] about centres `at` [N, 2] with u along `axis` [N, 2] or [2]; the rest [N] or one for all."""
    centers = np.atleast_2d(np.asarray(at, float))
    axes = np.broadcast_to(np.asarray(axis, float), centers.shape)
    rest = [np.broadcast_to(np.asarray(c, float), len(centers)) for c in (*half, *heights, *inset, kind)]
    return np.column_stack([centers, axes, *rest]).astype(np.float32)


def finishes(
    count: int,
    wall: ArrayLike,
    trim: ArrayLike = (0.8, 0.8, 0.8),
    top: ArrayLike = (0.5, 0.5, 0.5),
    pattern: ArrayLike = 0,
    storey: ArrayLike = 3.0,
    ground: ArrayLike = 0.0,
    bay: ArrayLike = 3.0,
    shop: ArrayLike = 0.0,
    seed: ArrayLike = 0.0,
) -> NDArray[np.void]:
    """Finishes [count]; colours in sRGB ([3] or [count, 3])."""
    finish = np.zeros(count, FINISH)
    for name, color in (("wall", wall), ("trim", trim), ("top", top)):
        finish[name] = srgb_to_linear(np.clip(np.asarray(color, np.float32), 0, 1))
    for name, value in (("storey", storey), ("ground", ground), ("bay", bay), ("shop", shop), ("seed", seed)):
        finish[name] = value
    finish["pattern"] = pattern
    return finish


def axis_of(bearing: ArrayLike) -> NDArray[np.float64]:
    """Unit vectors [..., 2] east, north of bearings in degrees clockwise from north."""
    angle = np.deg2rad(np.asarray(bearing, float))
    return np.stack([np.sin(angle), np.cos(angle)], -1)


def in_the_way(shape: Float32s) -> Float32s:
    """Those of the shapes that stop a walker: neither overhead nor low enough to be walked on."""
    return shape[(shape[:, LOW] < 2.0) & (shape[:, HIGH] > 0.6)]


def inside_any(shape: Float32s, points: NDArray[np.float64], margin_m: float) -> NDArray[np.bool_]:
    """Which points [K, 2] on the ground lie within `margin_m` of the foot of a solid."""
    x, y = points[:, :1] - shape[:, EAST], points[:, 1:] - shape[:, NORTH]
    u = np.abs(x * shape[:, AXIS_EAST] + y * shape[:, AXIS_NORTH])
    v = np.abs(y * shape[:, AXIS_EAST] - x * shape[:, AXIS_NORTH])
    return np.asarray(((u < shape[:, HALF_U] + margin_m) & (v < shape[:, HALF_V] + margin_m)).any(1))
