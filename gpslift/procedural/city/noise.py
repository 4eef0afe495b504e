"""Chance as a function of place: numbers that look drawn but are the same whenever one comes back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def hashed(salt: int, *keys: ArrayLike) -> Floats:
    """Numbers in [0, 1) from whole-numbered keys (of shapes that broadcast); salt tells one use from another."""
    state = np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15 & 0xFFFFFFFF)
    mixed = np.asarray(state)
    with np.errstate(over="ignore"):
        for key in keys:
            mixed = (mixed ^ np.asarray(key).astype(np.int64).astype(np.uint64)) * np.uint64(0xD6E8FEB86659FD93)
            mixed = mixed ^ (mixed >> np.uint64(32))
        mixed = mixed * np.uint64(0xD6E8FEB86659FD93)
        mixed = mixed ^ (mixed >> np.uint64(29))
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(((mixed ^ (mixed >> np.uint64(32))) >> np.uint64(11)) * 2.0**-53, np.float64)


def drift(salt: int, east: ArrayLike, north: ArrayLike, scale_m: float) -> Floats:
    """A smooth field in [0, 1] over the plane that changes over about `scale_m` metres (value noise)."""
    x, y = np.asarray(east, float) / scale_m, np.asarray(north, float) / scale_m
    column, row = np.floor(x), np.floor(y)
    across, along = x - column, y - row
    across, along = across * across * (3 - 2 * across), along * along * (3 - 2 * along)
    low = hashed(salt, column, row) * (1 - across) + hashed(salt, column + 1, row) * across
    high = hashed(salt, column, row + 1) * (1 - across) + hashed(salt, column + 1, row + 1) * across
    return low * (1 - along) + high * along
