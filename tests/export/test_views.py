"""Cameras that frame a box."""

import math

import numpy as np
import torch

from gpslift.cameras import camera_azimuth
from gpslift.export.views import framing_cameras, ring, standing_box
from gpslift.metrics.silhouettes import project


def test_ring_goes_clockwise_from_north() -> None:
    assert ring(4) == [0, 90, 180, 270]
    cameras = framing_cameras((-1, -1, -1), (1, 1, 1), ring(4), 0.0, 32)
    torch.testing.assert_close(camera_azimuth(cameras.positions), torch.tensor([0.0, 90, 180, 270]), atol=1e-3, rtol=0)
    assert cameras.positions[1, 0] > 0  # from the east


def test_cylinder_in_the_box_fits_the_frame_tightly() -> None:
    angle = np.linspace(0, 2 * math.pi, 64)
    for low, high, elevation in (((-1, -1, 0), (1, 1, 8), 10.0), ((-5, -5, 0), (5, 5, 1), 25.0)):
        rim = high[0] * np.column_stack([np.cos(angle), np.sin(angle)])
        cylinder = np.concatenate([np.insert(rim, 2, height, axis=1) for height in (low[2], high[2])])
        seen = project(cylinder, framing_cameras(low, high, [30.0], elevation, 100), 0)[:, :2]
        assert seen.min() > 0 and seen.max() < 100
        assert np.ptp(seen, axis=0).max() > 65


def test_standing_box_holds_a_square_house_that_is_turned_and_stands_aside() -> None:
    turn = math.radians(30)
    corners = np.array([[x, y, z] for x in (-5, 5) for y in (-5, 5) for z in (0, 2)], float)
    turned = [20, -30, 4] + corners @ np.array(
        [[math.cos(turn), math.sin(turn), 0], [-math.sin(turn), math.cos(turn), 0], [0, 0, 1]]
    )
    low, high = standing_box(turned)
    half_diagonal = 5 * math.sqrt(2)
    np.testing.assert_allclose(low, [20 - half_diagonal, -30 - half_diagonal, 4])
    np.testing.assert_allclose(high, [20 + half_diagonal, -30 + half_diagonal, 6])
    seen = project(turned, framing_cameras(low, high, ring(8), 10.0, 100), 0)[:, :2]
    assert seen.min() > 0 and seen.max() < 100
