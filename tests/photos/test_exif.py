"""The EXIF reader on real files from fourteen projects, beside what ExifTool reads in them."""

import importlib.util
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from gpslift.errors import UserError
from gpslift.photos.exif import PhotoMetadata, read_photo_metadata

PhotoWriter = Callable[..., Path]
HAS_HEIF = importlib.util.find_spec("pillow_heif") is not None

NO_TAG, UNUSABLE, NO_FIX = "no GPS position", "incomplete or not a number", "no fix"
WITHOUT_POSITION = {
    "test__fixtures__broken1.jpg": UNUSABLE,  # 0/0
    "with-null-coordinates.jpg": UNUSABLE,  # 0/0
    "webp__xmp__test.webp": NO_FIX,
    "jpg__Samsung_GT-I9000_(Galaxy_S).jpg": NO_FIX,
    "testJPEG_commented.jpg": UNUSABLE,  # XMP, without hemispheres
    "tests__images__01.jpg": UNUSABLE,  # latitude 4294967295, no longitude
    "tests__yaminabe.tif": UNUSABLE,  # latitude without its hemisphere, no longitude
    "tests__yaminale.tif": UNUSABLE,
    "Portrait_0.jpg": NO_TAG,
    "Portrait_3.jpg": NO_TAG,
    "Portrait_4.jpg": NO_TAG,
    "Portrait_5.jpg": NO_TAG,
    "Portrait_7.jpg": NO_TAG,
    "Portrait_8.jpg": NO_TAG,
}
UNREADABLE = {
    "invalid.jpg": "the file is empty",
    "2011-10-28-17-50-18a.jpg": "Truncated",
    "FailedHash-NoDate-sep-remembory.jpg": "Truncated",
    "testHEIC_livePhoto.heic": "no image" if HAS_HEIF else "pip install pillow-heif",
}
HEIC = ("testHEIF.heic", "empty_icc.heic")


def listed(name: str, table: dict[str, str]) -> str | None:
    return next((outcome for ending, outcome in table.items() if name.endswith(ending)), None)


@pytest.fixture(scope="module")
def readings(odd_photos: Path) -> dict[str, PhotoMetadata | str]:
    """What our reader makes of each file, or its error."""
    found: dict[str, PhotoMetadata | str] = {}
    for entry in json.loads((odd_photos / "exif" / "EXIFTOOL_REFERENCE.json").read_text()):
        name = entry["SourceFile"]
        try:
            found[name] = read_photo_metadata(odd_photos / "exif" / name)
        except UserError as error:
            found[name] = str(error)
    return found


def one(readings: dict[str, PhotoMetadata | str], ending: str) -> PhotoMetadata:
    reading = next(reading for name, reading in readings.items() if name.endswith(ending))
    assert isinstance(reading, PhotoMetadata)
    return reading


def test_every_file_has_the_expected_outcome(readings: dict[str, PhotoMetadata | str]) -> None:
    assert len(readings) == 43
    for name, reading in readings.items():
        unreadable, missing = listed(name, UNREADABLE), listed(name, WITHOUT_POSITION)
        if name.endswith(HEIC) and not HAS_HEIF:
            unreadable = "pip install pillow-heif"
        if isinstance(reading, str):
            assert unreadable is not None, (name, reading)
            assert unreadable in reading and name in reading
        elif missing is not None:
            assert missing in reading.gps_problem, name
            assert reading.latitude is None and reading.longitude is None
        else:
            assert unreadable is None and reading.gps_problem == "", name
            assert reading.latitude is not None and reading.longitude is not None


def test_positions_and_altitudes_are_exiftools(readings: dict[str, PhotoMetadata | str], odd_photos: Path) -> None:
    compared = 0
    for entry in json.loads((odd_photos / "exif" / "EXIFTOOL_REFERENCE.json").read_text()):
        name, reading = entry["SourceFile"], readings[entry["SourceFile"]]
        if isinstance(reading, str) or reading.latitude is None or name.endswith("geodegrees_as_string.jpg"):
            continue
        latitude, longitude = map(float, entry["Composite:GPSPosition"].split())
        assert reading.latitude == pytest.approx(latitude, abs=1e-6), name
        assert reading.longitude == pytest.approx(longitude, abs=1e-6), name
        if reading.altitude_m is not None:
            assert reading.altitude_m == pytest.approx(float(entry["Composite:GPSAltitude"]), abs=1e-3), name
        compared += 1
    assert compared >= 21


def test_degrees_in_text_with_decimal_commas(readings: dict[str, PhotoMetadata | str]) -> None:
    """'52,00000,50,00000,34,01180' is 52° 50' 34.0118"; ExifTool takes the first three numbers, 52° 0' 50"."""
    reading = one(readings, "geodegrees_as_string.jpg")
    assert reading.latitude == pytest.approx(52 + 50 / 60 + 34.0118 / 3600, abs=1e-9)
    assert reading.longitude == pytest.approx(11 + 10 / 60 + 58.2836 / 3600, abs=1e-9)
    assert reading.altitude_m is None  # exactly 0: unknown


def test_position_in_xmp_alone(readings: dict[str, PhotoMetadata | str]) -> None:
    reading = one(readings, "adobe_coords.jpg")
    assert reading.latitude == pytest.approx(-4.21601 / 60, abs=1e-9)
    assert reading.longitude == pytest.approx(34 + 22.91611 / 60, abs=1e-9)
    assert reading.altitude_m == pytest.approx(1361.69)
    assert reading.focal_length_35mm is None  # a 7776 x 3888 panorama, scaled and cut to 32 x 28


def test_other_fields_of_real_files(readings: dict[str, PhotoMetadata | str]) -> None:
    phone = one(readings, "Issue_473_(Java).webp")
    assert (phone.orientation, phone.width, phone.height) == (6, 240, 320)
    assert phone.accuracy_m == 65 and phone.focal_length_35mm == 28
    assert phone.image_direction == pytest.approx(241.2238, abs=1e-4)
    assert (phone.time, phone.make, phone.model) == ("2018-08-27T12:20:23", "Apple", "iPhone X")
    assert one(readings, "FinePixS1Pro_(4).jpg").author == "Ian Britton"
    assert one(readings, "FinePixS1Pro_(4).jpg").licence == "FreeFoto.com"
    assert one(readings, "2024-04-30_G012.JPG").make == "GoPro"  # the file has 25 NULs after it
    assert one(readings, "yaminabe.tif").altitude_m == -0.5  # below sea level
    assert one(readings, "Portrait_0.jpg").orientation == 1
    assert one(readings, "corrupt_exif.jpg").latitude == pytest.approx(48.0810453)


def test_focal_lengths_of_real_files(readings: dict[str, PhotoMetadata | str]) -> None:
    """Canon 30D: 17 mm on a sensor of 22.5 x 15 mm, at 3959.3 pixels an inch. The others do not add up."""
    sensor = math.hypot(3504, 2336) / 3959.322 * 25.4
    assert one(readings, "broken1.jpg").focal_length_35mm == pytest.approx(17 * math.hypot(36, 24) / sensor, abs=0.01)
    assert one(readings, "mongolia.jpeg").focal_length_35mm == 66
    assert one(readings, "has-lens-info.jpg").focal_length_35mm is None  # 3264 x 2448 cut to 205 x 102
    assert one(readings, "FinePixS2Pro.jpg").focal_length_35mm is None  # the focal plane would be 857 mm wide
    assert one(readings, "with-location-inv.jpg").focal_length_35mm is None  # 100 x 150 pixels of a scaled picture
    assert one(readings, "GT-I9000_(Galaxy_S).jpg").focal_length_35mm is None  # written as 0


@pytest.mark.skipif(not HAS_HEIF, reason="pillow-heif is not installed")
def test_heic(readings: dict[str, PhotoMetadata | str]) -> None:
    assert one(readings, "testHEIF.heic").longitude == pytest.approx(-54.1234, abs=1e-6)
    assert one(readings, "empty_icc.heic").accuracy_m == 65


def test_written_tags_are_read_back(write_photo: PhotoWriter) -> None:
    path = write_photo(
        "mine.jpg",
        40.689247,
        -74.044502,
        gps={5: b"\x01", 6: IFDRational(35, 10), 31: IFDRational(425, 100), 17: IFDRational(1805, 10)},
        exif={0x9003: "2021:07:04 09:30:59", 0xA405: 28},
        main={0x112: 6, 0x13B: "Zoë".encode(), 0x8298: "CC BY 4.0", 0x10F: "Maker\0\0", 0x110: "Model"},
    )
    metadata = read_photo_metadata(path)
    assert metadata.latitude == pytest.approx(40.689247, abs=2e-8)
    assert metadata.longitude == pytest.approx(-74.044502, abs=2e-8)
    assert metadata.altitude_m == -3.5
    assert (metadata.accuracy_m, metadata.image_direction) == (4.25, 180.5)
    assert (metadata.author, metadata.licence, metadata.make) == ("Zoë", "CC BY 4.0", "Maker")
    assert (metadata.time, metadata.focal_length_35mm) == ("2021-07-04T09:30:59", 28)
    assert (metadata.orientation, metadata.width, metadata.height) == (6, 36, 48)


@pytest.mark.parametrize(
    ("gps", "problem"),
    [
        ({1: "N", 2: (91.0, 0.0, 0.0), 3: "W", 4: (74.0, 0.0, 0.0)}, UNUSABLE),
        ({2: (40.0, 0.0, 0.0), 4: (74.0, 0.0, 0.0)}, UNUSABLE),
        ({1: "N", 2: (40.0, 0.0, 0.0), 3: " ", 4: (74.0, 0.0, 0.0)}, UNUSABLE),
        ({1: "N", 2: (40.0, 75.0, 0.0), 3: "W", 4: (74.0, 0.0, 0.0)}, UNUSABLE),
        ({1: "N", 2: (40.0, 0.0, 0.0), 3: "W", 4: (74.0, 0.0, 0.0), 9: "V"}, "void"),
        ({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, NO_FIX),
    ],
)
def test_positions_that_cannot_be_trusted(write_photo: PhotoWriter, gps: dict[int, object], problem: str) -> None:
    metadata = read_photo_metadata(write_photo("odd.jpg", gps=gps))
    assert problem in metadata.gps_problem
    assert metadata.latitude is None and metadata.longitude is None


def test_one_zero_coordinate_is_a_place(write_photo: PhotoWriter) -> None:
    assert read_photo_metadata(write_photo("greenwich.jpg", 51.5, 0.0)).longitude == 0.0


@pytest.mark.parametrize(("reference", "altitude"), [(b"\0", 30), (b"\x01", -30), (b"\x02", 30), (b"\x03", -30)])
def test_references_of_altitudes_old_and_new(write_photo: PhotoWriter, reference: bytes, altitude: float) -> None:
    """EXIF 3.0: 2 at or above, 3 below the sea."""
    photo = write_photo("new.jpg", 40.0, -74.0, gps={5: reference, 6: IFDRational(30, 1)})
    assert read_photo_metadata(photo).altitude_m == altitude


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_other_formats(folder: Path, write_photo: PhotoWriter, suffix: str) -> None:
    with Image.open(write_photo("a.jpg", 40.689247, -74.044502)) as image:
        image.save(folder / f"b.{suffix}", exif=image.getexif())
    metadata = read_photo_metadata(folder / f"b.{suffix}")
    assert metadata.latitude == pytest.approx(40.689247, abs=2e-8)
    assert metadata.longitude == pytest.approx(-74.044502, abs=2e-8)


def test_the_time_is_when_the_photo_was_taken_not_when_its_file_was_changed(write_photo: PhotoWriter) -> None:
    path = write_photo("a.jpg", main={0x132: "2023:01:02 03:04:05"}, exif={0x9003: "2021:07:04 09:30:59"})
    assert read_photo_metadata(path).time == "2021-07-04T09:30:59"
