"""Where trees stand: in parks, along quays and avenues, and in the pits of streets whose style has them."""

import itertools

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.blocks import StyleTable, block_centers
from gpslift.procedural.city.facts import Floats, Grid
from gpslift.procedural.city.masses import BOX, CROWN, Solids, axis_of, finishes, join, pattern_code, shapes
from gpslift.procedural.city.noise import drift, hashed
from gpslift.procedural.city.terrain import Terrain

PARK_SPACING_M = 13.0
QUAY_SPACING_M = 9.0
STREET_SPACING_M = 11.0


def plant(terrain: Terrain, table: StyleTable) -> Floats:
    """All trees of a city [N, 5]: east, north, height, radius of the crown, number in [0, 1)."""
    places = [park_places(terrain), quay_places(terrain), avenue_places(terrain)]
    places += [street_places(terrain, table, grid) for grid in terrain.grids]
    at = np.concatenate(places)
    key = np.floor(at[:, 0] * 4), np.floor(at[:, 1] * 4)
    height = 6.0 + 6.0 * drift(50, at[:, 0], at[:, 1], 150.0) + 2.0 * hashed(51, *key)
    height[len(places[0]) + len(places[1]) :] *= 0.8
    radius = height * (0.26 + 0.08 * hashed(52, *key))
    return np.column_stack([at, height, radius, hashed(53, *key)])


def lattice(terrain: Terrain, spacing: float, salt: int) -> Floats:
    """Jittered points all over the raster, [N, 2]."""
    half = -terrain.corner - spacing
    i, j = np.meshgrid(*(np.arange(-int(h / spacing), int(h / spacing) + 1) for h in half))
    stray = np.stack([hashed(salt, i, j), hashed(salt + 1, i, j)], -1) - 0.5
    return ((np.stack([i, j], -1) + 0.7 * stray) * spacing).reshape(-1, 2)


def park_places(terrain: Terrain) -> Floats:
    """Groves with clearings; none on the paths."""
    at = lattice(terrain, PARK_SPACING_M, 60)
    at = at[terrain.park(at[:, 0], at[:, 1]) > 3]
    grove = drift(62, at[:, 0], at[:, 1], 110.0)
    return at[(grove > 0.42) & (terrain.open(at[:, 0], at[:, 1]) < 0) & (np.abs(path_phase(at)) > 3.0)]


def path_phase(at: Floats) -> Floats:
    """Signed metres, roughly, from the middle of the nearest path of a park: winding lines some 90 m apart."""
    x, y = at[:, 0] + 30 * np.sin(at[:, 1] / 70), at[:, 1] + 30 * np.sin(at[:, 0] / 80)
    first, second = (x + 45) % 90 - 45, (y + 0.3 * x + 60) % 120 - 60
    return np.where(np.abs(first) < np.abs(second), first, second)


def quay_places(terrain: Terrain) -> Floats:
    """A broken row along the water."""
    at = lattice(terrain, QUAY_SPACING_M, 63)
    depth = terrain.water(at[:, 0], at[:, 1])
    row = (depth < -7) & (depth > -12) & (terrain.park(at[:, 0], at[:, 1]) < 0)
    return at[row & (drift(65, at[:, 0], at[:, 1], 160.0) > 0.45)]


def avenue_places(terrain: Terrain) -> Floats:
    """A row on either side of each wide avenue."""
    rows = [np.zeros((0, 2))]
    for line in terrain.facts.avenues:
        if line[0, 2] < 33:
            continue
        for start, end in itertools.pairwise(line):
            along = end[:2] - start[:2]
            length = float(np.hypot(*along))
            axis = along / length
            place = np.arange(8.0, length, STREET_SPACING_M)
            for side in (-1, 1):
                offset = side * (line[0, 2] / 2 - 7.0) * np.array([-axis[1], axis[0]])
                rows.append(start[:2] + place[:, None] * axis + offset)
    at = np.concatenate(rows)
    return at[(terrain.open(at[:, 0], at[:, 1]) < 12) & (terrain.water(at[:, 0], at[:, 1]) < -4)]


def street_places(terrain: Terrain, table: StyleTable, grid: Grid) -> Floats:
    """Pits along the long sides of blocks, as many planted as the style says."""
    centers, block = block_centers(terrain, grid)
    axis = axis_of(grid.bearing)
    across = np.array([-axis[1], axis[0]])
    place = np.arange(-grid.long_m / 2 + 5, grid.long_m / 2 - 4, STREET_SPACING_M)
    rows = []
    for side in (-1, 1):
        offset = place[:, None] * axis + side * (grid.short_m / 2 + 2.2) * across
        at = (centers[:, None] + offset).reshape(-1, 2)
        style, _ = terrain.district(at[:, 0], at[:, 1])
        pit = np.repeat(block * 256, len(place)) + np.tile(np.arange(len(place)), len(block)) + 128 * (side > 0)
        planted = hashed(66, pit) < table.number("trees", style, at)
        own = terrain.grid(at[:, 0], at[:, 1])[0] == terrain.grids.index(grid)
        rows.append(at[planted & own & terrain.free(at[:, 0], at[:, 1])])
    return np.concatenate(rows)


def tree_solids(trees: Floats, leaf_color: NDArray[np.floating], trunks: bool) -> Solids:
    """Crowns and, if asked for, trunks of trees [N, 5]; leaf_color: sRGB."""
    at, height, radius, seed = trees[:, :2], trees[:, 2], trees[:, 3], trees[:, 4]
    shade = leaf_color * (0.75 + 0.5 * seed)[:, None]
    leaves = finishes(len(trees), shade, top=shade, pattern=pattern_code("leaves"), seed=seed)
    crown = shapes(at, (1.0, 0.0), (radius, radius), (0.28 * height, height), kind=CROWN)
    if not trunks:
        return Solids(crown, leaves)
    bark = finishes(len(trees), (0.27, 0.21, 0.17), seed=seed)
    wide = 0.022 * height
    trunk = shapes(at, (1.0, 0.0), (wide, wide), (0.0, 0.5 * height), kind=BOX)
    return join([Solids(crown, leaves), Solids(trunk, bark)])
