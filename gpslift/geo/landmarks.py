"""Landmarks: where they stand, how large they are, from how far they are photographed. The facts: landmarks.yaml, or a
file of one's own (gpslift.geo.own_landmark).
"""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from gpslift.errors import UserError
from gpslift.geo.entries import Point, fields_of_entry, find_entry, read_entries
from gpslift.geo.own_landmark import GROUND_HEIGHTS, is_landmark_file, read_landmark_file

Metres = TypeVar("Metres", bound=Any)
LANDMARKS_FILE = Path(__file__).with_name("landmarks.yaml")
CUT_AT_EDGE = 0.03
"""Share of a narrow frame by which an edge of it may cut the landmark's own volume, which ends up to 3 m beyond what is
built."""
WORLD = ("latitude", "longitude", "half_extent_m", "box_min_m", "box_max_m")
"""Where these differ, a lift of one is none of the other."""
OWN = "For one of your own, landmark=<a YAML file with its name, latitude, longitude and height>. "


@dataclass(frozen=True)
class Landmark:
    """One landmark. Metres are east, north, up of the ground at its centre; the world unit is `half_extent_m` metres.

    latitude, longitude: WGS-84 degrees. ground_altitude_m: above sea level. ground_ellipsoidal_m: above the ellipsoid;
    both NaN where unknown.
    own_volume_min_m, own_volume_max_m: the box that holds the landmark alone, without ground, for truth metrics.
    """

    name: str
    title: str
    caption: str
    latitude: float
    longitude: float
    ground_altitude_m: float
    ground_ellipsoidal_m: float
    half_extent_m: float
    box_min_m: Point
    box_max_m: Point
    look_at_m: Point
    own_volume_min_m: Point
    own_volume_max_m: Point
    radius_min_m: float
    radius_max_m: float

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise UserError(
                f"landmark {self.name}: latitude {self.latitude}, longitude {self.longitude} is nowhere on Earth"
            )
        if not self.half_extent_m > 0:
            raise UserError(f"landmark {self.name}: half_extent_m must be positive, not {self.half_extent_m}")
        self._check_box()
        if not 0 <= self.radius_min_m < self.radius_max_m:
            raise UserError(f"landmark {self.name}: radius_min_m must lie between 0 and radius_max_m")

    @property
    def box_min(self) -> Point:
        """Lower corner of the box, world units."""
        return self._world(self.box_min_m)

    @property
    def box_max(self) -> Point:
        """Upper corner of the box, world units."""
        return self._world(self.box_max_m)

    @property
    def look_at(self) -> Point:
        """The point that cameras aim at, world units."""
        return self._world(self.look_at_m)

    @property
    def world(self) -> tuple[Any, ...]:
        """Name, where the world's origin is on Earth, its unit and its box: where these are equal it is one world.

        Landmarks cannot be compared as a whole: a height that is not known, NaN, equals none.
        """
        return self.name, *(getattr(self, name) for name in WORLD)

    @property
    def height_m(self) -> float:
        """Of its top above the ground, metres (of those in landmarks.yaml up to 3 m more)."""
        return self.own_volume_max_m[2]

    @property
    def width_m(self) -> float:
        """The wider side of its own volume, metres."""
        return max(self.own_volume_max_m[axis] - self.own_volume_min_m[axis] for axis in (0, 1))

    def fits_into(self, frame_width_m: Metres) -> Any:
        """Whether a frame that covers that many metres holds all of it, from top to foot and from side to side."""
        return (self.aim_rise_m(frame_width_m) == 0) & (self.width_m <= (1 + 2 * CUT_AT_EDGE) * frame_width_m)

    def aim_rise_m(self, frame_width_m: Metres) -> Metres:
        """How far above `look_at_m` photographers aim whose frame covers that many metres; 0 where all fits in.

        Who comes closer than the whole lets its foot go and keeps its top. Floats, arrays and tensors.
        """
        rise: Any = self.height_m - self.look_at_m[2] - (0.5 + CUT_AT_EDGE) * frame_width_m
        return (rise + abs(rise)) / 2

    @property
    def globe_height_m(self) -> float:
        """Of its ground above the ellipsoid, metres, as well as it is known: else above sea level, else 0."""
        known = [height for height in (self.ground_ellipsoidal_m, self.ground_altitude_m) if not math.isnan(height)]
        return known[0] if known else 0.0

    @property
    def own_volume(self) -> tuple[Point, Point]:
        """Lower and upper corner of the landmark's own volume, metres."""
        return self.own_volume_min_m, self.own_volume_max_m

    def _check_box(self) -> None:
        box, own = (self.box_min_m, self.box_max_m), (self.own_volume_min_m, self.own_volume_max_m)
        for name, (low, high) in {"box": box, "own_volume": own}.items():
            if not all(a < b for a, b in zip(low, high, strict=True)):
                raise UserError(f"landmark {self.name}: {name}_min_m must be below {name}_max_m on every axis")
        inside = {"the landmark's own volume, up to its height": own, "look_at_m": (self.look_at_m, self.look_at_m)}
        for name, (low, high) in inside.items():
            if not all(a <= b <= c <= d for a, b, c, d in zip(box[0], low, high, box[1], strict=True)):
                raise UserError(
                    f"landmark {self.name}: {name} ({list(low)} to {list(high)}) does not lie in its box "
                    f"({list(box[0])} to {list(box[1])}, all in metres); make box_min_m, box_max_m larger"
                )

    def _world(self, point: Point) -> Point:
        x, y, z = (value / self.half_extent_m for value in point)
        return x, y, z


def load_landmark(landmark: str) -> Landmark:
    """The landmark of that name in landmarks.yaml, or the one in a file of one's own, where it is a path.

    UserError if there is none, or if its entry is incomplete.
    """
    if not is_landmark_file(landmark):
        return landmark_from_entry(landmark, find_entry("landmark", landmark, LANDMARKS_FILE, OWN))
    known = [field.name for field in fields(Landmark) if field.name != "name"]
    name, entry = read_landmark_file(landmark, known, landmark_names())
    unknown = {height: math.nan for height in GROUND_HEIGHTS if entry[height] is math.nan}
    try:
        stated = fields_of_entry("landmark", name, entry | dict.fromkeys(unknown, 0.0), Landmark, Path(landmark))
        return Landmark(name=name, **(stated | unknown))
    except UserError as error:
        raise UserError(f"in {landmark}: {error}") from error


def landmark_names() -> list[str]:
    """Names of all landmarks, in the file's order."""
    return list(read_entries(LANDMARKS_FILE))


def landmark_from_entry(name: str, entry: Any) -> Landmark:
    """A Landmark from one entry of the data file. UserError names a missing, unknown or mistyped field."""
    return Landmark(name=name, **fields_of_entry("landmark", name, entry, Landmark, LANDMARKS_FILE))
