"""Cities: the box on the globe whose photos are used, and a map of it in metres. The facts: cities.yaml."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from gpslift.errors import UserError
from gpslift.geo.entries import CITIES_FILE, fields_of_entry, find_entry, read_entries
from gpslift.geo.geodesy import Floats


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
    return city_from_entry(name, find_entry("city", name, CITIES_FILE))


def city_names() -> list[str]:
    """Names of all cities, in the file's order."""
    return list(read_entries(CITIES_FILE))


def city_from_entry(name: str, entry: Any) -> City:
    """A City from one entry of the data file. UserError names a missing, unknown or mistyped field."""
    return City(name=name, **fields_of_entry("city", name, entry, City, CITIES_FILE))
