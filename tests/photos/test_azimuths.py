"""Azimuths from a CSV file: any columns beside the two, no GPS needed, and clear words about what does not fit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.photos.azimuths import read_azimuths
from gpslift.photos.camera_table import camera_table
from gpslift.photos.manifest import Manifest, build_manifest
from gpslift.schema.image_prior import DataConfig


@pytest.fixture
def told(landmark: Landmark, data: DataConfig, tmp_path: Path) -> Callable[[str], Manifest]:
    """The manifest of the photos with a CSV file of this text."""

    def told(text: str) -> Manifest:
        (tmp_path / "azimuths.csv").write_text(text, encoding="utf-8")
        data.azimuths = str(tmp_path / "azimuths.csv")
        return build_manifest(landmark, data)

    return told


def write_plain(write_photo: Callable[..., Path], count: int) -> None:
    """Photos without GPS, all taken by one camera, two and two in one second."""
    for number in range(count):
        time = f"2024:05:01 12:{number // 2 * 2:02d}:00"
        write_photo(f"{number:02d}.jpg", seed=number, exif={0x9003: time}, main={0x110: "Phone"})


def test_columns_in_any_order_and_turns_beyond_the_circle(tmp_path: Path) -> None:
    file = tmp_path / "azimuths.csv"
    file.write_text('\ufeffelevation, azimuth_deg,file\n3,-90, "a b.jpg"\n,359.5,sub\\c.jpg\n1,360,./d.jpg\n', "utf-8")
    assert read_azimuths(str(file)) == {"a b.jpg": 270.0, "sub/c.jpg": 359.5, "d.jpg": 0.0}


def test_photos_without_gps_are_used_by_their_azimuths(told: Callable, write_photo: Callable[..., Path]) -> None:
    write_plain(write_photo, 13)
    lines = [f"{number:02d}.jpg,{number * 30}" for number in range(12)]
    manifest = told("\n".join(["file,azimuth_deg", *lines]))
    np.testing.assert_allclose(manifest.column("azimuth_deg"), np.arange(12) * 30.0)
    assert np.isnan(manifest.column("distance_m")).all() and np.isnan(manifest.column("frame_width_m")).all()
    (left_out,) = manifest.report.dropped.items()
    assert left_out[0].startswith("not in ") and left_out[1] == 1
    assert set(manifest.column("part")) == {"generator", "judges", "test"}


def test_the_file_goes_before_gps_and_its_filters(told: Callable, write_ring: Callable[..., list[Path]]) -> None:
    write_ring(2, distance_m=400_000)
    manifest = told("file,azimuth_deg\nring_0000.jpg,200\nring_0001.jpg,20\n")
    assert manifest.column("azimuth_deg").tolist() == [200.0, 20.0]


def test_the_same_picture_still_counts_once(told: Callable, write_photo: Callable[..., Path]) -> None:
    for name in ("a.jpg", "b.jpg"):
        write_photo(name, seed=1)
    manifest = told("file,azimuth_deg\na.jpg,10\nb.jpg,50\n")
    assert manifest.report.dropped == {"same picture as another": 1}


def test_neighbours_of_one_person_and_day_stay_in_one_part(told: Callable, write_photo: Callable[..., Path]) -> None:
    write_plain(write_photo, 40)
    lines = [f"{number:02d}.jpg,{number // 2 * 18 + 9 + number % 2}" for number in range(40)]
    part = told("\n".join(["file,azimuth_deg", *lines])).column("part")
    assert (part[::2] == part[1::2]).all() and len(set(part)) > 1


def test_cameras_to_lift_with_stand_at_a_plausible_distance(
    told: Callable, write_photo: Callable[..., Path], landmark: Landmark
) -> None:
    write_plain(write_photo, 12)
    manifest = told("\n".join(["file,azimuth_deg", *(f"{number:02d}.jpg,{number * 30}" for number in range(12))]))
    table = camera_table(manifest)
    assert set(table["range_m"]) == {150.0} and set(table["frame_width_m"]) == {110.0}
    # at eye height, 1.6 m, 150 m away from what is looked at 46.5 m above the ground: atan(-44.9 / 150) = -16.7
    assert set(table["elevation_deg"]) == {-17.0}
    assert landmark.half_extent_m == 50


def test_a_changed_file_is_read_again(told: Callable, write_photo: Callable[..., Path]) -> None:
    write_plain(write_photo, 1)
    assert told("file,azimuth_deg\n00.jpg,10\n").column("azimuth_deg").tolist() == [10.0]
    assert told("file,azimuth_deg\n00.jpg,20\n").column("azimuth_deg").tolist() == [20.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,azimuth_deg_sfm\n00.jpg,3\n", "no column file and no column azimuth_deg .its first line has image, az"),
        ("", "its first line has nothing"),
        ("file;azimuth_deg\n00.jpg;3\n", "its first line has file;azimuth_deg; columns are separated by commas"),
        ("file,azimuth_deg\n", "tells of no photo"),
        ("file,azimuth_deg\n00.jpg,3\n01.jpg,north\n", "line 3: azimuth_deg=north must be a number"),
        ("file,azimuth_deg\n00.jpg\n", "line 2: azimuth_deg= must be a number"),
        ("file,azimuth_deg\n00.jpg,nan\n", "azimuth_deg=nan must be a number"),
        ("file,azimuth_deg\n00.jpg,400\n", "azimuth_deg=400 must be a number, -360 to 360"),
        ("file,azimuth_deg\n00.jpg,3\n00.jpg,4\n", "line 3: 00.jpg has another azimuth in an earlier line"),
        ("file,azimuth_deg\n00.jpg,3\n0.jpg,4\n", r"1 of the 2 photos that it tells of are not in data.photos \(0.jpg"),
        (
            "file,azimuth_deg\na/00.jpg,3\n",
            r"none of the 1 photos that it tells of is in .* there are 00.jpg, 01.jpg\)",
        ),
    ],
)
def test_a_bad_file_is_told_of(told: Callable, write_photo: Callable[..., Path], text: str, said: str) -> None:
    write_plain(write_photo, 2)
    with pytest.raises(UserError, match=said):
        told(text)


def test_a_file_that_is_not_there(landmark: Landmark, data: DataConfig) -> None:
    data.azimuths = "nowhere.csv"
    with pytest.raises(UserError, match=r"data\.azimuths=nowhere\.csv: there is no such file"):
        build_manifest(landmark, data)


def test_an_empty_folder(told: Callable) -> None:
    with pytest.raises(UserError, match="no photos in"):
        told("file,azimuth_deg\n00.jpg,3\n")
