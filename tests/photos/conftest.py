"""Small photos with real EXIF, written for each test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from gpslift.geo.geodesy import destination
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.schema.image_prior import DataConfig

PhotoWriter = Callable[..., Path]


@pytest.fixture
def landmark() -> Landmark:
    return load_landmark("statue_of_liberty")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "photos"
    path.mkdir()
    return path


@pytest.fixture
def data(tmp_path: Path, folder: Path) -> DataConfig:
    return DataConfig(photos=str(folder), cache=str(tmp_path / "cache"))


def degrees(value: float) -> tuple[IFDRational, ...]:
    """Degrees, minutes and seconds as cameras write them, to a ten-thousandth of a second."""
    ticks = round(abs(value) * 3600 * 10000)
    seconds, whole = ticks % 600000, ticks // 600000
    return IFDRational(whole // 60, 1), IFDRational(whole % 60, 1), IFDRational(seconds, 10000)


@pytest.fixture
def write_photo(folder: Path) -> PhotoWriter:
    """Writes one photo: a random picture (by `seed`), so that no two are alike, with the tags that are given."""

    def write(
        name: str,
        latitude: float | None = None,
        longitude: float | None = None,
        *,
        seed: int | None = None,
        size: tuple[int, int] = (48, 36),
        gps: dict[int, Any] | None = None,
        exif: dict[int, Any] | None = None,
        main: dict[int, Any] | None = None,
    ) -> Path:
        rng = np.random.default_rng(abs(hash_of(name)) if seed is None else seed)
        picture = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize(size, Image.Resampling.NEAREST)
        tags = Image.Exif()
        tags.update(main or {})
        tags.get_ifd(0x8769).update(exif or {})
        if latitude is not None and longitude is not None:
            place = {1: "N" if latitude >= 0 else "S", 2: degrees(latitude)}
            place |= {3: "E" if longitude >= 0 else "W", 4: degrees(longitude)}
            tags.get_ifd(0x8825).update(place)
        tags.get_ifd(0x8825).update(gps or {})
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, exif=tags)
        return path

    return write


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode()[-8:], "big")


@pytest.fixture
def write_ring(write_photo: PhotoWriter, landmark: Landmark) -> Callable[..., list[Path]]:
    """Writes `count` photos evenly round the landmark, each by another author on another day."""

    def write(count: int, first_deg: float = 0.0, last_deg: float = 360.0, distance_m: float = 150.0) -> list[Path]:
        azimuths = first_deg + np.arange(count) * (last_deg - first_deg) / count
        lats, lons = destination(landmark.latitude, landmark.longitude, azimuths, np.full(count, distance_m))
        return [
            write_photo(
                f"ring_{number:04d}.jpg",
                float(lats[number]),
                float(lons[number]),
                seed=number,
                main={0x13B: f"Author {number}"},
                exif={0x9003: f"2020:05:{number % 28 + 1:02d} 12:00:00", 0xA405: 35},
            )
            for number in range(count)
        ]

    return write
