"""The ground of a city: where water, parks and open ways lie, and which district a place belongs to."""

import itertools
from collections.abc import Iterable
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray

from gpslift.geo.cities import City
from gpslift.procedural.city.facts import Facts, Floats, Grid, load_facts
from gpslift.procedural.city.noise import drift, hashed

RASTER_M = 20.0
MARGIN_M = 400.0
QUAY_M = 14.0
FAR_M = 1e4

PARK, WATER = "park", "water"


class Terrain:
    """The ground of one city. Distances are signed metres, positive inside; positions metres of the city."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.names = [district.name for district in facts.districts]
        self.centers = np.concatenate([district.centers[:, :2] for district in facts.districts])
        self.owner = np.repeat(np.arange(len(self.names)), [len(d.centers) for d in facts.districts])
        self.reach = np.array([district.reach for district in facts.districts])[self.owner]
        grids = list(facts.grids.values())
        self.grids: list[Grid] = grids
        self.grid_of_district = np.array([list(facts.grids).index(d.grid) for d in facts.districts])
        half = np.array(facts.city.extent_m) / 2 + MARGIN_M
        self.corner = -half
        columns, rows = (np.ceil(2 * half / RASTER_M).astype(int) + 1).tolist()
        east, north = -half[0] + RASTER_M * np.arange(columns), -half[1] + RASTER_M * np.arange(rows)

        def deepest(depths: Iterable[Floats]) -> Floats:
            return reduce(np.maximum, depths, np.full((rows, columns), -FAR_M))

        islands = deepest(polygon_depth(polygon[:, :2], east, north) for polygon in facts.islands)
        rivers = deepest(band_depth(line, east, north) for line in facts.waters)
        self._water = np.minimum(rivers, -islands).astype(np.float32)
        parks = deepest(polygon_depth(polygon[:, :2], east, north) for polygon in facts.parks)
        self._park = np.minimum(parks, -self._water).astype(np.float32)
        # a square is a very short avenue with round ends
        rounds = [*facts.squares, *(np.array([*m.at[:2], m.clear_m]) for m in facts.monuments)]
        dots = [np.array([[x, y, 2 * r], [x + 0.1, y, 2 * r]]) for x, y, r in rounds]
        self._open = deepest(band_depth(line, east, north) for line in [*facts.avenues, *dots]).astype(np.float32)
        self._kept_free = np.maximum.reduce([self._water + QUAY_M, self._park + 3.0, self._open]).astype(np.float32)

    @property
    def columns(self) -> int:
        """Columns of the raster."""
        return int(self._water.shape[1])

    def strolls(self) -> dict[str, NDArray[np.bool_]]:
        """Cells of the raster where walks of a kind begin: in parks, along the water, on avenues and squares."""
        dry = self._water < -3
        return {"park": dry & (self._park > 2), "water": dry & (self._water > -22), "open": dry & (self._open > 2)}

    def water(self, east: Floats, north: Floats) -> Floats:
        """How deep inside the water, metres."""
        return self._read(self._water, east, north)

    def park(self, east: Floats, north: Floats) -> Floats:
        """How deep inside a park, metres."""
        return self._read(self._park, east, north)

    def open(self, east: Floats, north: Floats) -> Floats:
        """How deep inside an avenue, a square, or the surroundings of a monument, metres."""
        return self._read(self._open, east, north)

    def free(self, east: Floats, north: Floats) -> NDArray[np.bool_]:
        """Where one may build: neither in water, on a quay or in a park, nor in the way of an avenue."""
        return self._read(self._kept_free, east, north) < 0

    def _read(self, raster: NDArray[np.float32], east: Floats, north: Floats) -> Floats:
        """Interpolated linearly; beyond the raster, its edge goes on."""
        x = np.clip((np.asarray(east) - self.corner[0]) / RASTER_M, 0, raster.shape[1] - 1.001)
        y = np.clip((np.asarray(north) - self.corner[1]) / RASTER_M, 0, raster.shape[0] - 1.001)
        column, row = x.astype(np.intp), y.astype(np.intp)
        x, y = x - column, y - row
        low = raster[row, column] * (1 - x) + raster[row, column + 1] * x
        high = raster[row + 1, column] * (1 - x) + raster[row + 1, column + 1] * x
        return low * (1 - y) + high * y

    def district(self, east: Floats, north: Floats, blur: float = 0.0) -> tuple[NDArray[np.intp], Floats]:
        """The district of each place [N], and how far (metres, roughly) its border is.

        blur: by how much of a distance each place, by chance, errs in comparing: districts then mix at their borders.
        """
        x, y = np.asarray(east, float), np.asarray(north, float)
        near = self._nearness(x, y)
        if blur:
            near = near * (
                1 + blur * (hashed(3, np.arange(len(near))[:, None], np.floor(x * 8), np.floor(y * 8)) - 0.5)
            )
        first, second = np.partition(near, 1, axis=0)[:2]
        return near.argmin(0), (second - first) / 2

    @property
    def area_names(self) -> list[str]:
        """The districts, and what lies between them."""
        return [*self.names, PARK, WATER]

    def area(self, east: Floats, north: Floats) -> NDArray[np.intp]:
        """The district of each place [N], or park or water: rows of `area_names`."""
        index, _ = self.district(east, north)
        index = np.where(self.park(east, north) > 0, len(self.names), index)
        return np.where(self.water(east, north) > 0, len(self.names) + 1, index)

    def _nearness(self, x: Floats, y: Floats) -> Floats:
        """Distance to each district in its own reaches, [districts, ...]."""
        # borders wander, so that they are no straight lines
        wander_x = x + 260 * (drift(1, x, y, 700) - 0.5)
        wander_y = y + 260 * (drift(2, x, y, 700) - 0.5)
        near = np.full((len(self.names), *x.shape), np.inf)
        for (cx, cy), owner, reach in zip(self.centers, self.owner, self.reach, strict=True):
            near[owner] = np.minimum(near[owner], np.hypot(wander_x - cx, wander_y - cy) / reach)
        return near

    def grid(self, east: Floats, north: Floats) -> tuple[NDArray[np.intp], Floats]:
        """The street grid of each place [N], and how far outside each grid's districts it lies [grids, N], metres."""
        near = self._nearness(np.asarray(east, float), np.asarray(north, float))
        by_grid = np.stack([near[self.grid_of_district == g].min(0) for g in range(len(self.grids))])
        first, second = np.partition(by_grid, 1, axis=0)[:2]
        others = np.where(by_grid == first, second, first)
        return by_grid.argmin(0), (by_grid - others) / 2

    def bearing(self, east: Floats, north: Floats) -> Floats:
        """The way the streets run there, degrees clockwise from north."""
        return np.array([grid.bearing for grid in self.grids])[self.grid(east, north)[0]]


@cache
def terrain_of(city: City) -> Terrain:
    """The terrain of a city, made once a process."""
    return Terrain(load_facts(city))


def band_depth(line: Floats, east: Floats, north: Floats) -> Floats:
    """How deep places lie inside a polyline [N, 3] of given width, metres; far outside, no more than that they do.

    east: [columns] and north: [rows], of a raster; returns [rows, columns].
    """
    deepest = np.full((len(north), len(east)), -FAR_M)
    for (x0, y0, w0), (x1, y1, w1) in itertools.pairwise(line):
        rows, columns = _window((x0, x1), (y0, y1), max(w0, w1) / 2, east, north)
        share, distance = _to_segment(x0, y0, x1, y1, east[None, columns], north[rows, None])
        deepest[rows, columns] = np.maximum(deepest[rows, columns], (w0 + share * (w1 - w0)) / 2 - distance)
    return deepest


def polygon_depth(polygon: Floats, east: Floats, north: Floats) -> Floats:
    """How deep places lie inside a polygon [N, 2], metres: distance to its edge, negative outside; as `band_depth`."""
    nearest, inside = np.full((len(north), len(east)), FAR_M), np.zeros((len(north), len(east)), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        rows, columns = _window((x0, x1), (y0, y1), 0.0, east, north)
        _, distance = _to_segment(x0, y0, x1, y1, east[None, columns], north[rows, None])
        nearest[rows, columns] = np.minimum(nearest[rows, columns], distance)
        between = np.flatnonzero((y0 > north) != (y1 > north))
        if y0 != y1:
            crossing = x0 + (north[between] - y0) * (x1 - x0) / (y1 - y0)
            inside[between] ^= east[None] < crossing[:, None]
    return np.where(inside, nearest, -nearest)


def _window(
    x: tuple[float, float], y: tuple[float, float], reach: float, east: Floats, north: Floats
) -> tuple[slice, slice]:
    """Rows and columns of the raster within `reach` and a margin of a segment."""
    columns = np.searchsorted(east, (min(x) - reach - MARGIN_M, max(x) + reach + MARGIN_M))
    rows = np.searchsorted(north, (min(y) - reach - MARGIN_M, max(y) + reach + MARGIN_M))
    return slice(*rows), slice(*columns)


def _to_segment(x0: float, y0: float, x1: float, y1: float, east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Where along a segment (0 to 1) places are nearest to it, and how far from it, metres."""
    dx, dy = x1 - x0, y1 - y0
    share = np.clip(((east - x0) * dx + (north - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    return share, np.hypot(east - x0 - share * dx, north - y0 - share * dy)
