"""The picture of one shot: rays, what they met, its look in that light, the things in front, rain and snow."""

import numpy as np
from PIL import Image

from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.camera import picture_size, rays_of, view_axes
from gpslift.procedural.city.cast import first_hits
from gpslift.procedural.city.foreground import draw_foreground
from gpslift.procedural.city.ground import ground_look
from gpslift.procedural.city.light import Light, light_of
from gpslift.procedural.city.masses import EAST, NORTH, Float32s
from gpslift.procedural.city.shading import met_points, radiance_of
from gpslift.procedural.city.walkers import Shot
from gpslift.procedural.weather import sky_color
from gpslift.srgb import linear_to_srgb

SUPERSAMPLING = 2


def take_picture(built: BuiltCity, shot: Shot, short_side: int, rng: np.random.Generator) -> Image.Image:
    """The picture of one shot, 8-bit sRGB."""
    light = light_of(rng, shot.conditions)
    height, width = picture_size(shot, short_side)
    color = seen_light(built, shot, light, height * SUPERSAMPLING, width * SUPERSAMPLING)
    color = color.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3).mean((1, 3))
    picture = linear_to_srgb(color * light.exposure * shot.exposure)
    noisy = _falling(picture, light, rng) + rng.normal(0, 0.008, picture.shape)
    return Image.fromarray((np.clip(noisy, 0, 1) * 255).round().astype(np.uint8))


def seen_light(built: BuiltCity, shot: Shot, light: Light, height: int, width: int) -> Float32s:
    """Linear light [height * width, 3] along the rays of a shot."""
    eye = np.array([shot.east_m, shot.north_m, shot.height_m])
    directions = rays_of(shot, height, width)
    forward = view_axes(shot)[2, :2].astype(float)
    wide = np.arctan(1.15 * shot.half_short * max(height, width) / min(height, width) * np.hypot(1, 0.4))
    solids = built.around(eye[0], eye[1], light.leaf, forward / np.hypot(*forward), min(float(wide), 1.4))
    # metres from the eye, so that 32 bits are fine enough
    solids.shape[:, EAST] -= eye[0]
    solids.shape[:, NORTH] -= eye[1]
    origin = np.array([0, 0, eye[2]], np.float32)
    hits, order = first_hits(origin, directions, solids.shape, light.bare)
    solids = solids[order]
    met = np.isfinite(hits.distance)
    color = np.empty((len(directions), 3), np.float32)
    color[~met] = sky_color(light.weather, directions[~met])
    points = met_points(origin, directions, hits, met, light, solids)
    radiance = radiance_of(points, solids, ground_look(built.terrain, built.table, eye[:2]), light)
    clear = np.exp(-light.weather.haze_per_m * hits.distance[met])[:, None]
    color[met] = radiance * clear + light.weather.horizon_color * (1 - clear)
    draw_foreground(color, hits.distance, directions, shot, light)
    return color


def _falling(picture: Float32s, light: Light, rng: np.random.Generator) -> Float32s:
    """Flakes of snow, or streaks of rain."""
    height, width = picture.shape[:2]
    if light.falling == "snow":
        flakes = np.clip(rng.random((height, width)) - 0.972, 0, None) / 0.028
        return picture + 0.8 * flakes[..., None] * (0.95 - picture)
    if light.falling == "rain":
        drops = rng.random((height, width)) > 0.985
        streaks = drops | np.roll(drops, 1, 0) | np.roll(drops, 2, 0) | np.roll(drops, (3, 1), (0, 1))
        return picture + 0.13 * streaks[..., None] * (0.9 - picture)
    return picture
