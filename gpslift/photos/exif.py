"""What a photo says of itself: where, when, by whom, how framed. From EXIF, and where that is silent from XMP."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from gpslift.photos.exif_values import to_coordinate, to_number, to_text, to_time, to_xmp_coordinate
from gpslift.photos.focal import field_of_view_square, focal_length_35mm
from gpslift.photos.images import DECODE_ERRORS, open_image, orientation
from gpslift.photos.xmp import read_xmp

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_DESCRIPTION, _MAKE, _MODEL, _DATE_TIME, _ARTIST, _COPYRIGHT = 0x10E, 0x10F, 0x110, 0x132, 0x13B, 0x8298
_DATE_TIME_ORIGINAL = 0x9003
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_ALTITUDE_REF, _ALTITUDE, _STATUS, _DIRECTION, _ACCURACY = 5, 6, 9, 17, 31

_ALTITUDES = (-500.0, 9000.0)  # metres: from the shore of the Dead Sea to the highest summit
_ACCURACY_MAX = 1e6
_WRITTEN_BY_CAMERAS = re.compile(r".*DIGITAL CAMERA|SAMSUNG|(DCIM|IMG|DSC).*", re.IGNORECASE)


@dataclass(frozen=True)
class PhotoMetadata:
    """One photo. None or '' is what the file does not say, or says in no usable way.

    latitude, longitude: WGS-84 degrees, both or neither; if neither, gps_problem says why. accuracy_m: 68 % radius.
    altitude_m: above sea level. focal_length_35mm: millimetres.
    width, height: pixels of the upright picture. field_of_view_square: radians, of its centred square crop.
    image_direction: degrees, the compass's word on where the camera looked (often wrong: kept, used by nothing here).
    caption: EXIF ImageDescription, else XMP dc:description. time: ISO 8601, local. orientation: EXIF's, 1 to 8.
    """

    latitude: float | None
    longitude: float | None
    gps_problem: str
    accuracy_m: float | None
    altitude_m: float | None
    focal_length_35mm: float | None
    image_direction: float | None
    caption: str
    time: str
    author: str
    licence: str
    make: str
    model: str
    orientation: int
    width: int
    height: int

    @property
    def field_of_view_square(self) -> float | None:
        if self.focal_length_35mm is None:
            return None
        return field_of_view_square(self.focal_length_35mm, self.width, self.height)


def read_photo_metadata(path: Path, megapixels_max: float = 200.0) -> PhotoMetadata:
    """Metadata of one image file, pixels unread. UserError, with the path, if it is no image, or too large a one."""
    with open_image(path, megapixels_max) as image:
        return metadata_of_image(image)


def metadata_of_image(image: Image.Image) -> PhotoMetadata:
    """Metadata of an opened image. Broken tags are taken as missing."""
    main, exif, gps = _directories(image)
    xmp = read_xmp(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    latitude, longitude, problem = _position(gps, xmp)
    turn = orientation(image)
    times = exif.get(_DATE_TIME_ORIGINAL), main.get(_DATE_TIME), xmp.get("exif:DateTimeOriginal")
    width, height = (image.height, image.width) if turn >= 5 else (image.width, image.height)
    return PhotoMetadata(
        latitude=latitude,
        longitude=longitude,
        gps_problem=problem,
        accuracy_m=_within(to_number(gps.get(_ACCURACY)), 1e-3, _ACCURACY_MAX),
        altitude_m=_altitude(gps, xmp),
        focal_length_35mm=focal_length_35mm(exif, width, height),
        image_direction=_within(to_number(gps.get(_DIRECTION)), 0.0, 360.0),
        caption=_caption(main, xmp),
        time=next(filter(None, map(to_time, times)), ""),
        author=to_text(main.get(_ARTIST)) or to_text(xmp.get("dc:creator")),
        licence=to_text(xmp.get("cc:license")) or to_text(main.get(_COPYRIGHT)) or to_text(xmp.get("dc:rights")),
        make=to_text(main.get(_MAKE)),
        model=to_text(main.get(_MODEL)),
        orientation=turn,
        width=width,
        height=height,
    )


def _caption(main: Mapping[int, Any], xmp: Mapping[str, str]) -> str:
    """The description that a person gave; the names that cameras write in its place count as none."""
    for text in (to_text(main.get(_DESCRIPTION)), to_text(xmp.get("dc:description"))):
        if text and not _WRITTEN_BY_CAMERAS.fullmatch(text):
            return " ".join(text.split())
    return ""


def _directories(image: Image.Image) -> tuple[Mapping[int, Any], Mapping[int, Any], Mapping[int, Any]]:
    """The main, Exif and GPS directories; what cannot be parsed is empty."""
    try:
        main = image.getexif()
    except DECODE_ERRORS:
        return {}, {}, {}
    found: list[Mapping[int, Any]] = []
    for tag in (_EXIF_IFD, _GPS_IFD):
        try:
            found.append(main.get_ifd(tag))
        except DECODE_ERRORS:
            found.append({})
    return main, found[0], found[1]


def _position(gps: Mapping[int, Any], xmp: Mapping[str, str]) -> tuple[float | None, float | None, str]:
    """Latitude, longitude and '', or None, None and what is wrong. XMP is asked only where EXIF has no position."""
    if gps.get(_LATITUDE) is None and gps.get(_LONGITUDE) is None:
        if "exif:GPSLatitude" not in xmp and "exif:GPSLongitude" not in xmp:
            return None, None, "no GPS position"
        latitude = to_xmp_coordinate(xmp.get("exif:GPSLatitude"), 90.0, "NS")
        longitude = to_xmp_coordinate(xmp.get("exif:GPSLongitude"), 180.0, "EW")
    else:
        latitude = to_coordinate(gps.get(_LATITUDE), gps.get(_LATITUDE_REF), 90.0, "NS")
        longitude = to_coordinate(gps.get(_LONGITUDE), gps.get(_LONGITUDE_REF), 180.0, "EW")
    if latitude is None or longitude is None:
        return None, None, "GPS position incomplete or not a number"
    if latitude == 0.0 and longitude == 0.0:
        return None, None, "GPS position 0, 0 (the camera had no fix)"
    if to_text(gps.get(_STATUS)).upper() == "V":
        return None, None, "GPS position marked void by the camera"
    return latitude, longitude, ""


def _altitude(gps: Mapping[int, Any], xmp: Mapping[str, str]) -> float | None:
    """Metres above sea level; below it by references 1 and 3.

    EXIF 3.0 gives 0 and 1 to the ellipsoid, and 2 and 3 to the sea; but 0 and 1 meant the sea before, and cameras go on
    writing them so. Exactly 0 is what many cameras write for "unknown", and is taken so.
    """
    altitude, reference = to_number(gps.get(_ALTITUDE)), gps.get(_ALTITUDE_REF)
    if altitude is None and gps.get(_ALTITUDE) is None:
        altitude, reference = to_number(xmp.get("exif:GPSAltitude")), xmp.get("exif:GPSAltitudeRef")
    if altitude is None or altitude == 0.0:
        return None
    code = reference[0] if isinstance(reference, bytes) and len(reference) == 1 else to_number(reference)
    if code in (1, 3):
        altitude = -altitude
    return _within(altitude, *_ALTITUDES)


def _within(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and math.isfinite(value) and low <= value <= high else None
