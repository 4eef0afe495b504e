"""Where each photo was taken from, as the landmark sees it: azimuth, distance, elevation, metres across the frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.geo.geodesy import EYE_HEIGHT_M, azimuth_and_distance, azimuth_uncertainty
from gpslift.geo.landmarks import Landmark

ACCURACY_UNKNOWN_M = 5.0
"""68 % radius of a position whose photo does not say: that of a phone under an open sky."""

_HEIGHTS_M = (-100.0, 3000.0)  # above the landmark's ground; an altitude outside is an error and counts as unknown

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PhotoGeometry:
    """One value a photo, [N]. NaN is unknown.

    azimuth_deg: camera as seen from the landmark, clockwise from north, [0, 360). azimuth_uncertainty_deg: 68 %.
    distance_m: geodesic, on the ground. range_m: straight from camera to look-at point. elevation_deg: of the camera
    as seen from the look-at point, NaN where the altitude is unknown. frame_width_m: what the centred square
    crop covers at the range of the look-at point, NaN where the focal length is unknown.
    """

    azimuth_deg: Floats
    azimuth_uncertainty_deg: Floats
    distance_m: Floats
    range_m: Floats
    elevation_deg: Floats
    frame_width_m: Floats


def photo_geometry(
    landmark: Landmark,
    latitude: Floats,
    longitude: Floats,
    accuracy_m: Floats,
    height_m: Floats,
    field_of_view: Floats,
) -> PhotoGeometry:
    """Of photos, all arrays [N], NaN where unknown (positions are known).

    height_m: above the landmark's ground. field_of_view: radians, of the centred square crop.
    frame width = 2 range tan(fov / 2); range and elevation are those of the straight line to the look-at point, from
    EYE_HEIGHT_M where the height is unknown.
    """
    azimuth, distance = azimuth_and_distance(landmark.latitude, landmark.longitude, latitude, longitude)
    accuracy = np.where(np.isnan(accuracy_m), ACCURACY_UNKNOWN_M, accuracy_m)
    height = plausible_height(height_m)
    east, north = distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))
    away = np.hypot(east - landmark.look_at_m[0], north - landmark.look_at_m[1])
    above = height - landmark.look_at_m[2]
    straight = np.hypot(away, np.where(np.isnan(above), EYE_HEIGHT_M - landmark.look_at_m[2], above))
    return PhotoGeometry(
        azimuth_deg=azimuth,
        azimuth_uncertainty_deg=azimuth_uncertainty(accuracy, distance),
        distance_m=distance,
        range_m=straight,
        elevation_deg=np.degrees(np.arctan2(above, away)),
        frame_width_m=2 * straight * np.tan(field_of_view / 2),
    )


def plausible_height(height_m: Floats) -> Floats:
    """Heights above ground, NaN where no photographer stands."""
    with np.errstate(invalid="ignore"):
        return np.where((height_m >= _HEIGHTS_M[0]) & (height_m <= _HEIGHTS_M[1]), height_m, np.nan)


def elevation_at_eye_height(landmark: Landmark, distance_m: Floats) -> Floats:
    """Elevation, degrees, of a camera held at eye height at this distance on the ground."""
    return np.degrees(np.arctan2(EYE_HEIGHT_M - landmark.look_at_m[2], distance_m))
