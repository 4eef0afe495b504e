"""The loops of ray casting, compiled by numba: one solid, bins of solids, first hits, shadows."""

import math

import numpy as np
from numba import njit

from gpslift.procedural.city.masses import (
    AXIS_EAST,
    AXIS_NORTH,
    CROWN,
    EAST,
    HALF_U,
    HALF_V,
    HIGH,
    INSET_U,
    INSET_V,
    KIND,
    LATTICE,
    LOW,
    NORTH,
    ROUND,
)

FACE_TOP, FACE_ROUND = 4, 6


@njit(cache=True)
def meet(row, ox, oy, oz, dx, dy, dz, limit, bare, normal):  # type: ignore[no-untyped-def]
    """Where the ray enters one solid: (distance, face); a distance of `limit` or more is a miss. Fills `normal`."""
    cos, sin = row[AXIS_EAST], row[AXIS_NORTH]
    px, py = ox - row[EAST], oy - row[NORTH]
    lu, lv = px * cos + py * sin, py * cos - px * sin
    du, dv = dx * cos + dy * sin, dy * cos - dx * sin
    low, high = row[LOW], row[HIGH]
    if row[KIND] == CROWN:
        r, h = row[HALF_U], 0.5 * (high - low)
        sz, tz = (oz - 0.5 * (low + high)) / h, dz / h
        a = (du * du + dv * dv) / (r * r) + tz * tz
        b = (du * lu + dv * lv) / (r * r) + tz * sz
        root = b * b - a * ((lu * lu + lv * lv) / (r * r) + sz * sz - 1.0)
        if root <= 0.0:
            return limit, -1
        t = (-b - math.sqrt(root)) / a
        if t <= 0.0 or t >= limit:
            return limit, -1
        nu, nv, nz = (lu + t * du) / r, (lv + t * dv) / r, sz + t * tz
        # leaves: small patches, some of which let the ray through, more of them at the rim; bare twigs are finer
        fine = 9.0 + 24.0 * bare * bare
        patch = math.sin(
            math.floor(nu * fine) * 12.9898 + math.floor(nv * fine) * 78.233 + math.floor(nz * fine) * 37.719
        )
        patch = abs(patch * 43.7585453) % 1.0
        rim = -(nu * du + nv * dv + nz * dz)
        if patch < bare or patch > 0.35 + 2.0 * rim:
            return limit, -1
        size = math.sqrt(nu * nu + nv * nv + nz * nz)
        normal[0], normal[1], normal[2] = (nu * cos - nv * sin) / size, (nu * sin + nv * cos) / size, nz / size
        return t, FACE_ROUND
    if row[KIND] == ROUND:
        k = row[INSET_U] / (high - low)
        r = row[HALF_U] - k * (oz - low)
        a = du * du + dv * dv - k * k * dz * dz
        b = du * lu + dv * lv + k * r * dz
        c = lu * lu + lv * lv - r * r
        root = b * b - a * c
        if root > 0.0 and abs(a) > 1e-9:
            t = (-b - math.sqrt(root)) / a
            z = oz + t * dz
            if 0.0 < t < limit and low <= z <= high:
                nu, nv = lu + t * du, lv + t * dv
                size = math.sqrt(nu * nu + nv * nv) + 1e-9
                normal[0], normal[1], normal[2] = (nu * cos - nv * sin) / size, (nu * sin + nv * cos) / size, k
                return t, FACE_ROUND
        if dz < 0.0:
            t = (high - oz) / dz
            u, v = lu + t * du, lv + t * dv
            inner = row[HALF_U] - row[INSET_U]
            if 0.0 < t < limit and u * u + v * v < inner * inner:
                normal[0], normal[1], normal[2] = 0.0, 0.0, 1.0
                return t, FACE_TOP
        return limit, -1
    near, far, face = 0.0, limit, -1
    ku, kv = row[INSET_U] / (high - low), row[INSET_V] / (high - low)
    for side in range(6):
        if side == 0:
            a, b = lu + ku * (oz - low) - row[HALF_U], du + ku * dz
        elif side == 1:
            a, b = -lu + ku * (oz - low) - row[HALF_U], -du + ku * dz
        elif side == 2:
            a, b = lv + kv * (oz - low) - row[HALF_V], dv + kv * dz
        elif side == 3:
            a, b = -lv + kv * (oz - low) - row[HALF_V], -dv + kv * dz
        elif side == 4:
            a, b = oz - high, dz
        else:
            a, b = low - oz, -dz
        if abs(b) < 1e-9:
            if a > 0.0:
                return limit, -1
            continue
        t = -a / b
        if b < 0.0:
            if t > near:
                near, face = t, side
        elif t < far:
            far = t
        if near >= far:
            return limit, -1
    if face < 0:
        return limit, -1
    if row[KIND] == LATTICE and face < 4:
        along, up = (lv + near * dv if face < 2 else lu + near * du), oz + near * dz - low
        cell = 0.9 * row[HALF_U] + 0.8
        if abs((along + up) / cell % 1.0 - 0.5) < 0.30 and abs((along - up) / cell % 1.0 - 0.5) < 0.30:
            return limit, -1
    nu, nv, nz = 0.0, 0.0, 0.0
    if face < 2:
        nu, nz = 1.0 - 2.0 * face, ku
    elif face < 4:
        nv, nz = 5.0 - 2.0 * face, kv
    else:
        nz = 9.0 - 2.0 * face
    size = math.sqrt(nu * nu + nv * nv + nz * nz)
    normal[0], normal[1], normal[2] = (nu * cos - nv * sin) / size, (nu * sin + nv * cos) / size, nz / size
    return near, face


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
