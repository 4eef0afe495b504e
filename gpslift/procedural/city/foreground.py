"""Draws the things that stand before the camera over a picture, with the shadow they stand on."""

import numpy as np

from gpslift.procedural.city.drawings import Sheet
from gpslift.procedural.city.light import LAMPLIGHT, Light
from gpslift.procedural.city.masses import Float32s
from gpslift.procedural.city.things import KINDS, Thing
from gpslift.procedural.city.walkers import Shot


def draw_foreground(color: Float32s, distance: Float32s, directions: Float32s, shot: Shot, light: Light) -> None:
    """Draws the things over the rays' colours, where nothing stands before them; each on an upright sheet."""
    heading = np.deg2rad(shot.heading_deg)
    ahead = directions[:, 0] * np.sin(heading) + directions[:, 1] * np.cos(heading)
    right = directions[:, 0] * np.cos(heading) - directions[:, 1] * np.sin(heading)
    weather = light.weather
    lamps = 0.22 * light.lamps * LAMPLIGHT
    lit = 0.45 * weather.sun_color + 0.75 * (0.5 * weather.zenith_color + 0.5 * weather.horizon_color) + lamps
    for thing in shot.things:
        reach = thing.distance / ahead
        x, y = reach * right - thing.aside, shot.height_m - shot.floor_m + reach * directions[:, 2]
        wide = KINDS[thing.kind].wide
        _ground_shadow(color, distance, directions, ahead, right, shot, thing, wide)
        rows = np.flatnonzero((np.abs(x) < wide) & (y > 0) & (y < 5.5) & (reach < distance))
        sheet = Sheet(-x[rows] if thing.mirrored else x[rows], y[rows])
        if thing.kind == "tree":
            # light above is brighter than below
            KINDS[thing.kind].draw(sheet, tuple(weather.leaf_color.tolist()))
        else:
            KINDS[thing.kind].draw(sheet, thing.color)
        shown = sheet.covered
        glow = sheet.glow[shown, None] * light.lamps * 0.5
        color[rows[shown]] = sheet.color[shown] * (lit + glow)


def _ground_shadow(
    color: Float32s,
    distance: Float32s,
    directions: Float32s,
    ahead: Float32s,
    right: Float32s,
    shot: Shot,
    thing: Thing,
    wide: float,
) -> None:
    """Darkens the ground under a thing, so that it stands on it."""
    below = directions[:, 2] < -1e-3
    reach = np.where(below, (shot.height_m - shot.floor_m) / np.maximum(-directions[:, 2], 1e-3), -1.0)
    on_ground = below & (np.abs(reach - distance) < 0.5)
    rows = np.flatnonzero(on_ground)
    x = (reach[rows] * right[rows] - thing.aside) / (0.55 * wide)
    y = (reach[rows] * ahead[rows] - thing.distance) / 0.45
    color[rows] *= (1 - 0.55 * np.exp(-((x * x + y * y) ** 2)))[:, None]
