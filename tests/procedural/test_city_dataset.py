"""The embedded city as a folder: read back like anybody's photos, it agrees with the truth kept beside it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpslift.errors import UserError
from gpslift.geo.cities import City, city_from_entry
from gpslift.photos.exif import PhotoMetadata, read_photo_metadata
from gpslift.procedural import making
from gpslift.procedural.city.dataset import ensure_city_photos, shots_of_outing, take_photos_of_outings
from gpslift.procedural.city.phone import exif_of
from gpslift.procedural.tags import save_photo
from gpslift.procedural.truth import district_names, district_of, true_city_photos
from gpslift.schema.image_prior import DataConfig

PHOTOS = 64


@pytest.fixture(scope="module")
def photos(city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    patch = pytest.MonkeyPatch()
    patch.setattr(making, "usable_cores", lambda: 1)  # the city is then built once for all tests of this process
    folder = ensure_city_photos(city, DataConfig(cache=str(tmp_path_factory.mktemp("cache")), embedded_photos=PHOTOS))
    patch.undo()
    return folder


@pytest.fixture(scope="module")
def truth(photos: Path) -> dict[str, dict[str, Any]]:
    return true_city_photos(photos)


@pytest.fixture(scope="module")
def read(photos: Path) -> dict[str, PhotoMetadata]:
    return {path.name: read_photo_metadata(path) for path in sorted(photos.iterdir())}


def test_the_folder_is_whole(photos: Path, truth: dict[str, dict[str, Any]], read: dict[str, PhotoMetadata]) -> None:
    assert photos.parent.name == f"paris-{PHOTOS}-seed0-v1"
    assert len(read) == PHOTOS and read.keys() == truth.keys()
    assert {(m.width, m.height) for m in read.values()} == {(86, 64), (64, 86)}


def test_tags_agree_with_the_truth(
    city: City, truth: dict[str, dict[str, Any]], read: dict[str, PhotoMetadata]
) -> None:
    for name, true in truth.items():
        if true["tag"] != "right":
            continue
        latitude, longitude = read[name].latitude, read[name].longitude
        assert latitude is not None and longitude is not None
        (east, north), (true_east, true_north) = (
            city.to_metres(latitude, longitude),
            city.to_metres(true["latitude"], true["longitude"]),
        )
        assert np.hypot(east - true_east, north - true_north) < 4 * (read[name].accuracy_m or 20)
        if (direction := read[name].image_direction) is not None:
            assert abs((direction - true["heading"] + 180) % 360 - 180) < 40
        assert read[name].focal_length_35mm in (None, true["focal_length_35mm"])
    assert np.mean([m.accuracy_m is not None for m in read.values()]) > 0.5


def test_captions_and_times_are_in_the_file(
    photos: Path, truth: dict[str, dict[str, Any]], read: dict[str, Any]
) -> None:
    months = {"spring": "03 04 05", "summer": "06 07 08", "autumn": "09 10 11", "winter": "12 01 02"}
    for path in photos.iterdir():
        with Image.open(path) as image:
            assert image.getexif()[0x010E] == truth[path.name]["caption"]
        assert all(thing in truth[path.name]["caption"] for thing in truth[path.name]["objects"])
        assert read[path.name].time[5:7] in months[truth[path.name]["season"]]


def test_districts_are_the_maps(city: City, truth: dict[str, dict[str, Any]]) -> None:
    rows = list(truth.values())
    found = district_of(city, [row["latitude"] for row in rows], [row["longitude"] for row in rows])
    assert [district_names(city)[index] for index in found] == [row["district"] for row in rows]


def test_the_same_seed_makes_the_same_bytes(city: City, photos: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        (tmp_path / str(seed) / "photos").mkdir(parents=True)
        take_photos_of_outings(city, seed, tmp_path / str(seed), range(3, 4))
    again = sorted((tmp_path / "0" / "photos").iterdir())
    assert again and [path.read_bytes() for path in again] == [(photos / path.name).read_bytes() for path in again]
    other = sorted((tmp_path / "1" / "photos").iterdir())
    assert [path.read_bytes() for path in other] != [path.read_bytes() for path in again]


@pytest.mark.parametrize(
    ("tag", "problem"), [("none", "no GPS position"), ("zero", "GPS position 0, 0"), ("swapped", ""), ("elsewhere", "")]
)
def test_missing_and_wrong_tags(tag: str, problem: str, city: City, tmp_path: Path) -> None:
    shot = replace(shots_of_outing(city, 0, 0)[0], tag=tag)
    save_photo(Image.new("RGB", (86, 64)), tmp_path / "a.jpg", exif_of(shot, city, np.random.default_rng(0)))
    read = read_photo_metadata(tmp_path / "a.jpg")
    if problem:
        assert read.latitude is None and problem in read.gps_problem
        return
    assert read.latitude is not None and read.longitude is not None
    with pytest.raises(UserError, match="outside Paris") as error:
        city.check(read.latitude, read.longitude)
    assert ("did you mean" in str(error.value)) == (tag == "swapped")


def test_an_unknown_city_is_refused_before_any_work(tmp_path: Path) -> None:
    entry = dict(
        title="Pisa", latitude_min=43, latitude_max=44, longitude_min=10, longitude_max=11, ground_altitude_m=4
    )
    with pytest.raises(UserError, match="Pisa is not made by rule"):
        ensure_city_photos(city_from_entry("pisa", entry), DataConfig(cache=str(tmp_path / "cache")))
    assert not (tmp_path / "cache").exists()
