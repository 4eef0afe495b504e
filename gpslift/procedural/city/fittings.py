"""What is fixed to walls: fire escapes, shop fronts, signs. Each paints over the colours of points [N] in place."""

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.masses import Float32s

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


def chance(*keys: Float32s) -> Float32s:
    """Numbers in [0, 1) from float keys; the same keys give the same number."""
    total = np.zeros_like(keys[0])
    for factor, key in zip((12.9898, 78.233, 37.719), keys, strict=False):
        total = total + np.float32(factor) * key
    value = np.sin(total) * np.float32(43758.547)
    return value - np.floor(value)


def mix(albedo: Float32s, where: NDArray[np.bool_], color: Float32s, share: NDArray[np.floating]) -> None:
    """Paints over `albedo` in place."""
    rows = np.flatnonzero(where)
    paint = color if color.ndim == 1 else color[rows]
    albedo[rows] += share[rows, None] * (paint - albedo[rows])


def fire_escapes(
    albedo: Float32s,
    look: dict[str, Float32s],
    along: Float32s,
    length: Float32s,
    y: Float32s,
    grounded: NDArray[np.bool_],
    below_top: Float32s,
    fine: Float32s,
) -> None:
    """Iron landings at each floor and stairs that slant between them, over the middle of the wall."""
    place = (along - 0.5 * length) / np.minimum(length, 9.0) + 0.5
    on = (look["escape"] > 0) & (place > 0.18) & (place < 0.82) & ~grounded & (below_top > 2.5)
    landing = on & ((y < 0.09) | ((y < 0.34) & (place * 24 % 1 < 0.35)))
    stair = on & (np.abs((place - 0.3) / 0.4 - y) < 0.13)
    mix(albedo, landing | stair, IRON, 0.85 * np.maximum(fine, 0.25))


def shop_fronts(
    albedo: Float32s,
    glow: Float32s,
    shine: Float32s,
    finish: NDArray[np.void],
    column: Float32s,
    x: Float32s,
    up: Float32s,
    grounded: NDArray[np.bool_],
    fine: Float32s,
) -> None:
    """Ground floors: shop windows under a coloured fascia, or a plinth with doors and windows."""
    unit = np.floor(column / 2)
    which = (chance(unit, 7 * finish["seed"]) * len(_AWNINGS)).astype(int)
    share = up / np.maximum(finish["ground"], 0.1)
    shop = grounded & (finish["shop"] > 0)
    fascia, front = shop & (share > 0.68), shop & (share <= 0.68) & (share > 0.12) & (np.abs(x - 0.5) < 0.44)
    mix(albedo, shop & (share <= 0.68), 0.35 * _AWNINGS[which], np.ones_like(fine))
    mix(albedo, fascia, _AWNINGS[which], np.ones_like(fine))
    mix(albedo, front, np.broadcast_to(1.6 * GLASS, albedo.shape), fine * 0.9 + 0.1)
    shine[front] += 0.3
    glow[front] += 0.7 * LIT
    home = grounded & (finish["shop"] <= 0)
    albedo[home & (share < 0.22)] *= 0.78
    door = home & (np.abs(x - 0.5) < 0.2) & (share < 0.72) & (chance(column, finish["seed"]) < 0.3)
    pane = home & ~door & (np.abs(x - 0.5) < 0.2) & (share > 0.34) & (share < 0.78)
    mix(albedo, door, 0.5 * _AWNINGS[which], fine)
    mix(albedo, pane, np.broadcast_to(GLASS, albedo.shape), fine)
    glow[pane] += 0.3 * LIT


def signs(
    albedo: Float32s,
    glow: Float32s,
    look: dict[str, Float32s],
    along: Float32s,
    up: Float32s,
    seed: Float32s,
    grounded: NDArray[np.bool_],
) -> None:
    """Large bright panels one over the other, with patches of a second colour."""
    column, row = np.floor(along / 9.0), np.floor(up / 6.5)
    on = (look["signs"] > 0) & ~grounded & (up < 46) & (chance(column, row, seed) < 0.62)
    on &= (np.abs(along / 9.0 % 1 - 0.5) < 0.46) & (np.abs(up / 6.5 % 1 - 0.5) < 0.45)
    if not on.any():
        return
    first = (chance(column, row + 3, seed) * len(_NEON)).astype(int)
    second = (chance(column + 5, row, seed) * len(_NEON)).astype(int)
    spot = chance(np.floor(along / 1.5), np.floor(up / 1.3), seed) < 0.3
    color = _NEON[np.where(spot, second, first)]
    mix(albedo, on, 0.9 * color, np.ones_like(along))
    glow[on] += 1.6 * color[on]
