"""Bearings and distances against published geodesics and against a formula worked out here."""

import math

import numpy as np
import pytest

from gpslift.geo.geodesy import azimuth_and_distance, azimuth_uncertainty, destination, wrap_degrees
from gpslift.geo.landmarks import landmark_names, load_landmark

FLINDERS_PEAK = (-(37 + 57 / 60 + 3.72030 / 3600), 144 + 25 / 60 + 29.52440 / 3600)
BUNINYONG = (-(37 + 39 / 60 + 10.15610 / 3600), 143 + 55 / 60 + 35.38390 / 3600)


def test_published_geodesic() -> None:
    """The worked example of Australia's GDA Technical Manual (Vincenty's formulae; GRS80 is WGS-84 to 0.1 mm here)."""
    azimuth, distance = azimuth_and_distance(*FLINDERS_PEAK, *BUNINYONG)
    assert azimuth == pytest.approx(306 + 52 / 60 + 5.37 / 3600, abs=1e-5)
    assert distance == pytest.approx(54972.271, abs=1e-3)
    back, _ = azimuth_and_distance(*BUNINYONG, *FLINDERS_PEAK)
    assert back == pytest.approx(127 + 10 / 60 + 25.07 / 3600, abs=1e-5)


@pytest.mark.parametrize("azimuth", [0.0, 33.0, 90.0, 180.0, 269.5, 359.9])
def test_near_a_landmark_bearings_are_those_of_the_tangent_plane(azimuth: float) -> None:
    """From the ellipsoid's radii of curvature (a, e² of WGS-84), without pyproj: good to 0.01 degrees within 500 m."""
    landmark = load_landmark("statue_of_liberty")
    phi, a, e2 = math.radians(landmark.latitude), 6378137.0, 0.0066943799901413165
    w = 1 - e2 * math.sin(phi) ** 2
    meridian, normal = a * (1 - e2) / w**1.5, a / math.sqrt(w)
    east, north = 300 * math.sin(math.radians(azimuth)), 300 * math.cos(math.radians(azimuth))
    latitude = landmark.latitude + math.degrees(north / meridian)
    longitude = landmark.longitude + math.degrees(east / (normal * math.cos(phi)))
    found, distance = azimuth_and_distance(landmark.latitude, landmark.longitude, latitude, longitude)
    assert (found - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    assert distance == pytest.approx(300, abs=0.05)


@pytest.mark.parametrize("name", landmark_names())
def test_the_papers_formula_bends_bearings(name: str) -> None:
    """arctan(dx / dy) of plain degrees is off by 7 to 13 degrees at its worst, which is why it is not used."""
    landmark = load_landmark(name)
    true = np.arange(0.0, 360.0, 1.0)
    lats, lons = destination(landmark.latitude, landmark.longitude, true, 150.0)
    papers = np.degrees(np.arctan2(lons - landmark.longitude, lats - landmark.latitude))
    worst = np.abs((papers - true + 180) % 360 - 180).max()
    squeeze = 1 / math.cos(math.radians(landmark.latitude))
    assert 7 < worst < 13.5
    assert worst == pytest.approx(math.degrees(math.atan((squeeze - 1) / (2 * math.sqrt(squeeze)))), abs=0.3)
    azimuth, _ = azimuth_and_distance(landmark.latitude, landmark.longitude, lats, lons)
    np.testing.assert_allclose((azimuth - true + 180) % 360 - 180, 0, atol=1e-6)


def test_uncertainty() -> None:
    found = azimuth_uncertainty([5.0, 5.0, 5.0, 0.0, 0.0], [10.0, 5.0, 3.0, 7.0, 0.0])
    np.testing.assert_allclose(found, [30.0, 180.0, 180.0, 0.0, 180.0])


def test_a_tiny_negative_angle_is_zero_and_not_360() -> None:
    np.testing.assert_array_equal(wrap_degrees([-1e-20, 360.0, -90.0]), [0.0, 0.0, 270.0])
