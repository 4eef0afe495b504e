"""Takes one shot of a scene: casts the rays, exposes the picture, and gathers the tags that the phone writes."""

import numpy as np
import torch
from PIL import Image

from gpslift.cameras import Cameras, look_at_matrix
from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import Landmark
from gpslift.procedural.raycast import Props, Scene
from gpslift.procedural.sites import Crowd
from gpslift.procedural.tags import tags_of_phone, write_altitude, write_focal_length, write_position
from gpslift.procedural.tourists import Shot, short_side_fov
from gpslift.srgb import linear_to_srgb

ASPECT = 4 / 3
SUPERSAMPLING = 2
CLOTHES = np.array(
    [
        [0.55, 0.06, 0.05],
        [0.05, 0.12, 0.45],
        [0.75, 0.72, 0.66],
        [0.06, 0.06, 0.07],
        [0.60, 0.42, 0.05],
        [0.08, 0.30, 0.12],
    ]
)


def shot_camera(shot: Shot, short_side: int) -> Cameras:
    """The true camera of a shot, in metres."""
    long_side = round(short_side * ASPECT / 2) * 2
    width, height = (short_side, long_side) if shot.portrait else (long_side, short_side)
    fov_short = short_side_fov(shot.focal_35mm, long_side / short_side)
    fov_y = 2 * np.arctan(np.tan(fov_short / 2) * height / short_side)
    position, aim = torch.tensor([shot.position], dtype=torch.float32), torch.tensor([shot.aim], dtype=torch.float32)
    roll = torch.tensor([np.deg2rad(shot.roll_deg)], dtype=torch.float32)
    return Cameras(look_at_matrix(position, aim, roll), torch.tensor([fov_y], dtype=torch.float32), height, width)


def take_photo(scene: Scene, shot: Shot, short_side: int, rng: np.random.Generator, crowd: Crowd) -> Image.Image:
    """The picture of one shot, 8-bit sRGB."""
    camera = shot_camera(shot, short_side)
    fine = Cameras(camera.camera_to_world, camera.fov_y, camera.height * SUPERSAMPLING, camera.width * SUPERSAMPLING)
    origins, directions = fine.rays()
    origin, flat = origins[0, 0, 0].numpy(), directions[0].reshape(-1, 3).numpy()
    color = scene.render(origin, flat, shot.weather, people_and_trees(rng, shot, crowd))
    exposure = shot.exposure * 0.56 / np.percentile(color.mean(-1), 88) ** 0.75
    color = (color * exposure).reshape(camera.height, SUPERSAMPLING, camera.width, SUPERSAMPLING, 3).mean((1, 3))
    picture = linear_to_srgb(color) + rng.normal(0, 0.008, color.shape)
    return Image.fromarray((np.clip(picture, 0, 1) * 255).round().astype(np.uint8))


def people_and_trees(rng: np.random.Generator, shot: Shot, crowd: Crowd) -> Props:
    """A few people and trees between the camera and the landmark, mostly off to the sides; none far from it."""
    if np.hypot(*shot.position[:2]) > crowd.within_m:
        return Props(np.zeros((0, 3), np.float32), np.ones((0, 3), np.float32), np.zeros((0, 3), np.float32))
    toward = -np.array(shot.position[:2]) / np.hypot(*shot.position[:2])
    aside = np.array([toward[1], -toward[0]])
    parts: list[tuple[np.ndarray, list[float], np.ndarray]] = []
    for _ in range(rng.poisson(crowd.people)):
        depth = rng.uniform(*crowd.people_m)
        foot = np.array(shot.position[:2]) + depth * toward + depth * rng.normal(0, 0.3) * aside
        clothes = CLOTHES[rng.integers(len(CLOTHES))]
        parts.append((np.array([*foot, 0.75]), [0.27, 0.27, 0.75], clothes))
        parts.append((np.array([*foot, 1.62]), [0.13, 0.13, 0.16], np.array([0.45, 0.28, 0.20])))
    for _ in range(rng.poisson(crowd.trees)):
        depth, side = rng.uniform(*crowd.trees_m), rng.choice([-1, 1]) * rng.uniform(0.35, 0.8)
        foot = np.array(shot.position[:2]) + depth * toward + depth * side * aside
        height = rng.uniform(5, 9)
        parts.append((np.array([*foot, 0.35 * height]), [0.25, 0.25, 0.35 * height], np.array([0.10, 0.07, 0.05])))
        parts.append(
            (np.array([*foot, 0.72 * height]), [0.30 * height, 0.30 * height, 0.33 * height], shot.weather.leaf_color)
        )
    columns = zip(*parts, strict=True) if parts else ([], [], [])
    centers, radii, colors = (np.array(list(column), np.float32).reshape(-1, 3) for column in columns)
    return Props(centers, radii, colors)


def exif_of(shot: Shot, landmark: Landmark, frame: LocalFrame) -> Image.Exif:
    """The tags a phone would write: position, accuracy, altitude, focal length, time and artist."""
    latitude, longitude, _ = (float(value) for value in frame.to_geodetic(np.array(shot.measured_position)))
    exif = tags_of_phone(shot.author, shot.time, "simulated tourist")
    if shot.focal_known:
        write_focal_length(exif, shot.focal_35mm)
    write_position(exif, latitude, longitude, shot.accuracy_m)
    if shot.altitude_known:
        write_altitude(exif, landmark.ground_altitude_m + shot.measured_position[2])
    return exif
