"""The 36 bins of ten degrees that azimuths are counted in: by the paper's encoder, in splits of photos, by judges."""

import torch
from torch import Tensor

BINS = 36
BIN_DEG = 360.0 / BINS


def azimuth_bins(azimuth_deg: Tensor) -> Tensor:
    """The bin, 0 to 35, of azimuths [...] in degrees: bin k holds [10 k, 10 k + 10)."""
    return ((azimuth_deg % 360.0) / BIN_DEG).floor().long() % BINS


def bin_centers() -> Tensor:
    """The azimuths in the middle of the bins, degrees [36]."""
    return (torch.arange(BINS) + 0.5) * BIN_DEG
