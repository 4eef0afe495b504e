"""Walks: places at even distances along a route."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from gpslift.errors import UserError
from gpslift.geo.geodesy import Floats, azimuth_and_distance, destination


def places_along(latitude: ArrayLike, longitude: ArrayLike, count: int) -> tuple[Floats, Floats, Floats]:
    """Latitudes, longitudes and distances from the start in metres, [count] each, of places along a route.

    latitude, longitude: degrees of the route's corners [N], which geodesics join. The first place is the first corner,
    the last the last, and neighbours are equally far apart along the route. UserError for a route without a length.
    """
    lats, lons = (np.asarray(values, np.float64) for values in (latitude, longitude))
    corners = list(zip(lats.tolist(), lons.tolist(), strict=True))
    legs = [azimuth_and_distance(*start, *end) for start, end in pairwise(corners)]
    passed_m = np.concatenate([[0.0], np.cumsum([float(length) for _, length in legs])])
    if passed_m[-1] < 0.01:
        raise UserError("a walk needs a length; give two corners or more that differ")
    along_m = np.linspace(0.0, passed_m[-1], count)
    leg = np.clip(np.searchsorted(passed_m, along_m, side="right") - 1, 0, len(legs) - 1)
    found = [
        destination(lats[number], lons[number], legs[number][0], distance - passed_m[number])
        for number, distance in zip(leg, along_m, strict=True)
    ]
    return np.array([float(lat) for lat, _ in found]), np.array([float(lon) for _, lon in found]), along_m
