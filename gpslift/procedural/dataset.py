"""The embedded photos as a folder: made once, kept in the cache, and read back like anybody's photos.

<cache>/embedded/<shape>-<photos>-seed<seed>-v<version>/photos/*.jpg     what training reads
                                                       /truth/           the true cameras, for evaluation only
"""

import json
import multiprocessing
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import load_landmark
from gpslift.procedural.photographer import ASPECT, exif_of, save_photo, shot_camera, take_photo
from gpslift.procedural.raycast import Scene
from gpslift.procedural.shapes import build_shape
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
    """The folder of embedded photos that `data` asks for, made now if it is not in the cache."""
    recipe = Recipe(landmark, data.embedded_shape or landmark, data.embedded_photos, data.embedded_seed)
    build_shape(recipe.shape)  # an unknown shape is refused before any work
    folder = Path(data.cache) / "embedded" / recipe.folder_name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
        try:
            make_photos(recipe, work)
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder / "photos"


def make_photos(recipe: Recipe, folder: Path) -> None:
    """Takes the photos of a recipe into `folder`/photos with all processor cores, and the true cameras into `folder`/truth."""
    (folder / "photos").mkdir()
    (folder / "truth").mkdir()
    visits = int(np.ceil(recipe.photos / MEAN_PHOTOS_A_VISIT * 1.2)) + 8
    tasks = [range(start, min(start + VISITS_A_TASK, visits)) for start in range(0, visits, VISITS_A_TASK)]
    cameras: list[dict[str, object]] = []
    columns = (TextColumn("making photos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # spawn: a fork of a process whose torch threads are running can hang
    context = multiprocessing.get_context("spawn")
    with Progress(*columns) as bar, ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        job = bar.add_task("photos", total=recipe.photos)
        for taken in pool.map(partial(take_photos_of_visits, recipe, folder), tasks):
            cameras += taken
            bar.update(job, completed=min(len(cameras), recipe.photos))
            if len(cameras) >= recipe.photos:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    for surplus in sorted((folder / "photos").glob("*.jpg"))[recipe.photos :]:
        surplus.unlink()
    (folder / "truth" / "cameras.json").write_text(json.dumps(cameras[: recipe.photos]))


def take_photos_of_visits(recipe: Recipe, folder: Path, visits: range) -> list[dict[str, object]]:
    """The photos of some tourists, and their true cameras. Each tourist has random numbers of their own."""
    landmark = load_landmark(recipe.landmark)
    frame = LocalFrame.of_landmark(landmark)
    scene = Scene(build_shape(recipe.shape))
    cameras: list[dict[str, object]] = []
    for index in visits:
        rng = np.random.default_rng([recipe.seed, index])
        for number, shot in enumerate(
            visit(rng, f"Visitor {index:05d}", landmark.look_at_m, landmark.latitude, ASPECT)
        ):
            name = f"{index:05d}_{number}.jpg"
            save_photo(
                take_photo(scene, shot, SHORT_SIDE, rng), folder / "photos" / name, exif_of(shot, landmark, frame)
            )
            camera = shot_camera(shot, SHORT_SIDE)
            cameras.append(
                {"file": name, "camera_to_world_m": camera.camera_to_world[0].tolist(), "fov_y": float(camera.fov_y[0])}
            )
    return cameras
