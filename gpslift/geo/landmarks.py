"""Landmarks: where they stand, how large they are, from how far they are photographed. The facts: landmarks.yaml."""

import math
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gpslift.errors import UserError

LANDMARKS_FILE = Path(__file__).with_name("landmarks.yaml")

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Landmark:
    """One landmark. Metres are east, north, up of the ground at its centre; the world unit is `half_extent_m` metres.

    latitude, longitude: WGS-84 degrees. ground_altitude_m: above sea level. ground_ellipsoidal_m: above the ellipsoid.
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
        if not all(low < high for low, high in zip(self.box_min_m, self.box_max_m, strict=True)):
            raise UserError(f"landmark {self.name}: box_min_m must be below box_max_m on every axis")
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
    def own_volume(self) -> tuple[Point, Point]:
        """Lower and upper corner of the landmark's own volume, metres."""
        return self.own_volume_min_m, self.own_volume_max_m

    def _world(self, point: Point) -> Point:
        x, y, z = (value / self.half_extent_m for value in point)
        return x, y, z


def load_landmark(name: str) -> Landmark:
    """The landmark of that name in landmarks.yaml. UserError if there is none, or if its entry is incomplete."""
    entries = _entries()
    if name not in entries:
        raise UserError(
            f"unknown landmark '{name}'; known: {', '.join(entries)}. "
            "To add one, copy an entry of gpslift/geo/landmarks.yaml, whose head explains each field"
        )
    return landmark_from_entry(name, entries[name])


def landmark_names() -> list[str]:
    """Names of all landmarks, in the file's order."""
    return list(_entries())


def landmark_from_entry(name: str, entry: Any) -> Landmark:
    """A Landmark from one entry of the data file. UserError names a missing, unknown or mistyped field."""
    if not isinstance(entry, dict):
        raise UserError(f"landmark {name}: its entry in {LANDMARKS_FILE.name} must be a list of fields")
    kinds = {item.name: item.type for item in fields(Landmark) if item.name != "name"}
    if missing := kinds.keys() - entry.keys():
        raise UserError(f"landmark {name}: missing {', '.join(sorted(missing))} in {LANDMARKS_FILE.name}")
    if unknown := entry.keys() - kinds.keys():
        raise UserError(
            f"landmark {name}: unknown field {', '.join(sorted(map(str, unknown)))} in {LANDMARKS_FILE.name}"
        )
    return Landmark(name=name, **{key: _convert(name, key, kind, entry[key]) for key, kind in kinds.items()})


def _convert(name: str, key: str, kind: Any, value: Any) -> Any:
    """The value as a str, a finite float, or a Point, as the field demands."""
    try:
        if kind is str:
            return str(value)
        numbers = [float(item) for item in (value if kind == Point else [value])]
    except (TypeError, ValueError) as error:
        raise UserError(f"landmark {name}: {key} cannot be read from {value!r}") from error
    if not all(map(math.isfinite, numbers)) or len(numbers) != (3 if kind == Point else 1):
        raise UserError(f"landmark {name}: {key} cannot be read from {value!r}")
    return tuple(numbers) if kind == Point else numbers[0]


@cache
def _entries() -> dict[str, Any]:
    return yaml.safe_load(LANDMARKS_FILE.read_text(encoding="utf-8"))
