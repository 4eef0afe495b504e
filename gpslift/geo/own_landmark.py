"""A landmark of one's own: a short YAML file with name, latitude, longitude and height; all else follows from these.

name: Lund Cathedral
latitude: 55.70406
longitude: 13.19364
height: 55              # metres, of the top above the ground

Beside them the file may hold `width` (metres, the longest way across the footprint; as much as the height unless given)
and every field of landmarks.yaml in place of what would follow.
"""

import difflib
import math
import re
from collections.abc import Iterable
from typing import Any

from gpslift.config import read_yaml, resolve_path
from gpslift.errors import UserError

REQUIRED = ("name", "latitude", "longitude", "height")
GROUND_HEIGHTS = ("ground_altitude_m", "ground_ellipsoidal_m")
HEIGHT_MAX_M = 9000.0
MARGIN = 0.03  # round the landmark, of its longest side, as the six of the data file have it


def is_landmark_file(landmark: str) -> bool:
    """Whether `landmark` is the path of a file, not a name of landmarks.yaml."""
    return landmark.lower().endswith((".yaml", ".yml")) or "/" in landmark or "\\" in landmark


def read_landmark_file(path: str, fields: Iterable[str], taken: Iterable[str]) -> tuple[str, dict[str, Any]]:
    """The name (as folders can have it) and the fields of the landmark in a file, those not given by `default_fields`.

    fields: what an entry of landmarks.yaml may hold. taken: names that a landmark of one's own cannot have.
    UserError, with the path: no such file, not readable, a field missing or unknown (with the nearest right one), a
    height that cannot be.
    """
    given = _read(path)
    known = list(dict.fromkeys([*REQUIRED, "width", *fields]))
    for field in given.keys() - set(known):
        near = difflib.get_close_matches(str(field), known, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]}?" if near else f"it may hold {', '.join(known)}"
        raise UserError(f"landmark={path}: unknown field {field}; {advice}")
    if missing := [field for field in REQUIRED if not given.get(field)]:
        raise UserError(
            f"landmark={path}: {', '.join(missing)} missing; it takes name, latitude and longitude (degrees) and "
            "height (metres, of the top above the ground)"
        )
    height = _metres(path, "height", given.pop("height"))
    width = _metres(path, "width", given.pop("width")) if "width" in given else None
    title = str(given.pop("name"))
    return _folder_name(path, title, taken), default_fields(title, height, width) | given


def default_fields(title: str, height: float, width: float | None = None) -> dict[str, Any]:
    """Fields of a landmark of that height and width (both metres; unless given, as wide as high), proportioned as
    those in landmarks.yaml are. The heights of its ground are unknown: NaN.

    Photos from within the footprint are left out, or, where the width is not known, from within a fifth of the height.
    """
    wide = height if width is None else width
    longest = max(height, wide)
    margin = MARGIN * longest
    half, own = wide / 2 + margin, wide / 2 + margin / 2
    return {
        "title": title,
        "caption": f"A photo of {title}",
        **dict.fromkeys(GROUND_HEIGHTS, math.nan),
        "half_extent_m": longest / 2 + 1.25 * margin,
        "box_min_m": [-half, -half, -margin],
        "box_max_m": [half, half, height + margin],
        "look_at_m": [0.0, 0.0, height / 2],
        "own_volume_min_m": [-own, -own, 0.01 * height],
        "own_volume_max_m": [own, own, height],
        "radius_min_m": max(0.2 * height, 0.0 if width is None else width / 2),
        "radius_max_m": max(12.0 * longest, 50.0),
    }


def _read(path: str) -> dict[str, Any]:
    """What the file says, every value as the text that it is, so that `name: no` is a name."""
    file = resolve_path(path)
    if not file.is_file():
        raise UserError(
            f"landmark={path}: there is no such file; write one with {', '.join(REQUIRED)} (docs/own_landmark.md), and "
            "set landmark=<its path>"
        )
    entry = read_yaml(file, f"landmark={path}")
    if not isinstance(entry, dict):
        raise UserError(f"landmark={path}: it must consist of 'field: value' lines: {', '.join(REQUIRED)}")
    return entry


def _metres(path: str, field: str, text: Any) -> float:
    """A length. UserError for what is no number, and for one that nothing on Earth has."""
    try:
        value = float(text)
    except (TypeError, ValueError) as error:
        raise UserError(f"landmark={path}: {field}={text} must be a number of metres, such as {field}: 55") from error
    if not 0 < value <= HEIGHT_MAX_M:
        raise UserError(f"landmark={path}: {field}={text} must be metres, above 0 and at most {HEIGHT_MAX_M:g}")
    return value


def _folder_name(path: str, title: str, taken: Iterable[str]) -> str:
    """'Lund Cathedral' as lund_cathedral, which folders and files can be called."""
    name = re.sub(r"\W+", "_", title.lower()).strip("_")
    if not name:
        raise UserError(f"landmark={path}: name={title} has no letters or digits, which folders could be called by")
    if name in taken:
        raise UserError(
            f"landmark={path}: name={title} is taken: landmark={name} is one of gpslift/geo/landmarks.yaml; "
            "give yours another name"
        )
    return name
