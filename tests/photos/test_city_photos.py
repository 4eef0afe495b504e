"""Photos of a city: who is let in, where they stand, what they say, and which blocks are held out."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gpslift.errors import UserError
from gpslift.geo.cities import load_city
from gpslift.geo.landmarks import load_landmark
from gpslift.photos.dataset import load_photo_set
from gpslift.photos.manifest import build_manifest
from gpslift.photos.splits import BLOCK_M
from gpslift.schema.image_prior import DataConfig

PhotoWriter = Callable[..., Path]
PARIS = load_city("paris")
DESCRIPTION = 0x10E


@pytest.fixture
def write_city(write_photo: PhotoWriter) -> Callable[[int], None]:
    """Photos all over Paris, each with a caption of its own."""

    def write(count: int) -> None:
        rng = np.random.default_rng(0)
        east, north = rng.uniform(-6000, 6000, count), rng.uniform(-3000, 3000, count)
        for number, (latitude, longitude) in enumerate(zip(*PARIS.to_geodetic(east, north), strict=True)):
            write_photo(
                f"{number:03d}.jpg",
                float(latitude),
                float(longitude),
                seed=number,
                main={0x13B: f"Author {number % 5}", DESCRIPTION: f"bench {number}"},
            )

    return write


def test_places_captions_and_held_out_blocks(data: DataConfig, write_city: Callable[[int], None]) -> None:
    write_city(150)
    manifest = build_manifest(PARIS, data)
    assert len(manifest) == 150 and set(manifest.report.parts) == {"generator", "judges", "test"}
    east, north = PARIS.to_metres(manifest.column("latitude"), manifest.column("longitude"))
    np.testing.assert_allclose(manifest.column("east_m"), east)
    blocks = list(zip(manifest.column("east_m") // BLOCK_M, manifest.column("north_m") // BLOCK_M, strict=True))
    parts: dict[tuple[float, float], set[str]] = {}
    for block, part in zip(blocks, manifest.column("part"), strict=True):
        parts.setdefault(block, set()).add(part)
    assert all(len(found) == 1 for found in parts.values())
    photos = load_photo_set(manifest, "generator", 16, Path(data.cache))
    batch = photos[[(0, 3), (1, 5)]]
    rows = manifest.rows("generator")[[3, 5]]
    assert batch["caption"] == manifest.column("caption")[rows].tolist()
    torch.testing.assert_close(batch["north_m"], torch.from_numpy(north[rows]).float())
    assert batch["image"].shape == (2, 3, 16, 16)


def test_who_is_left_out(data: DataConfig, write_city: Callable[[int], None], write_photo: PhotoWriter) -> None:
    write_city(6)
    write_photo("lost.jpg")
    write_photo("swapped.jpg", 2.3376, 48.8606)
    write_photo("london.jpg", 51.5, -0.1)
    report = build_manifest(PARIS, data).report
    assert report.kept == 6
    assert report.dropped == {
        "no GPS position": 1,
        "latitude and longitude are swapped": 1,
        "outside Paris": 1,
    }


def test_a_folder_of_another_city(data: DataConfig, write_photo: PhotoWriter) -> None:
    write_photo("london.jpg", 51.5, -0.1)
    with pytest.raises(UserError, match=r"none of the 1 photos .* stands in Paris \(latitude 48.8.*51.5000, -0.1000"):
        build_manifest(PARIS, data)


def test_a_folder_of_swapped_tags(data: DataConfig, write_photo: PhotoWriter) -> None:
    write_photo("a.jpg", 2.3376, 48.8606)
    write_photo("b.jpg", 2.34, 48.86)
    with pytest.raises(UserError, match=r"in 2 of 2 photos .* latitude and longitude are swapped"):
        build_manifest(PARIS, data)


def test_a_text_file_beside_a_photo_is_its_caption(data: DataConfig, write_photo: PhotoWriter) -> None:
    photo = write_photo("a.jpg", 48.86, 2.33, main={DESCRIPTION: "from the camera's owner"})
    write_photo("b.jpg", 48.87, 2.34, main={DESCRIPTION: "OLYMPUS DIGITAL CAMERA"})
    assert build_manifest(PARIS, data).column("caption").tolist() == ["from the camera's owner", ""]
    beside = photo.with_suffix(".txt")
    beside.write_text("a red kiosk\n in the rain", encoding="utf-8")
    os.utime(beside, ns=(photo.stat().st_mtime_ns + 10**9,) * 2)
    assert build_manifest(PARIS, data).column("caption").tolist() == ["a red kiosk in the rain", ""]


def test_a_caption_that_is_a_link_out_of_the_folder_is_not_read(
    data: DataConfig, write_photo: PhotoWriter, tmp_path: Path
) -> None:
    photo = write_photo("a.jpg", 48.86, 2.33)
    (tmp_path / "secret").write_text("secret")
    photo.with_suffix(".txt").symlink_to(tmp_path / "secret")
    assert build_manifest(PARIS, data).column("caption").tolist() == [""]


def test_the_same_photos_may_be_of_a_landmark_and_of_a_city(
    data: DataConfig, write_city: Callable[[int], None]
) -> None:
    write_city(4)
    assert len(build_manifest(PARIS, data)) == 4
    assert len(build_manifest(replace(PARIS, latitude_max=48.9021), data)) == 4
    with pytest.raises(UserError, match=r"km from the Statue of Liberty"):
        build_manifest(load_landmark("statue_of_liberty"), data)
