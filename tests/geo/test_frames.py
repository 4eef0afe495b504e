"""The local frame against the rotation written out, and round trips through all its neighbours."""

import math

import numpy as np
import torch
from pyproj import Transformer

from gpslift.cameras import camera_azimuth
from gpslift.geo.frames import LocalFrame
from gpslift.geo.geodesy import azimuth_and_distance, destination
from gpslift.geo.landmarks import load_landmark


def geocentric(latitude: float, longitude: float, height: float) -> np.ndarray:
    """Textbook conversion, for comparison."""
    phi, lam, e2 = math.radians(latitude), math.radians(longitude), 0.0066943799901413165
    normal = 6378137.0 / math.sqrt(1 - e2 * math.sin(phi) ** 2)
    flat = (normal + height) * math.cos(phi)
    return np.array([flat * math.cos(lam), flat * math.sin(lam), (normal * (1 - e2) + height) * math.sin(phi)])


def test_against_the_rotation_written_out() -> None:
    latitude, longitude, height = 40.689247, -74.044502, -29.9
    point = (40.6925, -74.0402, 55.0)
    phi, lam = math.radians(latitude), math.radians(longitude)
    axes = np.array(
        [
            [-math.sin(lam), math.cos(lam), 0],
            [-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)],
            [math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)],
        ]
    )
    expected = axes @ (geocentric(*point) - geocentric(latitude, longitude, height))
    np.testing.assert_allclose(LocalFrame(latitude, longitude, height).to_local(*point), expected, atol=1e-6)


def test_origin_and_height() -> None:
    landmark = load_landmark("stonehenge")
    frame = LocalFrame.of_landmark(landmark)
    above = frame.to_local(landmark.latitude, landmark.longitude, landmark.ground_ellipsoidal_m + 12.5)
    np.testing.assert_allclose(above, [0, 0, 12.5], atol=1e-6)


def test_round_trip_from_position_to_azimuth_to_position() -> None:
    landmark = load_landmark("statue_of_liberty")
    frame = LocalFrame.of_landmark(landmark)
    azimuths, distances = np.linspace(0, 355, 72), np.linspace(20, 1000, 72)
    lats, lons = destination(landmark.latitude, landmark.longitude, azimuths, distances)
    local = frame.to_local(lats, lons, landmark.ground_ellipsoidal_m)
    np.testing.assert_allclose(np.hypot(local[:, 0], local[:, 1]), distances, rtol=2e-5)
    seen = camera_azimuth(torch.from_numpy(local)).numpy()
    np.testing.assert_allclose((seen - azimuths + 180) % 360 - 180, 0, atol=1e-3)
    back = frame.to_geodetic(local)
    np.testing.assert_allclose(back[0], lats, atol=1e-9)
    np.testing.assert_allclose(back[1], lons, atol=1e-9)
    np.testing.assert_allclose(back[2], landmark.ground_ellipsoidal_m, atol=1e-5)
    found, metres = azimuth_and_distance(landmark.latitude, landmark.longitude, back[0], back[1])
    np.testing.assert_allclose((found - azimuths + 180) % 360 - 180, 0, atol=1e-6)
    np.testing.assert_allclose(metres, distances, atol=1e-5)


def test_matrix_to_ecef_agrees_with_the_projection() -> None:
    frame = LocalFrame(-33.8568, 151.2153, 22.0)
    points = np.random.default_rng(0).uniform(-1000, 1000, size=(20, 3))
    lats, lons, heights = frame.to_geodetic(points)
    to_geocentric = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    expected = np.stack(to_geocentric.transform(lons, lats, heights), -1)
    np.testing.assert_allclose(points @ frame.to_ecef[:3, :3].T + frame.to_ecef[:3, 3], expected, atol=1e-6)
    np.testing.assert_array_equal(frame.to_ecef[3], [0, 0, 0, 1])
