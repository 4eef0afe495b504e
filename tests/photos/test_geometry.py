"""Viewpoints worked out by hand for cameras at round numbers of metres."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gpslift.geo.geodesy import destination
from gpslift.geo.landmarks import Landmark
from gpslift.photos.geometry import elevation_at_eye_height, photo_geometry

NAN = float("nan")


def look_at_height(landmark: Landmark) -> float:
    return landmark.look_at_m[2]


def test_viewpoints_by_hand(landmark: Landmark) -> None:
    """Look-at 46.5 m up. Camera 1: 120 m east, 50 m lower: range 130, down 22.62 degrees. Camera 2: unknown height."""
    lats, lons = destination(landmark.latitude, landmark.longitude, [90.0, 225.0], [120.0, 120.0])
    found = photo_geometry(
        landmark,
        lats,
        lons,
        accuracy_m=np.array([12.0, NAN]),
        height_m=np.array([-3.5, NAN]),
        field_of_view=np.array([math.radians(90), NAN]),
    )
    np.testing.assert_allclose(found.azimuth_deg, [90, 225], atol=1e-6)
    np.testing.assert_allclose(found.distance_m, 120, atol=1e-6)
    np.testing.assert_allclose(found.range_m, [130, math.hypot(120, 44.9)], atol=1e-6)
    np.testing.assert_allclose(found.elevation_deg, [-math.degrees(math.asin(50 / 130)), NAN], atol=1e-6)
    np.testing.assert_allclose(found.frame_width_m, [260, NAN], atol=1e-5)
    np.testing.assert_allclose(
        found.azimuth_uncertainty_deg, [math.degrees(math.asin(0.1)), math.degrees(math.asin(5 / 120))], atol=1e-6
    )


@pytest.mark.parametrize("height", [-400.0, 8000.0])
def test_an_altitude_where_nobody_stands_is_unknown(landmark: Landmark, height: float) -> None:
    lats, lons = destination(landmark.latitude, landmark.longitude, [0.0], [100.0])
    found = photo_geometry(landmark, lats, lons, np.array([5.0]), np.array([height]), np.array([1.0]))
    assert np.isnan(found.elevation_deg[0])
    assert found.range_m[0] == pytest.approx(math.hypot(100, 44.9))


def test_elevation_at_eye_height(landmark: Landmark) -> None:
    assert elevation_at_eye_height(landmark, np.array([44.9]))[0] == pytest.approx(-45)


def test_elevation_is_seen_from_a_look_at_point_beside_the_centre(landmark: Landmark) -> None:
    aside = replace(landmark, look_at_m=(20.0, 0.0, 46.5))
    lats, lons = destination(landmark.latitude, landmark.longitude, [90.0], [70.0])
    found = photo_geometry(aside, lats, lons, np.array([5.0]), np.array([96.5]), np.array([1.0]))
    assert found.elevation_deg[0] == pytest.approx(45.0, abs=1e-4)  # 50 m away, 50 m above
    assert found.range_m[0] == pytest.approx(math.hypot(50, 50), abs=1e-4)
