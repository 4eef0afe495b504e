"""The saved distribution of cameras: joint, rounded, and silent about where anyone stood."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL.TiffImagePlugin import IFDRational

from gpslift.geo.geodesy import destination
from gpslift.geo.landmarks import Landmark
from gpslift.photos import camera_table as module
from gpslift.photos.camera_table import camera_table
from gpslift.photos.manifest import build_manifest
from gpslift.schema.image_prior import DataConfig

PhotoWriter = Callable[..., Path]


def test_rows_by_hand(landmark: Landmark, data: DataConfig, write_photo: PhotoWriter) -> None:
    """One photo with all tags, one without altitude (taken as at eye height), one without focal length (left out)."""
    lats, lons = destination(landmark.latitude, landmark.longitude, [10.0, 130.0, 250.0], [100.0, 200.0, 300.0])
    level = {5: b"\0", 6: IFDRational(495, 10)}
    write_photo("a.jpg", lats[0], lons[0], gps=level, exif={0xA405: 26}, main={0x13B: "A"})
    write_photo("b.jpg", lats[1], lons[1], exif={0xA405: 52}, main={0x13B: "B"})
    write_photo("c.jpg", lats[2], lons[2], gps=level, main={0x13B: "C"})
    data.judge_share = data.test_share = 0.0
    table = camera_table(build_manifest(landmark, data))
    assert set(table) == {"range_m", "elevation_deg", "frame_width_m"}
    side = 0.6 * np.hypot(36, 24)
    assert sorted(zip(*table.values(), strict=True)) == [
        (100.0, 0.0, pytest.approx(100 * side / 26, abs=0.5)),
        (205.0, -13.0, pytest.approx(np.hypot(200, 44.9) * side / 52, abs=0.5)),
    ]


def test_no_focal_length_anywhere(landmark: Landmark, data: DataConfig, write_photo: PhotoWriter) -> None:
    lats, lons = destination(landmark.latitude, landmark.longitude, [10.0, 130.0], [100.0, 200.0])
    for number in range(2):
        write_photo(f"{number}.jpg", lats[number], lons[number], main={0x13B: str(number)})
    data.judge_share = data.test_share = 0.0
    assert camera_table(build_manifest(landmark, data))["frame_width_m"] == [110.0, 110.0]


def test_length_is_bounded(
    landmark: Landmark,
    data: DataConfig,
    write_ring: Callable[..., list[Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_ring(30)
    monkeypatch.setattr(module, "ROWS_MAX", 7)
    assert {len(column) for column in camera_table(build_manifest(landmark, data)).values()} == {7}
