"""Field of view from EXIF: the 35-mm-equivalent focal length, where it can be trusted."""

import math
from collections.abc import Mapping
from typing import Any

from gpslift.photos.exif_values import to_number

DIAGONAL_35MM = math.hypot(36.0, 24.0)
"""Diagonal of a 35 mm frame, 43.27 mm: what CIPA DCG-001 makes 35-mm-equivalent focal lengths refer to."""

_FOCAL_LENGTH, _FOCAL_LENGTH_35MM = 0x920A, 0xA405
_PIXELS_X, _PIXELS_Y = 0xA002, 0xA003
_FOCAL_PLANE_X, _FOCAL_PLANE_UNIT = 0xA20E, 0xA210
_MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

_SHORTEST, _LONGEST = 5.0, 3000.0  # some cameras write 35856 or 65535, others 0, for "unknown"
_SENSOR_DIAGONAL = (4.0, 80.0)  # millimetres: from the smallest phone cameras to medium format
_PIXELS_UNRESIZED = (
    4e6  # whoever shrinks a photo for the web rewrites its pixel count, but not the focal plane's resolution
)
_ASPECT_TOLERANCE, _ASPECT_LONGEST = 0.03, 2.4


def focal_length_35mm(exif: Mapping[int, Any], width: int, height: int) -> float | None:
    """35-mm-equivalent focal length, millimetres, of a photo of `width` by `height` pixels (either way round), or None.

    exif: the tags of the Exif sub-directory. The camera's own figure if there is one, else the focal length times the
    crop factor that the focal plane's resolution gives. None where the picture is not what the lens saw: cropped
    (another aspect ratio than the EXIF's pixel counts) or stitched to a panorama (longer than any sensor).
    """
    pixels = [to_number(exif.get(tag)) for tag in (_PIXELS_X, _PIXELS_Y)]
    known = [value for value in pixels if value is not None and value > 0]
    if _aspect(width, height) > _ASPECT_LONGEST:
        return None
    if len(known) == 2 and abs(_aspect(*known) / _aspect(width, height) - 1) > _ASPECT_TOLERANCE + 1 / min(
        width, height
    ):
        return None
    stated = _plausible(to_number(exif.get(_FOCAL_LENGTH_35MM)))
    if stated is not None or len(known) < 2:
        return stated
    return _from_focal_plane(exif, max(known), min(known))


def _from_focal_plane(exif: Mapping[int, Any], long_pixels: float, short_pixels: float) -> float | None:
    """Focal length times 43.27 mm over the sensor's diagonal, by square pixels (the y resolution is often wrong)."""
    focal_length, resolution = to_number(exif.get(_FOCAL_LENGTH)), to_number(exif.get(_FOCAL_PLANE_X))
    unit = _MILLIMETRES.get(int(to_number(exif.get(_FOCAL_PLANE_UNIT)) or 2))
    if not focal_length or not resolution or resolution < 0 or unit is None:
        return None
    if long_pixels * short_pixels < _PIXELS_UNRESIZED:
        return None
    diagonal = math.hypot(long_pixels, short_pixels) / resolution * unit
    if not _SENSOR_DIAGONAL[0] <= diagonal <= _SENSOR_DIAGONAL[1]:
        return None
    return _plausible(focal_length * DIAGONAL_35MM / diagonal)


def field_of_view_square(focal_length: float, width: int, height: int) -> float:
    """Field of view, radians, of the centred square crop of a photo, from its 35-mm-equivalent focal length.

    The crop's side is the photo's short side; on a 35 mm frame the photo's diagonal is 43.27 mm long.
    """
    side = min(width, height) / math.hypot(width, height) * DIAGONAL_35MM
    return 2 * math.atan(side / (2 * focal_length))


def _aspect(a: float, b: float) -> float:
    return max(a, b) / min(a, b)


def _plausible(focal_length: float | None) -> float | None:
    return focal_length if focal_length is not None and _SHORTEST <= focal_length <= _LONGEST else None
