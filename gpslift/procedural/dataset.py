"""The embedded photos as a folder: made once, kept in the cache, and read back like anybody's photos.

<cache>/embedded/<landmark>-<shape>-<photos>-seed<seed>-v<version>/photos/*.jpg     what training reads
                                                                  /truth/          true cameras, for evaluation only
(and -<digest> after the version, where landmark or shape come from a file of the user's own)
"""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import trimesh

from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import Landmark, landmark_names
from gpslift.procedural.making import Record, ensure_folder, fill_folder
from gpslift.procedural.photographer import ASPECT, exif_of, shot_camera, take_photo
from gpslift.procedural.raycast import Scene
from gpslift.procedural.shapes import shape_of
from gpslift.procedural.shapes.mesh_file import is_mesh_file
from gpslift.procedural.sites import site_of
from gpslift.procedural.surroundings import build_surroundings
from gpslift.procedural.tags import save_photo
from gpslift.procedural.tourists import Position, visit
from gpslift.schema.image_prior import DataConfig

VERSION = 3  # of the rule that makes the photos: raise it with every change that alters a pixel or a tag
SHORT_SIDE = 64
VISITS_A_TASK = 16
MEAN_PHOTOS_A_VISIT = 3.5
VISITS_WITHOUT_A_VIEW = 2.0  # more visits than photos ask for: where the landmark is hidden no photo is taken
IN_SIGHT = 0.75  # the share of the landmark that must not be hidden


@dataclass(frozen=True)
class Recipe:
    """All that decides the embedded photos. shape: a name, or a mesh file's path; up: its axis that points up."""

    landmark: Landmark
    shape: str
    photos: int
    seed: int
    up: str = "auto"

    def folder_name(self, mesh: trimesh.Trimesh) -> str:
        """One folder for one recipe. What is in nobody's files but the user's own is told by its content."""
        shape, own = self.shape, ""
        if is_mesh_file(self.shape) or self.landmark.name not in landmark_names():
            shape = Path(self.shape).stem
            digest = hashlib.sha256(repr(self.landmark).encode())
            digest.update(mesh.triangles.tobytes() + mesh.visual.face_colors.tobytes())
            own = f"-{digest.hexdigest()[:8]}"
        return f"{self.landmark.name}-{shape}-{self.photos}-seed{self.seed}-v{VERSION}{own}"


def ensure_photos(landmark: Landmark, data: DataConfig) -> Path:
    """The folder of embedded photos that `data` asks for, made now if it is not in the cache.

    It appears under its name only when it is whole. Raises UserError for an unknown shape, for a mesh file that does
    not fit, and for a full disk.
    """
    shape = data.embedded_shape or landmark.name
    recipe = Recipe(grounded(landmark), shape, data.embedded_photos, data.embedded_seed, data.embedded_up)
    mesh = shape_of(recipe.landmark, shape, recipe.up)  # what cannot be is refused before any work
    folder = Path(data.cache).expanduser() / "embedded" / recipe.folder_name(mesh)
    ensure_folder(folder, lambda work: make_photos(recipe, work))
    return folder / "photos"


def grounded(landmark: Landmark) -> Landmark:
    """The landmark with its ground at sea level where its height is unknown: a phone always writes some altitude."""
    altitude, ellipsoidal = np.nan_to_num([landmark.ground_altitude_m, landmark.ground_ellipsoidal_m]).tolist()
    return replace(landmark, ground_altitude_m=altitude, ground_ellipsoidal_m=ellipsoidal)


def make_photos(recipe: Recipe, folder: Path) -> None:
    """Takes the photos of a recipe into `folder`/photos, on all cores, and the true cameras into `folder`/truth."""
    visits = int(np.ceil(recipe.photos / MEAN_PHOTOS_A_VISIT * VISITS_WITHOUT_A_VIEW)) + 8
    work = partial(take_photos_of_visits, recipe, folder)
    fill_folder(folder, recipe.photos, work, visits, VISITS_A_TASK, "cameras.json")


def take_photos_of_visits(recipe: Recipe, folder: Path, visits: range) -> list[Record]:
    """The photos of some tourists, and their true cameras. Each tourist has random numbers of their own.

    A camera: file, camera_to_world_m (4 x 4, metres), fov_y (radians, of the whole picture's height).
    """
    landmark = recipe.landmark
    frame, site = LocalFrame.of_landmark(landmark), site_of(landmark)
    scene = scene_of(landmark, recipe.shape, recipe.up)
    cameras: list[Record] = []
    for index in visits:
        rng = np.random.default_rng([recipe.seed, index])
        shots = visit(rng, f"Visitor {index:05d}", landmark, site, ASPECT, partial(in_sight, scene, landmark))
        for number, shot in enumerate(shots):
            name = f"{index:05d}_{number}.jpg"
            picture = take_photo(scene, shot, SHORT_SIDE, rng, site.crowd)
            save_photo(picture, folder / "photos" / name, exif_of(shot, landmark, frame))
            camera = shot_camera(shot, SHORT_SIDE)
            matrix, fov_y = camera.camera_to_world[0].tolist(), float(camera.fov_y[0])
            cameras.append({"file": name, "camera_to_world_m": matrix, "fov_y": fov_y})
    return cameras


@lru_cache(maxsize=1)  # a process takes the photos of many visits
def scene_of(landmark: Landmark, shape: str, up: str = "auto") -> Scene:
    """A shape at the site of a landmark."""
    site = site_of(landmark)
    return Scene(shape_of(landmark, shape, up), site.ground, build_surroundings(site.surroundings))


def in_sight(scene: Scene, landmark: Landmark, position: Position) -> bool:
    """Whether enough of the landmark can be seen from there: of nine points, three on each side of its middle line."""
    low, high = np.array(landmark.own_volume_min_m), np.array(landmark.own_volume_max_m)
    away = np.array(position[:2]) / np.hypot(*position[:2])
    aside = np.array([away[1], -away[0]]) * 0.75 * (high - low)[:2] / 2
    points = [[*(side * aside), low[2] + share * (high - low)[2]] for side in (-1, 0, 1) for share in (0.15, 0.5, 0.85)]
    return scene.share_in_sight(np.array(position, np.float32), np.array(points, np.float32)) >= IN_SIGHT
