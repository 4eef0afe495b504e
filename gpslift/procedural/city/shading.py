"""The light that surfaces send to the eye: their look, the sun where it reaches, sky, street lamps, reflections."""

import numpy as np

from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.cast import Hits, in_shadow
from gpslift.procedural.city.cast_kernels import FACE_ROUND, FACE_TOP
from gpslift.procedural.city.facade import wall_surface
from gpslift.procedural.city.ground import SNOW, ground_surface
from gpslift.procedural.city.light import LAMPLIGHT, Light
from gpslift.procedural.city.masses import EAST, NORTH, PATTERNS, Float32s, Solids

SHADOWS_M = 160.0


def radiance_of(
    built: BuiltCity,
    eye: np.ndarray,
    light: Light,
    solids: Solids,
    hits: Hits,
    met: np.ndarray,
    points: Float32s,
    directions: Float32s,
) -> Float32s:
    """The light that leaves surface points [M, 3] towards the eye."""
    solid, face, normal, distance = hits.solid[met], hits.face[met], hits.normal[met], hits.distance[met]
    albedo, glow = np.zeros((len(points), 3), np.float32), np.zeros((len(points), 3), np.float32)
    mirror = np.zeros(len(points), np.float32)
    grounded = solid < 0
    place = points[grounded] + np.array([eye[0], eye[1], 0.0])
    ground = ground_surface(built.terrain, built.table, eye, place, light)
    albedo[grounded], mirror[grounded] = ground.albedo, ground.mirror
    top = ~grounded & (face >= FACE_TOP) & (face != FACE_ROUND)
    albedo[top] = solids.finish["top"][solid[top]]
    leaves = np.zeros(len(points), bool)
    leaves[~grounded] = solids.finish["pattern"][solid[~grounded]] == PATTERNS.index("leaves")
    albedo[leaves] = solids.finish["wall"][solid[leaves]]
    if light.weather.snow:
        flat = ~grounded & (normal[:, 2] > 0.35)
        albedo[flat] += 0.85 * (SNOW - albedo[flat])
    wall = ~grounded & ~top & ~leaves
    slant = np.abs((normal[wall] * directions[wall]).sum(1)).clip(0.15)
    blur = distance[wall] * 0.012 / slant
    surface = wall_surface(solids, solid[wall], face[wall], points[wall], blur, light.lamps)
    keep = np.ones(len(surface.albedo), bool) if not light.weather.snow else normal[wall, 2] <= 0.35
    rows = np.flatnonzero(wall)
    albedo[rows[keep]], glow[rows], mirror[rows] = surface.albedo[keep], surface.glow, surface.mirror
    return _lit(light, solids, points, normal, albedo, mirror, leaves) + glow


def _lit(
    light: Light,
    solids: Solids,
    points: Float32s,
    normal: Float32s,
    albedo: Float32s,
    mirror: Float32s,
    leaves: np.ndarray,
) -> Float32s:
    """Sun where it reaches, sky, street lamps, and what glass and water mirror."""
    weather = light.weather
    toward = np.clip(normal @ weather.sun_direction, 0, 1)
    toward[leaves] = 0.25 + 0.75 * toward[leaves]
    if weather.sun_color.max() > 0.02:
        exposed = np.flatnonzero((toward > 0) & (np.hypot(points[:, 0], points[:, 1]) < SHADOWS_M))
        near = solids.shape[np.hypot(solids.shape[:, EAST], solids.shape[:, NORTH]) < 2 * SHADOWS_M]
        starts = points[exposed] + 0.08 * normal[exposed]
        toward[exposed[in_shadow(starts, weather.sun_direction, near, light.bare)]] *= 0.06
    up = (0.5 + 0.5 * normal[:, 2])[:, None]
    sky = up * (0.6 * weather.zenith_color + 0.4 * weather.horizon_color) + (1 - up) * 0.3 * weather.horizon_color
    open_sky = (0.62 + 0.38 * np.clip(points[:, 2] / 14, 0, 1))[:, None]
    lamps = 0.16 * light.lamps * np.exp(-np.clip(points[:, 2], 0, None) / 9)[:, None] * LAMPLIGHT
    lit = albedo * (toward[:, None] * weather.sun_color + open_sky * sky + lamps)
    mirrored = 0.5 * weather.zenith_color + 0.5 * weather.horizon_color + 0.5 * lamps
    return (lit * (1 - 0.5 * mirror[:, None]) + mirror[:, None] * mirrored * open_sky).astype(np.float32)
