"""What is fixed to walls: fire escapes, shop fronts, signs. Each paints over a wall's colours in place."""

import numpy as np

from gpslift.procedural.city.walls import Wall, chance

GLASS = np.array([0.045, 0.055, 0.07], np.float32)
IRON = np.array([0.03, 0.03, 0.035], np.float32)
LIT = np.array([1.0, 0.66, 0.30], np.float32)
_AWNINGS = np.array(
    [
        [0.45, 0.05, 0.05],
        [0.04, 0.16, 0.09],
        [0.05, 0.08, 0.25],
        [0.55, 0.42, 0.20],
        [0.10, 0.10, 0.11],
        [0.5, 0.45, 0.4],
    ],
    np.float32,
)
_NEON = np.array(
    [
        [0.9, 0.05, 0.1],
        [0.05, 0.25, 0.95],
        [0.95, 0.75, 0.05],
        [0.9, 0.1, 0.7],
        [0.05, 0.8, 0.5],
        [0.95, 0.95, 0.95],
        [0.95, 0.4, 0.02],
    ],
    np.float32,
)


def fire_escapes(wall: Wall) -> None:
    """Iron landings at each floor and stairs that slant between them, over the middle of the wall."""
    y = wall.y
    place = (wall.along - 0.5 * wall.length) / np.minimum(wall.length, 9.0) + 0.5
    on = (wall.look["escape"] > 0) & (place > 0.18) & (place < 0.82) & ~wall.grounded & (wall.below_top > 2.5)
    landing = on & ((y < 0.09) | ((y < 0.34) & (place * 24 % 1 < 0.35)))
    stair = on & (np.abs((place - 0.3) / 0.4 - y) < 0.13)
    wall.mix(landing | stair, IRON, 0.85 * np.maximum(wall.fine, 0.25))


def shop_fronts(wall: Wall) -> None:
    """Ground floors: shop windows under a coloured fascia, or a plinth with doors and windows."""
    finish, fine, off = wall.finish, wall.fine, np.abs(wall.x - 0.5)
    which = (chance(np.floor(wall.column / 2), 7 * wall.seed) * len(_AWNINGS)).astype(int)
    share = wall.up / np.maximum(finish["ground"], 0.1)
    shop = wall.grounded & (finish["shop"] > 0)
    fascia, front = shop & (share > 0.68), shop & (share <= 0.68) & (share > 0.12) & (off < 0.44)
    wall.mix(shop & (share <= 0.68), 0.35 * _AWNINGS[which], np.ones_like(fine))
    wall.mix(fascia, _AWNINGS[which], np.ones_like(fine))
    wall.mix(front, 1.6 * GLASS, fine * 0.9 + 0.1)
    wall.shine[front] += 0.3
    wall.glow[front] += 0.7 * LIT
    home = wall.grounded & (finish["shop"] <= 0)
    wall.albedo[home & (share < 0.22)] *= 0.78
    door = home & (off < 0.2) & (share < 0.72) & (chance(wall.column, wall.seed) < 0.3)
    pane = home & ~door & (off < 0.2) & (share > 0.34) & (share < 0.78)
    wall.mix(door, 0.5 * _AWNINGS[which], fine)
    wall.mix(pane, GLASS, fine)
    wall.glow[pane] += 0.3 * LIT


def signs(wall: Wall) -> None:
    """Large bright panels one over the other, with patches of a second colour."""
    along, up, seed = wall.along, wall.up, wall.seed + wall.side
    column, row = np.floor(along / 9.0), np.floor(up / 6.5)
    on = (wall.look["signs"] > 0) & ~wall.grounded & (up < 46) & (chance(column, row, seed) < 0.62)
    on &= (np.abs(along / 9.0 % 1 - 0.5) < 0.46) & (np.abs(up / 6.5 % 1 - 0.5) < 0.45)
    if not on.any():
        return
    first = (chance(column, row + 3, seed) * len(_NEON)).astype(int)
    second = (chance(column + 5, row, seed) * len(_NEON)).astype(int)
    spot = chance(np.floor(along / 1.5), np.floor(up / 1.3), seed) < 0.3
    color = _NEON[np.where(spot, second, first)]
    wall.mix(on, 0.9 * color, np.ones_like(along))
    wall.glow[on] += 1.6 * color[on]
