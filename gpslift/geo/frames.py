"""Local east-north-up frames: metres round a landmark, from and to WGS-84 positions."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from pyproj import Transformer

from gpslift.geo.geodesy import Floats
from gpslift.geo.landmarks import Landmark


class LocalFrame:
    """Metres east, north and up of an origin on the ellipsoid's tangent plane: the world axes of that landmark.

    latitude, longitude: degrees of the origin. height_m: its height above the WGS-84 ellipsoid.
    The plane does not follow the Earth's curve: level ground 1 km away lies 8 cm below it.
    """

    def __init__(self, latitude: float, longitude: float, height_m: float = 0.0) -> None:
        self.latitude, self.longitude, self.height_m = latitude, longitude, height_m

    @classmethod
    def of_landmark(cls, landmark: Landmark) -> "LocalFrame":
        """The landmark's world frame, in metres: the origin is on its ground, at its centre."""
        return cls(landmark.latitude, landmark.longitude, landmark.globe_height_m)

    @cached_property
    def _transformer(self) -> Transformer:
        """Degrees and ellipsoidal height → geocentric → east, north, up (PROJ's topocentric, EPSG method 9837)."""
        origin = f"+lat_0={self.latitude!r} +lon_0={self.longitude!r} +h_0={self.height_m!r}"
        return Transformer.from_pipeline(
            "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84 "
            f"+step +proj=topocentric +ellps=WGS84 {origin}"
        )

    @cached_property
    def to_ecef(self) -> Floats:
        """The matrix [4, 4] from local points (east, north, up, 1) to ECEF, metres from the Earth's centre (EPSG:4978).

        Its columns are the unit vectors east, north and up at the origin, and the origin.
        """
        lat, lon = np.radians(self.latitude), np.radians(self.longitude)
        matrix = np.eye(4)
        matrix[:3, 0] = [-np.sin(lon), np.cos(lon), 0.0]
        matrix[:3, 1] = [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)]
        matrix[:3, 2] = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
        to_geocentric = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
        matrix[:3, 3] = to_geocentric.transform(self.longitude, self.latitude, self.height_m)
        return matrix

    def to_local(self, latitude: ArrayLike, longitude: ArrayLike, height_m: ArrayLike) -> Floats:
        """Positions [..., 3] in metres of points given in degrees and metres above the ellipsoid (of one shape)."""
        lats, lons, heights = np.broadcast_arrays(
            *(np.asarray(value, np.float64) for value in (latitude, longitude, height_m))
        )
        return np.stack(self._transformer.transform(lons, lats, heights), axis=-1)

    def to_geodetic(self, points: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Latitudes, longitudes (degrees) and ellipsoidal heights (metres) of local points [..., 3] in metres."""
        east, north, up = np.moveaxis(np.asarray(points, np.float64), -1, 0)
        lons, lats, heights = self._transformer.transform(east, north, up, direction="INVERSE")
        return np.asarray(lats), np.asarray(lons), np.asarray(heights)
