"""What the ground looks like: asphalt and pavement by the street grid, lawns and paths, water, wet and snow."""

from dataclasses import dataclass

import numpy as np

from gpslift.procedural.city.blocks import StyleTable
from gpslift.procedural.city.facade import Surface
from gpslift.procedural.city.facts import Floats, Grid
from gpslift.procedural.city.light import Light
from gpslift.procedural.city.masses import Float32s, axis_of
from gpslift.procedural.city.terrain import Terrain
from gpslift.procedural.city.trees import path_phase
from gpslift.procedural.city.walls import chance
from gpslift.srgb import srgb_to_linear

PAVEMENT_M = 3.2
NEAR_M = 500.0
_PATH = np.array([0.40, 0.35, 0.27], np.float32)
_WATER = np.array([0.022, 0.085, 0.105], np.float32)
SNOW = np.array([0.76, 0.79, 0.85], np.float32)
_PAINT = np.array([0.55, 0.55, 0.53], np.float32)


@dataclass(frozen=True)
class GroundLook:
    """What the ground round an eye is like. here: [2], metres of the city. color: of the pavement, linear [3]."""

    terrain: Terrain
    grid: Grid
    here: Floats
    color: Float32s


def ground_look(terrain: Terrain, table: StyleTable, here: Floats) -> GroundLook:
    """The look of the ground as it is where one stands, `here` [2]; it holds as far as one can see."""
    place = here[None]
    style, _ = terrain.district(place[:, 0], place[:, 1])
    color = srgb_to_linear(table.color("grounds", style, place, np.zeros(1, np.int64))[0].astype(np.float32))
    grid = terrain.grids[int(terrain.grid(place[:, 0], place[:, 1])[0][0])]
    return GroundLook(terrain, grid, here, color)


def ground_surface(look: GroundLook, points: Float32s, light: Light) -> Surface:
    """The look of points [N, 3] of the ground; east and north in metres from the eye."""
    terrain, color = look.terrain, look.color
    at = points[:, :2] + look.here
    albedo = _street(look.grid, at, color)
    mirror = np.full(len(at), 0.30 if light.wet else 0.0, np.float32)
    near = np.hypot(points[:, 0], points[:, 1]) < NEAR_M
    way = (terrain.open(*at.T) > 0) & near
    if way.any():  # avenues and squares are paved in large slabs
        joint = (np.abs(at[way] / 4.0 % 1 - 0.5) > 0.46).any(1)
        albedo[way] = color * np.where(joint, 0.62, 0.85)[:, None]
    lawn = (terrain.park(*at.T) > 0) & near
    if lawn.any():
        path = np.abs(path_phase(at[lawn])) < 2.6
        mottle = 0.85 + 0.3 * chance(*np.floor(at[lawn].astype(np.float32) / 1.7).T)
        albedo[lawn] = np.where(path[:, None], _PATH, light.lawn * mottle[:, None])
    if light.weather.snow:
        trodden = 0.35 + 0.3 * chance(*np.floor(at.astype(np.float32) / 2.5).T)
        albedo = albedo + (1 - trodden)[:, None] * (SNOW - albedo)
    elif light.wet:
        albedo *= 0.72
    wet = terrain.water(*at.T) > 0
    if wet.any():
        east, north = at[wet].T
        ripple = np.sin(0.31 * east + 0.12 * north) * np.sin(0.17 * east - 0.35 * north) + 0.5 * np.sin(
            0.8 * east - north
        )
        albedo[wet] = _WATER * (1 + 0.4 * ripple[:, None])
        mirror[wet] = 0.34 + 0.16 * ripple
    return Surface(albedo.astype(np.float32), np.zeros_like(albedo, np.float32), mirror.astype(np.float32))


def _street(grid: Grid, at: Floats, color: Float32s) -> Float32s:
    """Asphalt between blocks with a broken line in the middle, and pavement (of `color`) along and in them."""
    axis = axis_of(grid.bearing)
    pitch_u, pitch_v = grid.long_m + grid.cross_m, grid.short_m + grid.street_m
    u = (at @ axis + pitch_u / 2) % pitch_u - pitch_u / 2
    v = (at @ np.array([-axis[1], axis[0]]) + pitch_v / 2) % pitch_v - pitch_v / 2
    beyond_u, beyond_v = np.abs(u) - grid.long_m / 2, np.abs(v) - grid.short_m / 2
    pavement = np.maximum(beyond_u, beyond_v) < PAVEMENT_M
    line = (np.abs(beyond_v - grid.street_m / 2) < 0.12) & (u % 6 < 3) & (beyond_u < 0)
    crossing = (beyond_u > 0) & (beyond_u < 3) & (beyond_v > PAVEMENT_M) & (v % 1.2 < 0.6)
    crossing |= (beyond_v > 0) & (beyond_v < 3) & (beyond_u > PAVEMENT_M) & (u % 1.2 < 0.6)
    grain = (0.92 + 0.16 * chance(*np.floor(at.astype(np.float32) / 0.8).T))[:, None]
    albedo = np.where(pavement[:, None], color, np.full(3, 0.55 * color.mean()))
    return np.where((line | crossing)[:, None], _PAINT, albedo * grain).astype(np.float32)
