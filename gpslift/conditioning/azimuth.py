"""Azimuth encoders: an angle in degrees to the features that a place token is made of."""

import math

import torch
from torch import Tensor, nn

from gpslift.geo.azimuth_bins import BINS, azimuth_bins


def harmonic_features(angle_deg: Tensor, harmonics: int) -> Tensor:
    """sin and cos of the first `harmonics` multiples of an angle: [..., 2 harmonics], continuous and periodic."""
    multiples = torch.arange(1, harmonics + 1, device=angle_deg.device, dtype=angle_deg.dtype)
    phase = torch.deg2rad(angle_deg)[..., None] * multiples
    return torch.cat([torch.sin(phase), torch.cos(phase)], -1)


def positional_encoding(x: Tensor, frequencies: int) -> Tensor:
    """sin and cos of 2^k pi x for k = 0 ... frequencies - 1, x in [-1, 1]: [..., 2 frequencies] (NeRF, eq. 4)."""
    scales = math.pi * 2.0 ** torch.arange(frequencies, device=x.device, dtype=x.dtype)
    phase = x[..., None] * scales
    return torch.cat([torch.sin(phase), torch.cos(phase)], -1)


class HarmonicAzimuth(nn.Module):
    """Harmonic features: the default. Two bearings across north are neighbours."""

    def __init__(self, harmonics: int) -> None:
        super().__init__()
        self.harmonics = harmonics
        self.width = 2 * harmonics

    def forward(self, azimuth_deg: Tensor) -> Tensor:
        """[B] degrees to [B, 2 harmonics]."""
        return harmonic_features(azimuth_deg, self.harmonics)


class PaperAzimuth(nn.Module):
    """The paper's features (section 3.3): the 10-degree bin, scaled to [-1, 1], in a positional encoding.

    Bin b stands at (b + 0.5) / 18 - 1, its middle. With the first bin at -1 and the last at 1 the two would have the
    same features, as all frequencies are periodic in 2.
    """

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.width = 2 * frequencies

    def forward(self, azimuth_deg: Tensor) -> Tensor:
        """[B] degrees to [B, 2 frequencies]."""
        scaled = (azimuth_bins(azimuth_deg).to(azimuth_deg.dtype) + 0.5) / (BINS / 2) - 1.0
        return positional_encoding(scaled, self.frequencies)
