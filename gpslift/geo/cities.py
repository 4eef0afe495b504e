"""Cities: the box on the globe whose photos are used, and a map of it in metres. The facts: cities.yaml."""

import math
from dataclasses import dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from gpslift.errors import UserError
from gpslift.geo.geodesy import Floats

CITIES_FILE = Path(__file__).with_name("cities.yaml")


@dataclass(frozen=True)
class City:
    """One city. Bounds: WGS-84 degrees, both ends included. ground_altitude_m: above sea level.

    Metres of the city are those of the azimuthal equidistant projection about the box's centre: distances and bearings
    from the centre are exact, all others right to 1 in 100 000 within 30 km.
    """

    name: str
    title: str
    latitude_min: float
    latitude_max: float
    longitude_min: float
    longitude_max: float
    ground_altitude_m: float

    def __post_init__(self) -> None:
        if not -90 <= self.latitude_min < self.latitude_max <= 90:
            raise UserError(f"city {self.name}: latitude_min must be below latitude_max, both within -90 to 90")
        if not -180 <= self.longitude_min < self.longitude_max <= 180:
            raise UserError(f"city {self.name}: longitude_min must be below longitude_max, both within -180 to 180")

    @property
    def caption(self) -> str:
        """The text of its images where none is given: none, as a city's photos each have their own."""
        return ""

    @property
    def bounds(self) -> str:
        """The box in words."""
        return (
            f"latitude {self.latitude_min:g} to {self.latitude_max:g}, "
            f"longitude {self.longitude_min:g} to {self.longitude_max:g}"
        )

    @property
    def center(self) -> tuple[float, float]:
        """Latitude and longitude of the middle of the box, degrees."""
        return (self.latitude_min + self.latitude_max) / 2, (self.longitude_min + self.longitude_max) / 2

    @cached_property
    def extent_m(self) -> tuple[float, float]:
        """Width and height of the box in metres, each through the centre."""
        latitude, longitude = self.center
        east, _ = self.to_metres([latitude, latitude], [self.longitude_min, self.longitude_max])
        _, north = self.to_metres([self.latitude_min, self.latitude_max], [longitude, longitude])
        return float(east[1] - east[0]), float(north[1] - north[0])

    @cached_property
    def _projection(self) -> Transformer:
        latitude, longitude = self.center
        return Transformer.from_pipeline(
            "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
            f"+step +proj=aeqd +lat_0={latitude!r} +lon_0={longitude!r} +ellps=WGS84"
        )

    def to_metres(self, latitude: ArrayLike, longitude: ArrayLike) -> tuple[Floats, Floats]:
        """Metres east and north of the centre, of points given in degrees (one shape)."""
        east, north = self._projection.transform(*_pair(longitude, latitude))
        return np.asarray(east), np.asarray(north)

    def to_geodetic(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[Floats, Floats]:
        """Latitudes and longitudes, degrees, of points given in metres east and north of the centre (one shape)."""
        longitude, latitude = self._projection.transform(*_pair(east_m, north_m), direction="INVERSE")
        return np.asarray(latitude), np.asarray(longitude)

    def contains(self, latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.bool_]:
        """Which of the points, degrees (one shape), lie in the box."""
        lats, lons = _pair(latitude, longitude)
        inside = (self.latitude_min <= lats) & (lats <= self.latitude_max)
        return np.asarray(inside & (self.longitude_min <= lons) & (lons <= self.longitude_max))

    def check(self, latitude: ArrayLike, longitude: ArrayLike) -> None:
        """Raises UserError for the first of the points, degrees, outside the box, and says so if the two look swapped.

        NaN, a place that is not known, passes.
        """
        lats, lons = (values.ravel() for values in _pair(latitude, longitude))
        outside = np.flatnonzero(~(self.contains(lats, lons) | np.isnan(lats) | np.isnan(lons)))
        if not len(outside):
            return
        north, east = float(lats[outside[0]]), float(lons[outside[0]])
        message = f"latitude {north:g}, longitude {east:g} is outside {self.title} ({self.bounds})"
        if self.contains(east, north):
            message += f"; it looks like longitude, latitude: did you mean {east:g}, {north:g}?"
        raise UserError(message)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 arrays of one shape."""
    a, b = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    return a, b


def load_city(name: str) -> City:
    """The city of that name in cities.yaml. UserError if there is none, or if its entry is incomplete."""
    entries = _entries()
    if name not in entries:
        raise UserError(
            f"unknown city '{name}'; known: {', '.join(entries)}. "
            "To add one, copy an entry of gpslift/geo/cities.yaml, whose head explains each field"
        )
    return city_from_entry(name, entries[name])


def city_names() -> list[str]:
    """Names of all cities, in the file's order."""
    return list(_entries())


def city_from_entry(name: str, entry: Any) -> City:
    """A City from one entry of the data file. UserError names a missing, unknown or mistyped field."""
    if not isinstance(entry, dict):
        raise UserError(f"city {name}: its entry in {CITIES_FILE.name} must be a list of fields")
    kinds = {item.name: item.type for item in fields(City) if item.name != "name"}
    if missing := kinds.keys() - entry.keys():
        raise UserError(f"city {name}: missing {', '.join(sorted(missing))} in {CITIES_FILE.name}")
    if unknown := entry.keys() - kinds.keys():
        raise UserError(f"city {name}: unknown field {', '.join(sorted(map(str, unknown)))} in {CITIES_FILE.name}")
    return City(name=name, **{key: _convert(name, key, kind, entry[key]) for key, kind in kinds.items()})


def _convert(name: str, key: str, kind: Any, value: Any) -> Any:
    """The value as a str or a finite float, as the field demands."""
    if kind is str:
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"city {name}: {key} cannot be read from {value!r}") from error
    if not math.isfinite(number):
        raise UserError(f"city {name}: {key} cannot be read from {value!r}")
    return number


@cache
def _entries() -> dict[str, Any]:
    return yaml.safe_load(CITIES_FILE.read_text(encoding="utf-8"))
