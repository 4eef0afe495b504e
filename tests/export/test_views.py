"""Cameras that frame a box."""

import math

import numpy as np
import torch

from gpslift.cameras import camera_azimuth
from gpslift.export.views import framing_cameras, ring
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
