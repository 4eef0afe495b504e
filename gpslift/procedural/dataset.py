"""The embedded photos as a folder: made once, kept in the cache, and read back like anybody's photos.

<cache>/embedded/<landmark>-<shape>-<photos>-seed<seed>-v<version>/photos/*.jpg     what training reads
                                                                  /truth/          true cameras, for evaluation only
"""

import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import load_landmark
from gpslift.procedural.photographer import ASPECT, exif_of, save_photo, shot_camera, take_photo
from gpslift.procedural.raycast import Scene
from gpslift.procedural.shapes import build_shape
from gpslift.procedural.tourists import visit
from gpslift.schema import DataConfig
from gpslift.storage import saving

VERSION = 1  # of the rule that makes the photos: raise it with every change that alters a pixel or a tag
SHORT_SIDE = 64
VISITS_A_TASK = 16
MEAN_PHOTOS_A_VISIT = 3.5
_UNFINISHED = "making-"
_ABANDONED_SECONDS = 3600.0


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
    if not folder.is_dir():
        with saving(folder.parent):
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(folder.parent)
            work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
            try:
                make_photos(recipe, work)
                _put_in_place(work, folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return folder / "photos"


def _put_in_place(work: Path, folder: Path) -> None:
    """Gives a finished folder its name; one that another process finished first stays."""
    try:
        work.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _remove_abandoned(parent: Path) -> None:
    """Removes what a killed process left behind: unfinished folders that have not grown for an hour."""
    for folder in parent.glob(f"{_UNFINISHED}*"):
        changed = max(path.stat().st_mtime for path in [folder, *folder.glob("photos")])
        if time.time() - changed > _ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def make_photos(recipe: Recipe, folder: Path) -> None:
    """Takes the photos of a recipe into `folder`/photos, on all cores, and the true cameras into `folder`/truth."""
    (folder / "photos").mkdir()
    (folder / "truth").mkdir()
    visits = int(np.ceil(recipe.photos / MEAN_PHOTOS_A_VISIT * 1.2)) + 8
    tasks = [range(start, min(start + VISITS_A_TASK, visits)) for start in range(0, visits, VISITS_A_TASK)]
    cameras: list[dict[str, Any]] = []
    columns = (TextColumn("making photos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        job = bar.add_task("photos", total=recipe.photos)
        for taken in _taken_in_order(recipe, folder, tasks):
            cameras += taken
            bar.update(job, completed=min(len(cameras), recipe.photos))
            if len(cameras) >= recipe.photos:
                break
    for surplus in sorted((folder / "photos").glob("*.jpg"))[recipe.photos :]:
        surplus.unlink()
    (folder / "truth" / "cameras.json").write_text(json.dumps(cameras[: recipe.photos]))


def _taken_in_order(recipe: Recipe, folder: Path, tasks: list[range]) -> Iterator[list[dict[str, Any]]]:
    """What `take_photos_of_visits` gives for each task, in order; in processes where there are cores for them.

    When the caller has enough, tasks not yet begun are dropped and those at work are waited for.
    """
    work, workers = partial(take_photos_of_visits, recipe, folder), min(_usable_cores(), len(tasks))
    if workers == 1:
        yield from map(work, tasks)
        return
    # spawn: a fork of a process whose torch threads are running can hang
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(work, tasks)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def take_photos_of_visits(recipe: Recipe, folder: Path, visits: range) -> list[dict[str, Any]]:
    """The photos of some tourists, and their true cameras. Each tourist has random numbers of their own.

    A camera: file, camera_to_world_m (4 x 4, metres), fov_y (radians, of the whole picture's height).
    """
    landmark = load_landmark(recipe.landmark)
    frame, scene = LocalFrame.of_landmark(landmark), Scene(build_shape(recipe.shape))
    cameras: list[dict[str, Any]] = []
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
