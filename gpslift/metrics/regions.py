"""Cutting a city into regions that hold as many photos each, for judges where nobody has drawn neighbourhoods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HALVINGS = 3
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Regions:
    """Regions of the map by halving: across its longer side, each half again, and so on (a k-d tree).

    cuts: one for each halving, breadth first: (axis: 0 = east, 1 = north, metres).
    """

    cuts: Sequence[tuple[int, float]]

    @property
    def names(self) -> list[str]:
        """A name for each region."""
        return [f"region {number + 1}" for number in range(len(self.cuts) + 1)]

    def of(self, east_m: Floats, north_m: Floats) -> NDArray[np.int64]:
        """Which region, 0 to len(names) - 1, each of the points [N] lies in."""
        points = np.stack([east_m, north_m])
        node = np.zeros(points.shape[1], np.int64)
        while (inner := node < len(self.cuts)).any():
            axis, limit = np.array([self.cuts[number] for number in node[inner]]).T
            beyond = points[axis.astype(int), np.flatnonzero(inner)] >= limit
            node[inner] = 2 * node[inner] + 1 + beyond
        return node - len(self.cuts)


def halved_regions(east_m: Floats, north_m: Floats) -> Regions:
    """2^HALVINGS regions with as many of these points [N] each."""
    cuts: list[tuple[int, float]] = []
    cells = [np.arange(len(east_m))]
    points = np.stack([east_m, north_m])
    for _ in range(HALVINGS):
        following = []
        for rows in cells:
            axis = int(np.argmax(np.ptp(points[:, rows], axis=1))) if len(rows) else 0
            limit = float(np.median(points[axis, rows])) if len(rows) else 0.0
            cuts.append((axis, limit))
            below = points[axis, rows] < limit
            following += [rows[below], rows[~below]]
        cells = following
    return Regions(cuts)
