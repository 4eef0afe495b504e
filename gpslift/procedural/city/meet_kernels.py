"""Where a ray enters one solid, compiled by numba.

A ray is (u, v, z, du, dv, dz): from where and which way, in metres, along the solid's own axes and from its middle, z
up from the city's ground. Every function gives (distance, face), a distance of `limit` or more for a miss; where it
hits it fills `normal` [3], along the city's axes.
"""

import math

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
    """The solid of this row, met by a ray along the city's axes; bare: share of a crown's leaves that have fallen."""
    cos, sin = row[AXIS_EAST], row[AXIS_NORTH]
    px, py = ox - row[EAST], oy - row[NORTH]
    ray = (px * cos + py * sin, py * cos - px * sin, oz, dx * cos + dy * sin, dy * cos - dx * sin, dz)
    if row[KIND] == CROWN:
        return meet_crown(row, ray, limit, bare, normal)
    if row[KIND] == ROUND:
        return meet_round(row, ray, limit, normal)
    return meet_box(row, ray, limit, normal)


@njit(cache=True)
def meet_crown(row, ray, limit, bare, normal):  # type: ignore[no-untyped-def]
    """An ellipsoid of leaves: small patches, some of which let the ray through, more of them at the rim."""
    u, v, z, du, dv, dz = ray
    r, h = row[HALF_U], 0.5 * (row[HIGH] - row[LOW])
    sz, tz = (z - 0.5 * (row[LOW] + row[HIGH])) / h, dz / h
    a = (du * du + dv * dv) / (r * r) + tz * tz
    b = (du * u + dv * v) / (r * r) + tz * sz
    root = b * b - a * ((u * u + v * v) / (r * r) + sz * sz - 1.0)
    if root <= 0.0:
        return limit, -1
    t = (-b - math.sqrt(root)) / a
    if t <= 0.0 or t >= limit:
        return limit, -1
    nu, nv, nz = (u + t * du) / r, (v + t * dv) / r, sz + t * tz
    fine = 9.0 + 24.0 * bare * bare  # bare twigs are finer than leaves
    patch = math.sin(math.floor(nu * fine) * 12.9898 + math.floor(nv * fine) * 78.233 + math.floor(nz * fine) * 37.719)
    patch = abs(patch * 43.7585453) % 1.0
    rim = -(nu * du + nv * dv + nz * dz)
    if patch < bare or patch > 0.35 + 2.0 * rim:
        return limit, -1
    size = math.sqrt(nu * nu + nv * nv + nz * nz)
    turn(row, nu, nv, size, nz / size, normal)
    return t, FACE_ROUND


@njit(cache=True)
def meet_round(row, ray, limit, normal):  # type: ignore[no-untyped-def]
    """A cylinder or a cone, cut off flat at the top; open below, where nobody stands."""
    u, v, z, du, dv, dz = ray
    low, high = row[LOW], row[HIGH]
    k = row[INSET_U] / (high - low)
    r = row[HALF_U] - k * (z - low)
    a = du * du + dv * dv - k * k * dz * dz
    b = du * u + dv * v + k * r * dz
    root = b * b - a * (u * u + v * v - r * r)
    if root > 0.0 and abs(a) > 1e-9:
        t = (-b - math.sqrt(root)) / a
        if 0.0 < t < limit and low <= z + t * dz <= high:
            nu, nv = u + t * du, v + t * dv
            turn(row, nu, nv, math.sqrt(nu * nu + nv * nv) + 1e-9, k, normal)
            return t, FACE_ROUND
    if dz < 0.0:
        t = (high - z) / dz
        nu, nv = u + t * du, v + t * dv
        inner = row[HALF_U] - row[INSET_U]
        if 0.0 < t < limit and nu * nu + nv * nv < inner * inner:
            turn(row, 0.0, 0.0, 1.0, 1.0, normal)
            return t, FACE_TOP
    return limit, -1


@njit(cache=True)
def meet_box(row, ray, limit, normal):  # type: ignore[no-untyped-def]
    """A box whose sides may lean inwards, or that is a lattice: between the latter's bars the ray goes on."""
    u, v, z, du, dv, dz = ray
    low = row[LOW]
    near, face = enter_box(row, ray, limit)
    if face < 0:
        return limit, -1
    if row[KIND] == LATTICE and face < 4:
        along, up = (v + near * dv if face < 2 else u + near * du), z + near * dz - low
        cell = 0.9 * row[HALF_U] + 0.8
        if abs((along + up) / cell % 1.0 - 0.5) < 0.30 and abs((along - up) / cell % 1.0 - 0.5) < 0.30:
            return limit, -1
    nu, nv, nz = 0.0, 0.0, 0.0
    if face < 2:
        nu, nz = 1.0 - 2.0 * face, row[INSET_U] / (row[HIGH] - low)
    elif face < 4:
        nv, nz = 5.0 - 2.0 * face, row[INSET_V] / (row[HIGH] - low)
    else:
        nz = 9.0 - 2.0 * face
    size = math.sqrt(nu * nu + nv * nv + nz * nz)
    turn(row, nu, nv, size, nz / size, normal)
    return near, face


@njit(cache=True)
def enter_box(row, ray, limit):  # type: ignore[no-untyped-def]
    """Distance and face by which the ray enters the six half-spaces of a box; face -1 for a miss."""
    u, v, z, du, dv, dz = ray
    low, high = row[LOW], row[HIGH]
    ku, kv = row[INSET_U] / (high - low), row[INSET_V] / (high - low)
    near, far, face = 0.0, limit, -1
    for side in range(6):
        if side == 0:
            a, b = u + ku * (z - low) - row[HALF_U], du + ku * dz
        elif side == 1:
            a, b = -u + ku * (z - low) - row[HALF_U], -du + ku * dz
        elif side == 2:
            a, b = v + kv * (z - low) - row[HALF_V], dv + kv * dz
        elif side == 3:
            a, b = -v + kv * (z - low) - row[HALF_V], -dv + kv * dz
        elif side == 4:
            a, b = z - high, dz
        else:
            a, b = low - z, -dz
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
    return near, face


@njit(cache=True)
def turn(row, u, v, size, up, normal):  # type: ignore[no-untyped-def]
    """Fills `normal` with (u, v) / size, turned from the solid's axes to the city's, and `up`."""
    cos, sin = row[AXIS_EAST], row[AXIS_NORTH]
    normal[0], normal[1], normal[2] = (u * cos - v * sin) / size, (u * sin + v * cos) / size, up
