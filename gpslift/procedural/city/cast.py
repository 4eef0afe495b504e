"""Rays against solids: what each ray meets first, and which points the sun does not reach. Compiled by numba.

Solids are sorted into bins, by bearing for eyes and by strips for the sun, so that a ray looks at few of them.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gpslift.procedural.city.masses import (
    AXIS_EAST,
    AXIS_NORTH,
    BOX,
    CROWN,
    EAST,
    HALF_U,
    HALF_V,
    HIGH,
    INSET_U,
    INSET_V,
    KIND,
    LOW,
    NORTH,
    Float32s,
)

BINS = 192
STRIP_M = 4.0
FACE_TOP, FACE_ROUND = 4, 6


@dataclass(frozen=True)
class Hits:
    """What rays [N] meet first. solid: row, -1 = none. distance: metres along the ray (inf = none).

    face: 0 to 3 the sides +u, -u, +v, -v; 4 top, 5 bottom; 6 round. normal: [N, 3].
    """

    solid: NDArray[np.int32]
    distance: Float32s
    face: NDArray[np.int32]
    normal: Float32s


@njit(cache=True)
def _meet(row, ox, oy, oz, dx, dy, dz, limit, bare, normal):  # type: ignore[no-untyped-def]
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
        # leaves: small patches, some of which let the ray through, more of them at the rim
        patch = math.sin(math.floor(nu * 5.0) * 12.9898 + math.floor(nv * 5.0) * 78.233 + math.floor(nz * 5.0) * 37.719)
        patch = abs(patch * 43.7585453) % 1.0
        rim = -(nu * du + nv * dv + nz * dz)
        if patch < bare or patch > 0.35 + 2.0 * rim:
            return limit, -1
        size = math.sqrt(nu * nu + nv * nv + nz * nz)
        normal[0], normal[1], normal[2] = (nu * cos - nv * sin) / size, (nu * sin + nv * cos) / size, nz / size
        return t, FACE_ROUND
    if row[KIND] != BOX:
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
def _fill_bins(first, last, bins):  # type: ignore[no-untyped-def]
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
def _first(origin, directions, angle, shape, near, far, rows, starts, bare, solid, distance, face, normal):  # type: ignore[no-untyped-def]
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
            t, side = _meet(shape[row], ox, oy, oz, dx, dy, dz, best, bare, here)
            if t < best and side >= 0:
                best = t
                solid[n], face[n] = row, side
                normal[n, 0], normal[n, 1], normal[n, 2] = here[0], here[1], here[2]
        distance[n] = best
        if best == ground and best < np.inf:
            normal[n, 2] = 1.0


@njit(cache=True)
def _shadow(points, strip, sun, shape, rows, starts, bare, dark):  # type: ignore[no-untyped-def]
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
            t, side = _meet(shape[row], x, y, z, sun[0], sun[1], sun[2], 1e6, bare, here)
            if side >= 0 and t < 1e6:
                dark[n] = True
                break


def first_hits(origin: Float32s, directions: Float32s, shape: Float32s, bare: float) -> tuple[Hits, NDArray[np.intp]]:
    """What rays from `origin` [3] along unit `directions` [N, 3] meet first, the ground (height 0) included.

    bare: share of the crowns' leaves that are gone. Also returns the order of the solids that `Hits.solid` counts in.
    """
    angles = np.arctan2(directions[:, 0], directions[:, 1])
    middle = float(np.arctan2(directions[:, 0].mean(), directions[:, 1].mean()))
    angles = (angles - middle + np.pi) % (2 * np.pi) - np.pi
    low, step = float(angles.min()), float(np.ptp(angles)) / BINS + 1e-6
    offset = shape[:, [EAST, NORTH]] - origin[:2]
    distance = np.hypot(offset[:, 0], offset[:, 1])
    size = np.where(shape[:, KIND] == BOX, np.hypot(shape[:, HALF_U], shape[:, HALF_V]), shape[:, HALF_U])
    center = (np.arctan2(offset[:, 0], offset[:, 1]) - middle + np.pi) % (2 * np.pi) - np.pi
    half = np.where(distance > size, np.arcsin(np.minimum(size / np.maximum(distance, 1e-6), 1.0)), 7.0)
    first, last = np.floor((center - half - low) / step), np.floor((center + half - low) / step)
    seen = np.flatnonzero((last >= 0) & (first < BINS))
    order = seen[np.argsort((distance - size)[seen], kind="stable")]
    limits = (np.clip(edge[order], 0, BINS - 1).astype(np.int64) for edge in (first, last))
    rows, starts = _fill_bins(*limits, BINS)
    count = len(directions)
    hits = Hits(
        np.full(count, -1, np.int32),
        np.empty(count, np.float32),
        np.full(count, -1, np.int32),
        np.zeros((count, 3), np.float32),
    )
    angle = np.minimum(((angles - low) / step).astype(np.int64), BINS - 1)
    near = np.maximum(distance - size, 0)[order].astype(np.float32)
    far = (distance + size)[order].astype(np.float32)
    _first(
        origin, directions, angle, shape[order], near, far, rows, starts, bare,
        hits.solid, hits.distance, hits.face, hits.normal,
    )  # fmt: skip
    return hits, order


def in_shadow(points: Float32s, sun: Float32s, shape: Float32s, bare: float) -> NDArray[np.bool_]:
    """Which points [N, 3] some solid hides from the sun, which lies along the unit vector `sun` [3]."""
    dark = np.zeros(len(points), bool)
    if len(points) == 0 or len(shape) == 0:
        return dark
    side = np.array([-sun[1], sun[0]]) / max(float(np.hypot(sun[0], sun[1])), 1e-6)
    place = points[:, :2] @ side
    low = float(place.min())
    bins = min(int(np.ptp(place) / STRIP_M) + 1, 400)
    step = float(np.ptp(place)) / bins + 1e-6
    size = np.where(shape[:, KIND] == BOX, np.hypot(shape[:, HALF_U], shape[:, HALF_V]), shape[:, HALF_U])
    center = shape[:, [EAST, NORTH]] @ side
    first, last = np.floor((center - size - low) / step), np.floor((center + size - low) / step)
    seen = np.flatnonzero((last >= 0) & (first < bins))
    limits = (np.clip(edge[seen], 0, bins - 1).astype(np.int64) for edge in (first, last))
    rows, starts = _fill_bins(*limits, bins)
    strip = np.minimum(((place - low) / step).astype(np.int64), bins - 1)
    _shadow(points, strip, sun, shape[seen], rows, starts, bare, dark)
    return dark
