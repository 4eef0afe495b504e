"""Blocks of houses on street grids: walls, roofs, chimneys, tanks, stoops and towers, by the style of the place."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.facts import Floats, Grid, Style, load_styles
from gpslift.procedural.city.masses import ROUND, Solids, axis_of, finishes, join, pattern_code, shapes
from gpslift.procedural.city.noise import drift, hashed
from gpslift.procedural.city.terrain import Terrain

Indices = NDArray[np.intp]
STREET_BEFORE_A_BORDER_M = 8.0
STYLES_MIX = 0.10  # districts of one grid mix their houses where the distances to them differ by less than this share
FAR_HOUSE_M = 55.0


@dataclass(frozen=True)
class Lots:
    """Pieces of land to build on. at: [N, 2]. wide, deep: sides along and across the street, metres. style: index."""

    at: Floats
    axis: Floats
    wide: Floats
    deep: Floats
    style: Indices
    key: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.generic]) -> "Lots":
        axis = self.axis
        return Lots(self.at[rows], axis, self.wide[rows], self.deep[rows], self.style[rows], self.key[rows])


class StyleTable:
    """The styles of a terrain's districts as arrays, read at places."""

    def __init__(self, terrain: Terrain) -> None:
        styles = load_styles()
        self.styles: list[Style] = [styles[district.style] for district in terrain.facts.districts]

    def number(self, name: str, style: Indices, at: Floats) -> Floats:
        """A number of the style, drifting with the place, [N]."""
        table = np.array([getattr(s, name) for s in self.styles])
        share = drift(sum(map(ord, name)), at[:, 0], at[:, 1], 420.0)
        return table[style, 0] + (table[style, 1] - table[style, 0]) * share

    def color(self, name: str, style: Indices, at: Floats, key: NDArray[np.int64]) -> Floats:
        """A colour of the style, [N, 3]: which one, the place and the house decide together."""
        table = np.stack([np.resize(np.atleast_2d(getattr(s, name)), (12, 3)) for s in self.styles])
        count = np.array([len(np.atleast_2d(getattr(s, name))) for s in self.styles])[style]
        salt = sum(map(ord, name))
        where = np.clip(1.5 * drift(salt, at[:, 0], at[:, 1], 380.0) - 0.25, 0, 1)
        share = np.clip(where + 0.5 * (hashed(salt, key) - 0.5), 0, 0.999) * (count - 1)
        low = np.floor(share).astype(int)
        high = np.minimum(low + 1, count - 1)
        mixed = table[style, low] + (table[style, high] - table[style, low]) * (share - low)[:, None]
        return mixed * (1 + 0.12 * (hashed(salt + 1, key)[:, None] - 0.5))

    def pattern(self, name: str, style: Indices) -> Indices:
        """Codes of a pattern field, [N]."""
        return np.array([pattern_code(getattr(s, name)) for s in self.styles])[style]

    def word_is(self, name: str, word: str, style: Indices) -> NDArray[np.bool_]:
        """Where a word of the style is `word`, [N]."""
        return np.array([getattr(s, name) == word for s in self.styles])[style]


@cache
def block_centers(terrain: Terrain, grid: Grid) -> tuple[Floats, NDArray[np.int64]]:
    """Centres [N, 2] of the blocks of a grid that lie in its districts, and a number for each."""
    axis = axis_of(grid.bearing)
    across = np.array([-axis[1], axis[0]])
    reach = float(np.hypot(*terrain.corner))
    pitch = grid.long_m + grid.cross_m, grid.short_m + grid.street_m
    counts = [int(reach / p) + 1 for p in pitch]
    i, j = np.meshgrid(np.arange(-counts[0], counts[0] + 1), np.arange(-counts[1], counts[1] + 1))
    at = (i * pitch[0]).reshape(-1, 1) * axis + (j * pitch[1]).reshape(-1, 1) * across
    inside = (np.abs(at) < -terrain.corner).all(1)
    at, key = at[inside], (i * 4096 + j).reshape(-1)[inside]
    near = terrain.grid(at[:, 0], at[:, 1])[1][terrain.grids.index(grid)] < grid.long_m
    return at[near], key[near].astype(np.int64)


def lay_lots(terrain: Terrain, table: StyleTable, grid: Grid, lot_m: float | None = None) -> Lots:
    """The lots of a grid's blocks, two rows to a block. lot_m: one row of lots of about that width instead."""
    centers, block = block_centers(terrain, grid)
    axis = axis_of(grid.bearing)
    across = np.array([-axis[1], axis[0]])
    style, _ = terrain.district(centers[:, 0], centers[:, 1])
    width = table.number("lot_m", style, centers) if lot_m is None else np.full(len(centers), lot_m)
    count = np.maximum(1, np.round(grid.long_m / width)).astype(int)
    rows = 2 if lot_m is None else 1
    owner = np.repeat(np.arange(len(centers)), count * rows)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count * rows) - count * rows, count * rows)
    slot, side = place // rows, 2 * (place % rows) - 1.0
    wide = grid.long_m / count[owner]
    deep = np.full(len(owner), grid.short_m)
    if lot_m is None:
        deep = np.minimum(table.number("depth_m", style[owner], centers[owner]), grid.short_m / 2)
    u = -grid.long_m / 2 + (slot + 0.5) * wide
    v = side * (grid.short_m - deep) / 2
    at = centers[owner] + u[:, None] * axis + v[:, None] * across
    key = block[owner] * 128 + place
    lots = Lots(at, axis, wide, deep, style[owner], key)
    lots = lots[free_of_open_land(terrain, grid, lots)]
    mixed, _ = terrain.district(lots.at[:, 0], lots.at[:, 1], blur=STYLES_MIX)
    return Lots(lots.at, axis, lots.wide, lots.deep, mixed, lots.key)


def free_of_open_land(terrain: Terrain, grid: Grid, lots: Lots) -> NDArray[np.bool_]:
    """Which lots no water, park, avenue or other street grid cuts into."""
    across = np.array([-lots.axis[1], lots.axis[0]])
    free = np.ones(len(lots.at), bool)
    for u, v in ((0, 0), (0.5, 0.5), (0.5, -0.5), (-0.5, 0.5), (-0.5, -0.5)):
        corner = lots.at + (u * lots.wide)[:, None] * lots.axis + (v * lots.deep)[:, None] * across
        free[free] = terrain.free(corner[free, 0], corner[free, 1])
    _, gap = terrain.grid(lots.at[:, 0], lots.at[:, 1])
    return free & (gap[terrain.grids.index(grid)] < -0.5 * np.hypot(lots.wide, lots.deep) - STREET_BEFORE_A_BORDER_M)


def houses(table: StyleTable, lots: Lots, plain: bool = False) -> Solids:
    """Houses on the lots: walls and roof, and what stands on and before them. plain: walls alone, as from afar."""
    style, at, key = lots.style, lots.at, lots.key
    if not plain:
        kept = hashed(11, key) >= table.number("gaps", style, at)
        lots = lots[kept]
        style, at, key = lots.style, lots.at, lots.key
    storey = table.number("storey_m", style, at)
    uneven = table.number("uneven", style, at)
    storeys = np.round(table.number("storeys", style, at) + uneven * (2 * hashed(12, key) - 1)).clip(1)
    ground = storey * np.where(hashed(13, key) < 0.5, 1.15, 1.3)
    height = ground + (storeys - 1) * storey
    shop = hashed(14, key) < table.number("shops", style, at)
    flat = table.word_is("roof", "flat", style)
    walls = finishes(
        len(key),
        table.color("walls", style, at, key),
        table.color("trim", style, at, key),
        np.where(flat[:, None], table.color("tops", style, at, key), 0.45),
        table.pattern("pattern", style),
        storey,
        ground,
        table.number("bay_m", style, at),
        shop,
        hashed(15, key),
    )
    deep = lots.deep - 0.8 * hashed(16, key)
    solids = Solids(shapes(at, lots.axis, (lots.wide / 2, deep / 2), (0.0, height)), walls)
    if plain:
        return solids
    return join([solids, roofs(table, lots, height, deep), extras(table, lots, height, deep)])


def roofs(table: StyleTable, lots: Lots, height: Floats, deep: Floats) -> Solids:
    """Mansards with dormers, and gables along the street."""
    parts = []
    for word, pattern in (("mansard", "dormers"), ("gable", "plain")):
        rows = np.flatnonzero(table.word_is("roof", word, lots.style))
        at, key, style = lots.at[rows], lots.key[rows], lots.style[rows]
        top = table.color("tops", style, at, key)
        rise = (4.2 if word == "mansard" else 3.4) * (0.85 + 0.3 * hashed(17, key))
        inset = (np.full(len(rows), 0.3), np.full(len(rows), 2.4)) if word == "mansard" else (0.2, 0.49 * deep[rows])
        bay = table.number("bay_m", style, at) * 1.25
        look = finishes(
            len(rows), top, (0.86, 0.84, 0.78), top, pattern_code(pattern), rise, 0.0, bay, 0.0, hashed(15, key)
        )
        half = lots.wide[rows] / 2 + 0.15, deep[rows] / 2 + 0.15
        parts.append(Solids(shapes(at, lots.axis, half, (height[rows], height[rows] + rise), inset), look))
    return join(parts)


def extras(table: StyleTable, lots: Lots, height: Floats, deep: Floats) -> Solids:
    """Chimneys and water tanks on roofs, stoops before doors."""
    across = np.array([-lots.axis[1], lots.axis[0]])
    has = hashed(18, lots.key) < table.number("extra_share", lots.style, lots.at)

    def rows_of(word: str) -> Indices:
        return np.flatnonzero(has & table.word_is("extras", word, lots.style))

    parts = []
    rows = rows_of("chimney")
    at = (
        lots.at[rows] + ((0.5 * lots.wide[rows] - 0.7) * np.sign(hashed(19, lots.key[rows]) - 0.5))[:, None] * lots.axis
    )
    foot = height[rows]
    look = finishes(len(rows), (0.72, 0.55, 0.45), top=(0.62, 0.36, 0.26))
    parts.append(Solids(shapes(at, lots.axis, (0.45, 1.9), (foot, foot + 6.2)), look))

    rows = rows_of("tank")
    at = lots.at[rows] + (3.0 * (hashed(20, lots.key[rows]) - 0.5))[:, None] * across
    foot, wood = height[rows], finishes(len(rows), (0.40, 0.28, 0.20), top=(0.30, 0.24, 0.20))
    parts.append(Solids(shapes(at, lots.axis, (1.2, 1.2), (foot, foot + 2.6)), wood))
    parts.append(Solids(shapes(at, lots.axis, (2.1, 2.1), (foot + 2.6, foot + 6.4), kind=ROUND), wood))
    parts.append(Solids(shapes(at, lots.axis, (2.2, 2.2), (foot + 6.4, foot + 7.8), (2.1, 2.1), ROUND), wood))

    rows = rows_of("stoop")
    # the street is on the side that points away from the block's middle, which the lot's place in its row tells
    outward = (2.0 * (lots.key[rows] % 2) - 1.0)[:, None] * across
    for reach, top in ((1.9, 0.55), (1.2, 1.1), (0.6, 1.6)):
        at = (
            lots.at[rows]
            + outward * (deep[rows] / 2 + reach / 2)[:, None]
            - 0.25 * lots.wide[rows][:, None] * lots.axis
        )
        stone = finishes(len(rows), (0.55, 0.44, 0.37), top=(0.60, 0.50, 0.42))
        parts.append(Solids(shapes(at, lots.axis, (0.85, reach / 2), (0.0, top)), stone))
    return join(parts)


def towers(terrain: Terrain, table: StyleTable, grid: Grid) -> Solids:
    """High-rises: at most two a block, over whatever else stands there."""
    centers, block = block_centers(terrain, grid)
    axis = axis_of(grid.bearing)
    places = [-0.25, 0.25] if grid.long_m > 150 else [0.0]
    at = np.concatenate([centers + share * grid.long_m * axis for share in places])
    key = np.concatenate([block * 128 + 100 + number for number in range(len(places))])
    at = at + (np.stack([hashed(30, key), hashed(31, key)], 1) - 0.5) * 14
    style, _ = terrain.district(at[:, 0], at[:, 1], blur=STYLES_MIX)
    wide = np.minimum(table.number("tower_wide_m", style, at) * (0.8 + 0.4 * hashed(32, key)), grid.short_m - 10)
    lots = Lots(at, axis, wide * (0.9 + 0.5 * hashed(33, key)), wide, style, key)
    stands = hashed(34, key) < table.number("towers", style, at)
    lots = lots[stands & free_of_open_land(terrain, grid, lots)]
    style, at, key = lots.style, lots.at, lots.key
    height = table.number("tower_m", style, at) * (0.7 + 0.6 * hashed(35, key))
    look = finishes(
        len(key),
        table.color("tower_walls", style, at, key),
        table.color("trim", style, at, key),
        (0.45, 0.45, 0.46),
        table.pattern("tower_pattern", style),
        table.number("storey_m", style, at),
        5.0,
        table.number("bay_m", style, at),
        0.0,
        hashed(36, key),
    )
    half = lots.wide / 2, lots.deep / 2
    shaft = shapes(at, axis, half, (0.0, 0.82 * height))
    crown = shapes(at, axis, (0.78 * half[0], 0.78 * half[1]), (0.82 * height, height))
    return join([Solids(shaft, look), Solids(crown, look)])
