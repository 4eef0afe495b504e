"""The light that surfaces send to the eye: their look, the sun where it reaches, sky, street lamps, reflections."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.cast import Hits, in_shadow
from gpslift.procedural.city.facade import Surface, wall_surface
from gpslift.procedural.city.ground import SNOW, GroundLook, ground_surface
from gpslift.procedural.city.light import LAMPLIGHT, Light
from gpslift.procedural.city.masses import EAST, NORTH, PATTERNS, Float32s, Solids
from gpslift.procedural.city.meet_kernels import FACE_ROUND, FACE_TOP

SHADOWS_M = 160.0
POINTS_AT_ONCE = 6000  # arrays that stay in the processor's cache
_LEAVES = PATTERNS.index("leaves")


@dataclass(frozen=True)
class Points:
    """Points [N] of surfaces that rays met. solid: row, -1 = the ground. at, normal, direction (of the ray): [N, 3],
    metres from the eye (heights from the ground). sun: how squarely it shines on them, 0 in the shade."""

    solid: NDArray[np.int32]
    face: NDArray[np.int32]
    distance: Float32s
    at: Float32s
    normal: Float32s
    direction: Float32s
    sun: Float32s

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> "Points":
        solid, face, distance, at = self.solid[rows], self.face[rows], self.distance[rows], self.at[rows]
        return Points(solid, face, distance, at, self.normal[rows], self.direction[rows], self.sun[rows])


def met_points(
    origin: Float32s, directions: Float32s, hits: Hits, met: NDArray[np.bool_], light: Light, solids: Solids
) -> Points:
    """The points that the rays of `met` [N] meet, and how the sun stands to them."""
    direction, normal, distance = directions[met], hits.normal[met], hits.distance[met]
    at = origin + distance[:, None] * direction
    sun = np.clip(normal @ light.weather.sun_direction, 0, 1)
    if light.weather.sun_color.max() > 0.02:
        exposed = np.flatnonzero((sun > 0) & (np.hypot(at[:, 0], at[:, 1]) < SHADOWS_M))
        near = solids.shape[np.hypot(solids.shape[:, EAST], solids.shape[:, NORTH]) < 2 * SHADOWS_M]
        starts = at[exposed] + 0.08 * normal[exposed]
        sun[exposed[in_shadow(starts, light.weather.sun_direction, near, light.bare)]] = 0.0
    return Points(hits.solid[met], hits.face[met], distance, at, normal, direction, sun)


def radiance_of(points: Points, solids: Solids, ground: GroundLook, light: Light) -> Float32s:
    """The light [N, 3] that leaves surface points towards the eye."""
    count = len(points.solid)
    starts = range(0, count, POINTS_AT_ONCE)
    parts = [_radiance(points[slice(s, s + POINTS_AT_ONCE)], solids, ground, light) for s in starts]
    return np.concatenate([np.zeros((0, 3), np.float32), *parts])


def _radiance(points: Points, solids: Solids, ground: GroundLook, light: Light) -> Float32s:
    surface = Surface(np.zeros_like(points.at), np.zeros_like(points.at), np.zeros_like(points.distance))
    built = points.solid >= 0
    pattern = np.full(len(built), -1)
    pattern[built] = solids.finish["pattern"][points.solid[built]]  # on open water there may be no solid at all
    top = built & (points.face >= FACE_TOP) & (points.face != FACE_ROUND)
    leaves = pattern == _LEAVES
    wall = built & ~top & ~leaves
    surface.albedo[top] = solids.finish["top"][points.solid[top]]
    surface.albedo[leaves] = solids.finish["wall"][points.solid[leaves]]
    points.sun[leaves] = 0.25 + 0.75 * points.sun[leaves]  # light comes through
    _put(surface, ~built, ground_surface(ground, points.at[~built], light))
    some = points[wall]
    slant = np.abs((some.normal * some.direction).sum(1)).clip(0.15)
    blur = some.distance * 0.012 / slant
    _put(surface, wall, wall_surface(solids, some.solid, some.face, some.at, blur, light.lamps))
    if light.weather.snow:
        flat = built & (points.normal[:, 2] > 0.35)
        surface.albedo[flat] += 0.85 * (SNOW - surface.albedo[flat])
    return _lit(points, surface, light) + surface.glow


def _put(surface: Surface, where: NDArray[np.bool_], part: Surface) -> None:
    surface.albedo[where], surface.glow[where], surface.mirror[where] = part.albedo, part.glow, part.mirror


def _lit(points: Points, surface: Surface, light: Light) -> Float32s:
    """Sun, sky, street lamps, and what glass and water mirror."""
    weather = light.weather
    height, mirror = np.clip(points.at[:, 2], 0, None), surface.mirror[:, None]
    up = (0.5 + 0.5 * points.normal[:, 2])[:, None]
    sky = up * (0.6 * weather.zenith_color + 0.4 * weather.horizon_color) + (1 - up) * 0.3 * weather.horizon_color
    open_sky = (0.62 + 0.38 * np.clip(height / 14, 0, 1))[:, None]
    lamps = 0.16 * light.lamps * np.exp(-height / 9)[:, None] * LAMPLIGHT
    lit = surface.albedo * ((0.06 + 0.94 * points.sun)[:, None] * weather.sun_color + open_sky * sky + lamps)
    mirrored = 0.5 * weather.zenith_color + 0.5 * weather.horizon_color + 0.5 * lamps
    return (lit * (1 - 0.5 * mirror) + mirror * mirrored * open_sky).astype(np.float32)
