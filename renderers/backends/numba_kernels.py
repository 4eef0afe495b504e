"""Compiled loops of the numba engine's hash grid. Compiled once per machine and cached beside this file.

Layout: channels first (points [3, N], features [levels * features, N]), so that the loops over points read and write
consecutive numbers and become vector code. Points go in blocks: first the rows and fractions of a whole block
(arithmetic alone, vectorised), then the look-ups. Level by level, so that one level's table stays in the cache.

Every number is written by one thread in one fixed order: results repeat bit for bit.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from renderers.backends.contract import PRIMES

PRIME_Y, PRIME_Z = np.uint32(PRIMES[1]), np.uint32(PRIMES[2])
ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
UNIT = np.uint32(1)
BLOCK = 256
FASTMATH = {"contract", "nsz", "arcp"}  # not nnan: a NaN coordinate must not become a wild address

# One level as the kernels see it; fields as in `GridLevel`.
LEVEL = np.dtype(
    [("scale", "f4"), ("resolution", "u4"), ("offset", "i8"), ("entries", "u4"), ("dense", "?")], align=True
)


@njit(forceinline=True)
def grid_position(coordinate: Any, scale: Any) -> Any:
    """Cell, and fraction within it, of a coordinate clamped to [0, 1]; NaN counts as 0."""
    inside = coordinate if coordinate > ZERO else ZERO
    position = (inside if inside < ONE else ONE) * scale + HALF
    cell = np.int32(position)
    return np.uint32(cell), position - np.float32(cell)


@njit(forceinline=True)
def wrap(index: Any, entries: Any) -> Any:
    """index mod entries, for index < 2 entries, which holds for every corner in a dense level."""
    return np.uint32(index - entries) if index >= entries else index


@njit(forceinline=True)
def dense_rows(x: Any, y: Any, z: Any, resolution: Any, entries: Any, rows: Any, i: int) -> None:
    """Rows of a cell's eight corners in a dense level; bit 0 of the corner's number is x, bit 1 y, bit 2 z."""
    plane = np.uint32(resolution * resolution)
    first = np.uint32(x + np.uint32(y * resolution) + np.uint32(z * plane))
    rows[0, i] = first
    rows[1, i] = wrap(np.uint32(first + UNIT), entries)
    rows[2, i] = wrap(np.uint32(first + resolution), entries)
    rows[3, i] = wrap(np.uint32(first + resolution + UNIT), entries)
    rows[4, i] = wrap(np.uint32(first + plane), entries)
    rows[5, i] = wrap(np.uint32(first + plane + UNIT), entries)
    rows[6, i] = wrap(np.uint32(first + plane + resolution), entries)
    rows[7, i] = wrap(np.uint32(first + plane + resolution + UNIT), entries)


@njit(forceinline=True)
def hashed_rows(x: Any, y: Any, z: Any, entries: Any, rows: Any, i: int) -> None:
    """The same in a hashed level, whose number of entries is a power of two."""
    mask = np.uint32(entries - UNIT)
    x1 = np.uint32(x + UNIT)
    y0, z0 = np.uint32(y * PRIME_Y), np.uint32(z * PRIME_Z)
    y1, z1 = np.uint32(y0 + PRIME_Y), np.uint32(z0 + PRIME_Z)
    rows[0, i] = (x ^ y0 ^ z0) & mask
    rows[1, i] = (x1 ^ y0 ^ z0) & mask
    rows[2, i] = (x ^ y1 ^ z0) & mask
    rows[3, i] = (x1 ^ y1 ^ z0) & mask
    rows[4, i] = (x ^ y0 ^ z1) & mask
    rows[5, i] = (x1 ^ y0 ^ z1) & mask
    rows[6, i] = (x ^ y1 ^ z1) & mask
    rows[7, i] = (x1 ^ y1 ^ z1) & mask


@njit(fastmath=FASTMATH)
def locate(points: Any, first: int, count: int, level: Any, rows: Any, fraction: Any) -> None:
    """Rows [8, BLOCK] of the corners round `count` points from `first` on, and their fractions [3, BLOCK]."""
    scale, resolution, entries = level.scale, level.resolution, level.entries
    if level.dense:
        for i in range(count):
            x, fraction[0, i] = grid_position(points[0, first + i], scale)
            y, fraction[1, i] = grid_position(points[1, first + i], scale)
            z, fraction[2, i] = grid_position(points[2, first + i], scale)
            dense_rows(x, y, z, resolution, entries, rows, i)
    else:
        for i in range(count):
            x, fraction[0, i] = grid_position(points[0, first + i], scale)
            y, fraction[1, i] = grid_position(points[1, first + i], scale)
            z, fraction[2, i] = grid_position(points[2, first + i], scale)
            hashed_rows(x, y, z, entries, rows, i)


@njit(forceinline=True)
def corner(rows: Any, i: int) -> Any:
    """The eight rows of point i."""
    return rows[0, i], rows[1, i], rows[2, i], rows[3, i], rows[4, i], rows[5, i], rows[6, i], rows[7, i]


@njit(forceinline=True)
def interpolate(table: Any, k: int, corners: Any, u: Any, v: Any, w: Any) -> Any:
    """Trilinear interpolation of feature k between a cell's corners."""
    a, b, c, d, e, f, g, h = corners
    low = ((ONE - u) * table[a, k] + u * table[b, k]) * (ONE - v) + ((ONE - u) * table[c, k] + u * table[d, k]) * v
    high = ((ONE - u) * table[e, k] + u * table[f, k]) * (ONE - v) + ((ONE - u) * table[g, k] + u * table[h, k]) * v
    return low * (ONE - w) + high * w


@njit(fastmath=FASTMATH)
def gather(table: Any, rows: Any, fraction: Any, count: int, out: Any, first: int) -> None:
    """out[k, first + i] = interpolated feature k of point i. Two features at a time: they lie side by side."""
    features = table.shape[1]
    for k in range(0, features - 1, 2):
        for i in range(count):
            corners, u, v, w = corner(rows, i), fraction[0, i], fraction[1, i], fraction[2, i]
            out[k, first + i] = interpolate(table, k, corners, u, v, w)
            out[k + 1, first + i] = interpolate(table, k + 1, corners, u, v, w)
    if features % 2:
        for i in range(count):
            corners, u, v, w = corner(rows, i), fraction[0, i], fraction[1, i], fraction[2, i]
            out[features - 1, first + i] = interpolate(table, features - 1, corners, u, v, w)


@njit(forceinline=True)
def corner_weights(u: Any, v: Any, w: Any) -> Any:
    """Trilinear weights of the eight corners."""
    u0, v0, w0 = ONE - u, ONE - v, ONE - w
    vw00, vw10, vw01, vw11 = v0 * w0, v * w0, v0 * w, v * w
    return u0 * vw00, u * vw00, u0 * vw10, u * vw10, u0 * vw01, u * vw01, u0 * vw11, u * vw11


@njit(forceinline=True)
def add_pair(gradient: Any, row: Any, k: int, weight: Any, p: Any, q: Any) -> None:
    """Adds weight * (p, q) to features k and k + 1 of a row."""
    gradient[row, k] += weight * p
    gradient[row, k + 1] += weight * q


@njit(fastmath=FASTMATH)
def scatter(gradient: Any, rows: Any, fraction: Any, count: int, upstream: Any, first: int) -> None:
    """The transpose of `gather`: adds each point's upstream gradient to its corners, in the order of the points."""
    features = gradient.shape[1]
    for k in range(0, features - 1, 2):
        for i in range(count):
            a, b, c, d, e, f, g, h = corner(rows, i)
            wa, wb, wc, wd, we, wf, wg, wh = corner_weights(fraction[0, i], fraction[1, i], fraction[2, i])
            p, q = upstream[k, first + i], upstream[k + 1, first + i]
            add_pair(gradient, a, k, wa, p, q)
            add_pair(gradient, b, k, wb, p, q)
            add_pair(gradient, c, k, wc, p, q)
            add_pair(gradient, d, k, wd, p, q)
            add_pair(gradient, e, k, we, p, q)
            add_pair(gradient, f, k, wf, p, q)
            add_pair(gradient, g, k, wg, p, q)
            add_pair(gradient, h, k, wh, p, q)
    if features % 2:
        for i in range(count):
            weights = corner_weights(fraction[0, i], fraction[1, i], fraction[2, i])
            for number in range(8):
                gradient[rows[number, i], features - 1] += weights[number] * upstream[features - 1, first + i]


@njit(fastmath=FASTMATH)
def slope(table: Any, k: int, corners: Any, u: Any, v: Any, w: Any) -> Any:
    """Derivatives of `interpolate` in u, v and w."""
    a, b, c, d, e, f, g, h = corners
    u0, v0, w0 = ONE - u, ONE - v, ONE - w
    ta, tb, tc, td = table[a, k], table[b, k], table[c, k], table[d, k]
    te, tf, tg, th = table[e, k], table[f, k], table[g, k], table[h, k]
    along_u = ((tb - ta) * v0 + (td - tc) * v) * w0 + ((tf - te) * v0 + (th - tg) * v) * w
    along_v = ((tc - ta) * u0 + (td - tb) * u) * w0 + ((tg - te) * u0 + (th - tf) * u) * w
    along_w = ((te - ta) * u0 + (tf - tb) * u) * v0 + ((tg - tc) * u0 + (th - td) * u) * v
    return along_u, along_v, along_w


@njit(parallel=True, cache=True, nogil=True)
def encode(points: Any, table: Any, levels: Any, out: Any, workers: int) -> None:
    """out [levels * features, N] = features of points [3, N]; each worker takes a stretch of the points."""
    count, features = points.shape[1], table.shape[1]
    for worker in prange(workers):
        rows = np.empty((8, BLOCK), np.uint32)
        fraction = np.empty((3, BLOCK), np.float32)
        first, last = worker * count // workers, (worker + 1) * count // workers
        for number in range(len(levels)):
            level = levels[number]
            part = table[level.offset : level.offset + level.entries]
            channels = out[number * features : (number + 1) * features]
            for start in range(first, last, BLOCK):
                size = min(BLOCK, last - start)
                locate(points, start, size, level, rows, fraction)
                gather(part, rows, fraction, size, channels, start)


@njit(parallel=True, cache=True, nogil=True)
def table_gradient(points: Any, levels: Any, upstream: Any, gradient: Any, workers: int) -> None:
    """Adds to gradient [rows, features] what upstream [levels * features, N] sends to the table.

    Levels own disjoint rows, so workers share nothing. They are dealt out in turn, since fine levels, which miss the
    cache, take longer than coarse ones.
    """
    count, features = points.shape[1], gradient.shape[1]
    for worker in prange(workers):
        rows = np.empty((8, BLOCK), np.uint32)
        fraction = np.empty((3, BLOCK), np.float32)
        for number in range(worker, len(levels), workers):
            level = levels[number]
            part = gradient[level.offset : level.offset + level.entries]
            channels = upstream[number * features : (number + 1) * features]
            for start in range(0, count, BLOCK):
                size = min(BLOCK, count - start)
                locate(points, start, size, level, rows, fraction)
                scatter(part, rows, fraction, size, channels, start)


@njit(parallel=True, cache=True, nogil=True)
def point_gradient(points: Any, table: Any, levels: Any, upstream: Any, gradient: Any, workers: int) -> None:
    """Adds to gradient [3, N] what upstream [levels * features, N] sends to the points; clamped ones get none."""
    count, features = points.shape[1], table.shape[1]
    for worker in prange(workers):
        rows = np.empty((8, BLOCK), np.uint32)
        fraction = np.empty((3, BLOCK), np.float32)
        first, last = worker * count // workers, (worker + 1) * count // workers
        for number in range(len(levels)):
            level = levels[number]
            part = table[level.offset : level.offset + level.entries]
            for start in range(first, last, BLOCK):
                size = min(BLOCK, last - start)
                locate(points, start, size, level, rows, fraction)
                for i in range(size):
                    corners, u, v, w = corner(rows, i), fraction[0, i], fraction[1, i], fraction[2, i]
                    for k in range(features):
                        along = slope(part, k, corners, u, v, w)
                        up = upstream[number * features + k, start + i] * level.scale
                        for axis in range(3):
                            if ZERO <= points[axis, start + i] <= ONE:
                                gradient[axis, start + i] += up * along[axis]
