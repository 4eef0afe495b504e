"""A city as it stands: every solid and tree, found by place. Made once a process, the same for all seeds."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gpslift.geo.cities import City
from gpslift.procedural.city.blocks import FAR_HOUSE_M, StyleTable, houses, lay_lots, towers
from gpslift.procedural.city.bridges import build_bridge
from gpslift.procedural.city.facts import Floats
from gpslift.procedural.city.masses import (
    EAST,
    HALF_U,
    HALF_V,
    HIGH,
    NORTH,
    Float32s,
    Solids,
    in_the_way,
    inside_any,
    join,
)
from gpslift.procedural.city.monuments import build_monument
from gpslift.procedural.city.terrain import Terrain, terrain_of
from gpslift.procedural.city.trees import plant, tree_solids

LARGE_M = 30.0
NEAR_M = 230.0
FAR_M = 1300.0
TREES_M = 110.0
GROVES_M = 520.0
TILE_M = 60.0
SEEN_FROM_AFAR = 0.02  # height over distance
ANYWHERE_M = 7000.0


class Tiles:
    """Points [N, 2] sorted into square tiles, to find those near a place without looking at all."""

    def __init__(self, at: Floats, side_m: float = TILE_M) -> None:
        self.side = side_m
        cell = np.floor(at / side_m).astype(np.int64)
        self.low = cell.min(0, initial=0)
        self.columns, self.rows = (cell.max(0, initial=0) - self.low + 1).tolist()
        number = (cell[:, 1] - self.low[1]) * self.columns + cell[:, 0] - self.low[0]
        self.order = np.argsort(number, kind="stable")
        self.starts = np.searchsorted(number[self.order], np.arange(self.columns * self.rows + 1))

    def near(self, east: float, north: float, radius: float) -> NDArray[np.intp]:
        """Rows of the points in all tiles that the circle touches."""
        first = np.floor((np.array([east, north]) - radius) / self.side).astype(int) - self.low
        last = np.floor((np.array([east, north]) + radius) / self.side).astype(int) - self.low
        left, right = max(first[0], 0), min(last[0], self.columns - 1)
        rows = range(max(first[1], 0), min(last[1], self.rows - 1) + 1)
        if left > right:
            return np.zeros(0, np.intp)
        runs = [
            self.order[self.starts[r * self.columns + left] : self.starts[r * self.columns + right + 1]] for r in rows
        ]
        return np.concatenate([np.zeros(0, np.intp), *runs])


class BuiltCity:
    """All that stands in a city, and its terrain. Positions: metres of the city."""

    def __init__(self, terrain: Terrain) -> None:
        self.terrain = terrain
        self.table = table = StyleTable(terrain)
        near = [houses(table, lay_lots(terrain, table, grid)) for grid in terrain.grids]
        far = [houses(table, lay_lots(terrain, table, grid, FAR_HOUSE_M), plain=True) for grid in terrain.grids]
        self.near, self.far = join(near), join(far)
        self.tall = join([towers(terrain, table, grid) for grid in terrain.grids])
        single = [build_monument(m) for m in terrain.facts.monuments] + [build_bridge(b) for b in terrain.facts.bridges]
        self.single = join(single)
        self.trees = plant(terrain, table)
        self._near_tiles = Tiles(self.near.shape[:, [EAST, NORTH]].astype(float))
        self._far_tiles = Tiles(self.far.shape[:, [EAST, NORTH]].astype(float), 4 * TILE_M)
        self._tree_tiles = Tiles(self.trees[:, :2])
        self._thin = self.trees[::4]
        self._grove_tiles = Tiles(self._thin[:, :2], 4 * TILE_M)

        feet = in_the_way(np.concatenate([self.near.shape, self.tall.shape, self.single.shape]))
        small = np.hypot(feet[:, HALF_U], feet[:, HALF_V]) < LARGE_M
        self._small_feet, self._large_feet = feet[small], feet[~small]
        self._feet_tiles = Tiles(self._small_feet[:, [EAST, NORTH]].astype(float))
        self.columns = terrain.columns
        self.cells = {kind: np.flatnonzero(where.ravel()) for kind, where in terrain.strolls().items()}

    def obstacles(self, east: float, north: float, reach_m: float) -> Float32s:
        """Shapes of all that stands on the ground within `reach_m` of a place."""
        close = self._small_feet[self._feet_tiles.near(east, north, reach_m + LARGE_M)]
        close = np.concatenate([close, self._large_feet])
        size = np.hypot(close[:, HALF_U], close[:, HALF_V])
        return close[np.hypot(close[:, EAST] - east, close[:, NORTH] - north) < size + reach_m]

    def blocked(self, points: Floats, margin_m: float, obstacles: Float32s) -> NDArray[np.bool_]:
        """Which points [N, 2] lie within `margin_m` of one of the obstacles, or of the water."""
        wet = self.terrain.water(points[:, 0], points[:, 1]) > -margin_m
        return np.asarray(wet | inside_any(obstacles, points, margin_m))

    def around(
        self,
        east: float,
        north: float,
        leaf_color: NDArray[np.floating],
        toward: Floats | None = None,
        wide: float = 0.0,
    ) -> Solids:
        """What can be seen from a place. leaf_color: sRGB.

        toward: unit vector of the view; wide: half its angle, radians. What lies outside is left out, except nearby.
        """
        here = np.array([east, north])

        def kept(solids: Solids, low: float, high: float) -> Solids:
            offset = solids.shape[:, [EAST, NORTH]] - here
            size = np.hypot(solids.shape[:, HALF_U], solids.shape[:, HALF_V])
            distance = np.hypot(offset[:, 0], offset[:, 1])
            keep = (distance >= low) & (distance < high)
            if toward is not None:
                keep &= (distance < size + 60) | (offset @ toward > distance * np.cos(wide) - size)
            if low >= FAR_M or high > FAR_M:
                keep &= solids.shape[:, HIGH] > SEEN_FROM_AFAR * (distance - NEAR_M)
            return solids[np.flatnonzero(keep)]

        def grown(trees: Floats, low: float, high: float, size: float) -> Floats:
            distance = np.hypot(trees[:, 0] - east, trees[:, 1] - north)
            return trees[(distance >= low) & (distance < high)] * np.array([1, 1, 1, size, 1])

        close = grown(self.trees[self._tree_tiles.near(east, north, TREES_M)], 0, TREES_M, 1.0)
        groves = grown(self._thin[self._grove_tiles.near(east, north, GROVES_M)], TREES_M, GROVES_M, 1.6)
        return join(
            [
                kept(self.near[self._near_tiles.near(east, north, NEAR_M)], 0, NEAR_M),
                kept(self.far[self._far_tiles.near(east, north, FAR_M)], NEAR_M, FAR_M),
                kept(self.tall, 0, ANYWHERE_M),
                kept(self.single, 0, ANYWHERE_M),
                tree_solids(close, leaf_color, trunks=True),
                kept(tree_solids(groves, leaf_color, trunks=False), TREES_M, GROVES_M),
            ]
        )


@cache
def built_city(city: City) -> BuiltCity:
    """The city as it stands, made once a process."""
    return BuiltCity(terrain_of(city))
