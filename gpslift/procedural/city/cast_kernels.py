"""The loops of ray casting, compiled by numba: bins of solids, first hits, shadows."""

import math

import numpy as np
from numba import njit

from gpslift.procedural.city.masses import HIGH, LOW
from gpslift.procedural.city.meet_kernels import meet


@njit(cache=True)
def fill_bins(first, last, bins):  # type: ignore[no-untyped-def]
    """Rows of the solids of each bin, in the order given, one bin after another; and where each bin starts."""
    starts = np.zeros(bins + 1, np.int64)
    for row in range(len(first)):
        for b in range(first[row], last[row] + 1):
            starts[b + 1] += 1
    for b in range(bins):
        starts[b + 1] += starts[b]
    rows, filled = np.empty(starts[bins], np.int32), starts[:-1].copy()
    for row in range(len(first)):
        for b in range(first[row], last[row] + 1):
            rows[filled[b]] = row
            filled[b] += 1
    return rows, starts


@njit(cache=True)
def find_first(origin, directions, angle, shape, near, far, rows, starts, bare, solid, distance, face, normal):  # type: ignore[no-untyped-def]
    """Fills solid, distance, face and normal; shapes sorted by `near`, their least distance on the ground."""
    ox, oy, oz = origin[0], origin[1], origin[2]
    here = np.zeros(3)
    for n in range(len(directions)):
        dx, dy, dz = directions[n, 0], directions[n, 1], directions[n, 2]
        flat = math.sqrt(dx * dx + dy * dy) + 1e-9
        best = np.inf
        if dz < -1e-6:
            best = -oz / dz
        ground = best
        for k in range(starts[angle[n]], starts[angle[n] + 1]):
            row = rows[k]
            if near[row] > best * flat:
                break
            z0, z1 = oz + dz / flat * near[row], oz + dz / flat * far[row]
            if min(z0, z1) > shape[row, HIGH] or max(z0, z1) < shape[row, LOW]:
                continue
            t, side = meet(shape[row], ox, oy, oz, dx, dy, dz, best, bare, here)
            if t < best and side >= 0:
                best = t
                solid[n], face[n] = row, side
                normal[n, 0], normal[n, 1], normal[n, 2] = here[0], here[1], here[2]
        distance[n] = best
        if best == ground and best < np.inf:
            normal[n, 2] = 1.0


@njit(cache=True)
def find_shadow(points, strip, sun, shape, rows, starts, bare, dark):  # type: ignore[no-untyped-def]
    """Fills `dark` where a solid stands between a point and the sun."""
    here = np.zeros(3)
    for n in range(len(points)):
        if strip[n] < 0:
            continue
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for k in range(starts[strip[n]], starts[strip[n] + 1]):
            row = rows[k]
            if shape[row, HIGH] < z:
                continue
            t, side = meet(shape[row], x, y, z, sun[0], sun[1], sun[2], 1e6, bare, here)
            if side >= 0 and t < 1e6:
                dark[n] = True
                break
