"""Azimuth encoders: periodic across north, and the paper's numbers by hand."""

import math

import pytest
import torch

from gpslift.conditioning.azimuth import (
    HarmonicAzimuth,
    PaperAzimuth,
    harmonic_features,
    positional_encoding,
)


def test_harmonics_by_hand() -> None:
    features = harmonic_features(torch.tensor([90.0, 30.0]), 2)
    assert features[0].tolist() == pytest.approx([1, 0, 0, -1], abs=1e-6)  # sin 90, sin 180, cos 90, cos 180
    half = math.sqrt(3) / 2
    assert features[1].tolist() == pytest.approx([0.5, half, half, 0.5], abs=1e-6)  # sin 30, sin 60, cos 30, cos 60


def test_harmonics_do_not_notice_north() -> None:
    encoder = HarmonicAzimuth(8)
    assert encoder.width == 16
    around = encoder(torch.tensor([359.95, 0.05, 0.0, 360.0, -90.0, 270.0]))
    assert torch.allclose(around[2], around[3], atol=1e-5) and torch.allclose(around[4], around[5], atol=1e-5)
    assert (around[0] - around[1]).norm() < 0.05
    opposite = encoder(torch.tensor([0.0, 180.0]))
    assert (opposite[0] - opposite[1]).norm() > 2


def test_harmonics_tell_all_directions_apart() -> None:
    features = HarmonicAzimuth(8)(torch.arange(360.0))
    distance = torch.cdist(features, features) + 9 * torch.eye(360)
    assert distance.min() > 0.1


def test_positional_encoding_by_hand() -> None:
    """NeRF, equation 4, of x = 1/4: sin and cos of pi/4, pi/2, pi."""
    half = math.sqrt(0.5)
    expected = [half, 1, 0, half, 0, -1]
    assert positional_encoding(torch.tensor([0.25]), 3)[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_papers_features_by_hand() -> None:
    """Azimuth 95 is in bin 9, whose middle, 95 degrees, is at 9.5 / 18 - 1 = -0.4722."""
    encoder = PaperAzimuth(10)
    assert encoder.width == 20
    features, x = encoder(torch.tensor([93.0]))[0], 9.5 / 18 - 1
    expected = [f(2**k * math.pi * x) for f in (math.sin, math.cos) for k in range(10)]
    assert features.tolist() == pytest.approx(expected, abs=1e-4)


def test_the_papers_bins_are_all_different_and_constant_inside() -> None:
    middles = torch.arange(36) * 10.0 + 5
    features = PaperAzimuth(10)(middles)
    distance = torch.cdist(features, features) + 9 * torch.eye(36)
    assert distance.min() > 0.5  # the first and the last among them
    assert torch.equal(PaperAzimuth(10)(middles + 4.9), features)
