"""The embedded photos as a folder: made once, kept in the cache, and read back like anybody's photos.

<cache>/embedded/<landmark>-<shape>-<photos>-seed<seed>-v<version>/photos/*.jpg     what training reads
                                                                  /truth/          true cameras, for evaluation only
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import load_landmark
from gpslift.procedural.making import Record, ensure_folder, fill_folder
from gpslift.procedural.photographer import ASPECT, exif_of, shot_camera, take_photo
from gpslift.procedural.raycast import Scene
from gpslift.procedural.shapes import build_shape
from gpslift.procedural.tags import save_photo
from gpslift.procedural.tourists import visit
from gpslift.schema import DataConfig

VERSION = 1  # of the rule that makes the photos: raise it with every change that alters a pixel or a tag
SHORT_SIDE = 64
VISITS_A_TASK = 16
MEAN_PHOTOS_A_VISIT = 3.5


@dataclass(frozen=True)
class Recipe:
    """All that decides the embedded photos."""

    landmark: str
    shape: str
    photos: int
    seed: int

    @property
    def folder_name(self) -> str:
        """One folder for one recipe."""
        return f"{self.landmark}-{self.shape}-{self.photos}-seed{self.seed}-v{VERSION}"


def ensure_photos(landmark: str, data: DataConfig) -> Path:
    """The folder of embedded photos that `data` asks for, made now if it is not in the cache.

    It appears under its name only when it is whole. Raises UserError for an unknown shape and for a full disk.
    """
    recipe = Recipe(landmark, data.embedded_shape or landmark, data.embedded_photos, data.embedded_seed)
    build_shape(recipe.shape)  # an unknown shape is refused before any work
    folder = Path(data.cache).expanduser() / "embedded" / recipe.folder_name
    ensure_folder(folder, lambda work: make_photos(recipe, work))
    return folder / "photos"


def make_photos(recipe: Recipe, folder: Path) -> None:
    """Takes the photos of a recipe into `folder`/photos, on all cores, and the true cameras into `folder`/truth."""
    visits = int(np.ceil(recipe.photos / MEAN_PHOTOS_A_VISIT * 1.2)) + 8
    work = partial(take_photos_of_visits, recipe, folder)
    fill_folder(folder, recipe.photos, work, visits, VISITS_A_TASK, "cameras.json")


def take_photos_of_visits(recipe: Recipe, folder: Path, visits: range) -> list[Record]:
    """The photos of some tourists, and their true cameras. Each tourist has random numbers of their own.

    A camera: file, camera_to_world_m (4 x 4, metres), fov_y (radians, of the whole picture's height).
    """
    landmark = load_landmark(recipe.landmark)
    frame, scene = LocalFrame.of_landmark(landmark), Scene(build_shape(recipe.shape))
    cameras: list[Record] = []
    for index in visits:
        rng = np.random.default_rng([recipe.seed, index])
        shots = visit(rng, f"Visitor {index:05d}", landmark.look_at_m, landmark.latitude, ASPECT)
        for number, shot in enumerate(shots):
            name = f"{index:05d}_{number}.jpg"
            picture = take_photo(scene, shot, SHORT_SIDE, rng)
            save_photo(picture, folder / "photos" / name, exif_of(shot, landmark, frame))
            camera = shot_camera(shot, SHORT_SIDE)
            matrix, fov_y = camera.camera_to_world[0].tolist(), float(camera.fov_y[0])
            cameras.append({"file": name, "camera_to_world_m": matrix, "fov_y": fov_y})
    return cameras
