"""The embedded photos as a folder: read back like anybody's, they agree with the true cameras; made whole or not."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpslift.cameras import camera_azimuth
from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.photos.focal import field_of_view_square
from gpslift.photos.manifest import Manifest, build_manifest
from gpslift.procedural import dataset, making
from gpslift.procedural.dataset import Recipe, ensure_photos, take_photos_of_visits
from gpslift.schema.image_prior import DataConfig
from tests.systems.toy import in_child

PHOTOS = 70


@pytest.fixture(scope="module")
def landmark() -> Landmark:
    return load_landmark("statue_of_liberty")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    return DataConfig(
        cache=str(tmp_path_factory.mktemp("cache")), embedded_photos=PHOTOS, azimuth_uncertainty_max_deg=180.0
    )


@pytest.fixture(scope="module")
def photos(landmark: Landmark, data: DataConfig) -> Path:
    """Made with as many processes as there are cores."""
    return ensure_photos(landmark, data)


@pytest.fixture(scope="module")
def read(photos: Path, landmark: Landmark, data: DataConfig) -> Manifest:
    return build_manifest(landmark, data)


@pytest.fixture(scope="module")
def truth(photos: Path, read: Manifest) -> dict[str, np.ndarray]:
    """True positions [N, 3] and fields of view [N] of the manifest's photos, in its order."""
    cameras = {c["file"]: c for c in json.loads((photos.parent / "truth" / "cameras.json").read_text())}
    rows = [cameras[name] for name in read.table["path"].to_pylist()]
    return {
        "position": np.array(rows_of(rows, "camera_to_world_m"))[:, :3, 3],
        "fov_y": np.array(rows_of(rows, "fov_y")),
    }


def rows_of(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_as_many_photos_as_asked_for_and_all_are_usable(photos: Path, read: Manifest) -> None:
    assert len(list(photos.glob("*.jpg"))) == PHOTOS
    assert len(json.loads((photos.parent / "truth" / "cameras.json").read_text())) == PHOTOS
    assert len(read) == PHOTOS
    assert [path.name for path in photos.parent.parent.iterdir()] == [photos.parent.name]


def test_azimuths_agree_with_the_true_cameras(read: Manifest, truth: dict[str, np.ndarray]) -> None:
    true = camera_azimuth(torch.tensor(truth["position"])).numpy()
    error = (read.column("azimuth_deg") - true + 180) % 360 - 180
    score = error / read.column("azimuth_uncertainty_deg")
    assert np.abs(score).max() < 4
    assert abs(error.mean()) < 3 * error.std() / np.sqrt(PHOTOS)
    assert 0.5 < np.mean(np.abs(score) < 1) < 0.95


def test_distances_and_elevations_agree(read: Manifest, truth: dict[str, np.ndarray], landmark: Landmark) -> None:
    away = truth["position"] - np.array(landmark.look_at_m)
    error = read.column("range_m") - np.linalg.norm(away, axis=1)
    assert np.abs(error).max() < 30 and abs(np.median(error)) < 2
    elevation, known = read.column("elevation_deg"), ~np.isnan(read.column("elevation_deg"))
    true = np.degrees(np.arctan2(away[:, 2], np.hypot(away[:, 0], away[:, 1])))
    assert 0.4 < known.mean() < 1.0
    assert np.abs(elevation - true)[known].max() < 12 and abs(np.median((elevation - true)[known])) < 1


def test_frame_widths_agree(read: Manifest, truth: dict[str, np.ndarray], landmark: Landmark) -> None:
    """The lens to a millionth; the width to 2 %, as far as the tag's distance is right."""
    width, known = read.column("frame_width_m"), ~np.isnan(read.column("frame_width_m"))
    height, short = read.column("height"), np.minimum(read.column("height"), read.column("width"))
    tangent = np.tan(truth["fov_y"] / 2) * short / height
    assert 0.4 < known.mean() < 1.0
    assert (width / (2 * read.column("range_m")))[known] == pytest.approx(tangent[known], rel=2e-6)
    distance = np.linalg.norm(truth["position"] - np.array(landmark.look_at_m), axis=1)
    ratio = (width / (2 * distance * tangent))[known]
    assert abs(np.median(ratio) - 1) < 0.02 and np.abs(ratio - 1).max() < 0.2
    focal = read.column("focal_length_35mm")[known][0]
    square = field_of_view_square(focal, read.column("width")[known][0], height[known][0])
    assert np.tan(square / 2) == pytest.approx(tangent[known][0], rel=2e-6)


def test_the_same_seed_makes_the_same_photos(photos: Path, landmark: Landmark, tmp_path: Path) -> None:
    for seed in (0, 1):
        (tmp_path / str(seed) / "photos").mkdir(parents=True)
        take_photos_of_visits(Recipe(landmark, landmark.name, 1, seed), tmp_path / str(seed), range(2))
    again = sorted((tmp_path / "0" / "photos").iterdir())
    assert again and [path.read_bytes() for path in again] == [(photos / path.name).read_bytes() for path in again]
    other = sorted((tmp_path / "1" / "photos").iterdir())
    assert [path.read_bytes() for path in other] != [path.read_bytes() for path in again]


def test_a_whole_folder_is_not_made_again(photos: Path, landmark: Landmark, data: DataConfig, monkeypatch: Any) -> None:
    monkeypatch.setattr(dataset, "make_photos", lambda recipe, folder: pytest.fail("made again"))
    assert ensure_photos(landmark, data) == photos


def test_an_unknown_shape_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no shape made by rule is called 'eiffel_tower'"):
        ensure_photos(
            load_landmark("stonehenge"), DataConfig(cache=str(tmp_path / "cache"), embedded_shape="eiffel_tower")
        )
    assert not (tmp_path / "cache").exists()


def quick_photos(monkeypatch: pytest.MonkeyPatch, at_fifth: Any = lambda: None) -> None:
    """Empty files in the place of photos, and something that happens at the fifth."""

    def save(picture: Any, path: Path, exif: Any) -> None:
        path.touch()
        if len(list(path.parent.iterdir())) == 5:
            at_fifth()

    monkeypatch.setattr(making, "usable_cores", lambda: 1)
    monkeypatch.setattr(dataset, "take_photo", lambda scene, shot, side, rng, crowd: None)
    monkeypatch.setattr(dataset, "save_photo", save)


def test_a_killed_making_leaves_no_half_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataConfig(cache=str(tmp_path), embedded_photos=64)
    quick_photos(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert in_child(lambda: ensure_photos(load_landmark("statue_of_liberty"), data)) == signal.SIGKILL
    (left,) = (tmp_path / "embedded").glob("[!.]*")
    assert left.name.startswith("making-") and len(list((left / "photos").iterdir())) == 5
    old = time.time() - 2 * 3600
    for path in (left, left / "photos"):
        os.utime(path, (old, old))
    quick_photos(monkeypatch)
    folder = ensure_photos(load_landmark("statue_of_liberty"), data)
    assert len(list(folder.iterdir())) == 64
    assert [path.name for path in (tmp_path / "embedded").iterdir()] == [folder.parent.name]  # what was left is gone


def test_a_stopped_making_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    quick_photos(monkeypatch, stop)
    with pytest.raises(KeyboardInterrupt):
        ensure_photos(load_landmark("statue_of_liberty"), DataConfig(cache=str(tmp_path), embedded_photos=64))
    assert list((tmp_path / "embedded").iterdir()) == []


def test_a_making_at_work_elsewhere_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "embedded" / "making-other" / "photos").mkdir(parents=True)
    quick_photos(monkeypatch)
    ensure_photos(load_landmark("statue_of_liberty"), DataConfig(cache=str(tmp_path), embedded_photos=64))
    assert (tmp_path / "embedded" / "making-other").is_dir()


def test_another_shape_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_photos(monkeypatch)
    folder = ensure_photos(
        load_landmark("statue_of_liberty"),
        DataConfig(cache=str(tmp_path), embedded_photos=64, embedded_shape="lantern_tower"),
    )
    assert folder.parent.name == "statue_of_liberty-lantern_tower-64-seed0-v3"
