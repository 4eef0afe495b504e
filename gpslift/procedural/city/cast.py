"""Rays against solids: what each ray meets first, and which points the sun does not reach.

Solids are sorted into bins, by bearing for eyes and by strips for the sun, so that a ray looks at few of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.cast_kernels import fill_bins, find_first, find_shadow
from gpslift.procedural.city.masses import EAST, HALF_U, HALF_V, KIND, NORTH, ROUND, Float32s

BINS = 192
STRIP_M = 4.0


@dataclass(frozen=True)
class Hits:
    """What rays [N] meet first. solid: row, -1 = none. distance: metres along the ray (inf = none).

    face: 0 to 3 the sides +u, -u, +v, -v; 4 top, 5 bottom; 6 round. normal: [N, 3].
    """

    solid: NDArray[np.int32]
    distance: Float32s
    face: NDArray[np.int32]
    normal: Float32s


def first_hits(origin: Float32s, directions: Float32s, shape: Float32s, bare: float) -> tuple[Hits, NDArray[np.intp]]:
    """What rays from `origin` [3] along unit `directions` [N, 3] meet first, the ground (height 0) included.

    bare: share of the crowns' leaves that are gone. Also returns the order of the solids that `Hits.solid` counts in.
    """
    angles = np.arctan2(directions[:, 0], directions[:, 1])
    middle = float(np.arctan2(directions[:, 0].mean(), directions[:, 1].mean()))
    angles = (angles - middle + np.pi) % (2 * np.pi) - np.pi
    low, step = float(angles.min()), float(np.ptp(angles)) / BINS + 1e-6
    offset = shape[:, [EAST, NORTH]] - origin[:2]
    distance = np.hypot(offset[:, 0], offset[:, 1])
    size = np.where(shape[:, KIND] < ROUND, np.hypot(shape[:, HALF_U], shape[:, HALF_V]), shape[:, HALF_U])
    center = (np.arctan2(offset[:, 0], offset[:, 1]) - middle + np.pi) % (2 * np.pi) - np.pi
    half = np.where(distance > size, np.arcsin(np.minimum(size / np.maximum(distance, 1e-6), 1.0)), 7.0)
    first, last = np.floor((center - half - low) / step), np.floor((center + half - low) / step)
    seen = np.flatnonzero((last >= 0) & (first < BINS))
    order = seen[np.argsort((distance - size)[seen], kind="stable")]
    first, last = (np.clip(edge[order], 0, BINS - 1).astype(np.int64) for edge in (first, last))
    rows, starts = fill_bins(first, last, BINS)
    count = len(directions)
    hits = Hits(
        np.full(count, -1, np.int32),
        np.empty(count, np.float32),
        np.full(count, -1, np.int32),
        np.zeros((count, 3), np.float32),
    )
    angle = np.minimum(((angles - low) / step).astype(np.int64), BINS - 1)
    near = np.maximum(distance - size, 0)[order].astype(np.float32)
    far = (distance + size)[order].astype(np.float32)
    find_first(
        origin, directions, angle, shape[order], near, far, rows, starts, bare,
        hits.solid, hits.distance, hits.face, hits.normal,
    )  # fmt: skip
    return hits, order


def in_shadow(points: Float32s, sun: Float32s, shape: Float32s, bare: float) -> NDArray[np.bool_]:
    """Which points [N, 3] some solid hides from the sun, which lies along the unit vector `sun` [3]."""
    dark = np.zeros(len(points), bool)
    if len(points) == 0 or len(shape) == 0:
        return dark
    side = np.array([-sun[1], sun[0]]) / max(float(np.hypot(sun[0], sun[1])), 1e-6)
    place = points[:, :2] @ side
    low = float(place.min())
    bins = min(int(np.ptp(place) / STRIP_M) + 1, 400)
    step = float(np.ptp(place)) / bins + 1e-6
    size = np.where(shape[:, KIND] < ROUND, np.hypot(shape[:, HALF_U], shape[:, HALF_V]), shape[:, HALF_U])
    center = shape[:, [EAST, NORTH]] @ side
    first, last = np.floor((center - size - low) / step), np.floor((center + size - low) / step)
    seen = np.flatnonzero((last >= 0) & (first < bins))
    first, last = (np.clip(edge[seen], 0, bins - 1).astype(np.int64) for edge in (first, last))
    rows, starts = fill_bins(first, last, bins)
    strip = np.minimum(((place - low) / step).astype(np.int64), bins - 1)
    find_shadow(points, strip, sun, shape[seen], rows, starts, bare, dark)
    return dark
