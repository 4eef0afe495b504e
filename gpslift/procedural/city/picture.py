"""The picture of one shot: rays, what they meet, its look in that light, the things in front, rain and snow."""

import numpy as np
from PIL import Image

from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.cast import FACE_ROUND, FACE_TOP, Hits, first_hits, in_shadow
from gpslift.procedural.city.facade import wall_surface
from gpslift.procedural.city.ground import ground_surface
from gpslift.procedural.city.light import Light, light_of
from gpslift.procedural.city.masses import EAST, NORTH, PATTERNS, Float32s, Solids
from gpslift.procedural.city.things import KINDS, Sheet, Thing
from gpslift.procedural.city.walkers import ASPECT, Shot
from gpslift.procedural.raycast import linear_to_srgb
from gpslift.procedural.weather import sky_color

SUPERSAMPLING = 2
SHADOWS_M = 160.0
_LAMPLIGHT = np.array([1.0, 0.72, 0.42], np.float32)
_SNOW = np.array([0.76, 0.79, 0.85], np.float32)


def picture_size(shot: Shot, short_side: int) -> tuple[int, int]:
    """Height and width, pixels."""
    long_side = round(short_side * ASPECT / 2) * 2
    return (long_side, short_side) if shot.portrait else (short_side, long_side)


def view_axes(shot: Shot) -> Float32s:
    """Right, up and forward of the camera as the rows of [3, 3]: east, north, up."""
    heading, pitch, roll = (np.deg2rad(a) for a in (shot.heading_deg, shot.pitch_deg, shot.roll_deg))
    ahead, right = np.array([np.sin(heading), np.cos(heading), 0]), np.array([np.cos(heading), -np.sin(heading), 0])
    forward = np.cos(pitch) * ahead + np.array([0, 0, np.sin(pitch)])
    up = np.cross(right, forward)
    return np.stack([np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right, forward]).astype(
        np.float32
    )


def rays_of(shot: Shot, height: int, width: int) -> Float32s:
    """Unit directions [height * width, 3] through the pixel centres, row by row from the top."""
    half = shot.half_short / min(height, width)
    right, up = np.meshgrid(
        half * (2 * np.arange(width) + 1 - width), half * (height - 1 - 2 * np.arange(height)), indexing="xy"
    )
    local = np.stack([right, up, np.ones_like(right)], -1).reshape(-1, 3).astype(np.float32)
    directions = local @ view_axes(shot)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def take_picture(built: BuiltCity, shot: Shot, short_side: int, rng: np.random.Generator) -> Image.Image:
    """The picture of one shot, 8-bit sRGB."""
    light = light_of(rng, shot.conditions)
    height, width = picture_size(shot, short_side)
    color = seen_light(built, shot, light, height * SUPERSAMPLING, width * SUPERSAMPLING)
    color = color.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3).mean((1, 3))
    picture = linear_to_srgb(color * light.exposure * shot.exposure)
    picture = _falling(picture, light, rng) + rng.normal(0, 0.008, picture.shape)
    return Image.fromarray((np.clip(picture, 0, 1) * 255).round().astype(np.uint8))


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
    points = origin + hits.distance[met, None] * directions[met]
    radiance = _radiance(built, eye, light, solids, hits, met, points, directions[met])
    clear = np.exp(-light.weather.haze_per_m * hits.distance[met])[:, None]
    color[met] = radiance * clear + light.weather.horizon_color * (1 - clear)
    _draw_things(color, hits.distance, directions, shot, light)
    return color


def _radiance(
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
        albedo[flat] += 0.85 * (_SNOW - albedo[flat])
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
    lamps = 0.16 * light.lamps * np.exp(-np.clip(points[:, 2], 0, None) / 9)[:, None] * _LAMPLIGHT
    lit = albedo * (toward[:, None] * weather.sun_color + open_sky * sky + lamps)
    mirrored = 0.5 * weather.zenith_color + 0.5 * weather.horizon_color + 0.5 * lamps
    return (lit * (1 - 0.5 * mirror[:, None]) + mirror[:, None] * mirrored * open_sky).astype(np.float32)


def _draw_things(color: Float32s, distance: Float32s, directions: Float32s, shot: Shot, light: Light) -> None:
    """Draws the things over the rays' colours, where nothing stands before them; each on an upright sheet."""
    heading = np.deg2rad(shot.heading_deg)
    ahead = directions[:, 0] * np.sin(heading) + directions[:, 1] * np.cos(heading)
    right = directions[:, 0] * np.cos(heading) - directions[:, 1] * np.sin(heading)
    weather = light.weather
    lamps = 0.22 * light.lamps * _LAMPLIGHT
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
    reach = np.where(below, (shot.height_m - shot.floor_m) / np.maximum(-directions[:, 2], 1e-3), np.inf)
    on_ground = below & (np.abs(reach - distance) < 0.5)
    rows = np.flatnonzero(on_ground)
    x = (reach[rows] * right[rows] - thing.aside) / (0.55 * wide)
    y = (reach[rows] * ahead[rows] - thing.distance) / 0.45
    color[rows] *= (1 - 0.55 * np.exp(-(x * x + y * y) ** 2))[:, None]


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
