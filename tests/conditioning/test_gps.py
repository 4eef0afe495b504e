"""GPS features: wavelengths and plane waves, by hand."""

import math
from itertools import pairwise

import pytest
import torch

from gpslift.conditioning.gps import plane_waves, wavelengths


def test_wavelengths_fall_by_one_factor() -> None:
    lengths = wavelengths(18000.0, 20.0, 10)
    assert lengths[0] == 18000 and lengths[-1] == pytest.approx(20)
    ratios = [b / a for a, b in pairwise(lengths)]
    assert ratios == pytest.approx([ratios[0]] * 9)
    assert wavelengths(500.0, 20.0, 1) == [500.0]


def test_waves_by_hand() -> None:
    """Two bearings, north and east: a quarter wave to the east changes the second alone."""
    waves = plane_waves(torch.tensor([25.0, 0.0]), torch.tensor([0.0, 50.0]), 100.0, directions=2)
    torch.testing.assert_close(waves[0], torch.tensor([0.0, 1.0, 1.0, 0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(waves[1], torch.tensor([0.0, 0.0, -1.0, 1.0]), atol=1e-6, rtol=0)


def test_a_turned_wave_looks_along_its_own_bearing() -> None:
    bearing = math.pi * 0.25 / 2
    along = torch.tensor([math.sin(bearing), math.cos(bearing)]) * 100.0  # one whole wave along it
    waves = plane_waves(along[:1], along[1:], 100.0, directions=2, turn=0.25)
    torch.testing.assert_close(waves[0, [0, 2]], torch.tensor([0.0, 1.0]), atol=1e-5, rtol=0)


def test_far_from_the_centre_the_finest_wave_keeps_its_phase() -> None:
    """10 km out, single precision still tells a hundredth of a 20 m wave."""
    exact = plane_waves(torch.tensor([10000.2], dtype=torch.float64), torch.zeros(1, dtype=torch.float64), 20.0, 6)
    single = plane_waves(torch.tensor([10000.2]), torch.zeros(1), 20.0, 6)
    assert (single - exact).abs().max() < 2 * math.pi / 100
