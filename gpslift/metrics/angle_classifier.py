"""What the judge of azimuths is taught, from which of 36 sides a photo was taken, and how its accuracy counts."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gpslift.geo.azimuth_bins import BINS, azimuth_bins, bin_centers


def soft_labels(azimuth_deg: Tensor, spread_deg: float) -> Tensor:
    """What share of belief each bin gets [N, 36]: a von Mises distribution of width `spread_deg` about the azimuth [N].

    Neighbouring bins are half right, which a one-hot label hides; GPS tags are off by a few degrees themselves.
    """
    concentration = 1 / math.radians(spread_deg) ** 2
    apart = torch.deg2rad(azimuth_deg[:, None] - bin_centers().to(azimuth_deg))
    return torch.softmax(concentration * torch.cos(apart), 1)


@dataclass(frozen=True)
class AngleAccuracy:
    """Shares in [0, 1] of `count` images whose predicted bin is the true one, and the true one or a neighbour of it."""

    exact: float
    within_one: float
    count: int

    def __str__(self) -> str:
        return f"{100 * self.exact:.1f} % exact, {100 * self.within_one:.1f} % within one bin ({self.count} images)"


def angle_accuracy(predicted: Tensor, azimuth_deg: Tensor) -> AngleAccuracy:
    """Accuracy of predicted bins [N] against true azimuths [N], degrees; bins 35 and 0 are neighbours."""
    apart = (predicted - azimuth_bins(azimuth_deg)).abs()
    apart = torch.minimum(apart, BINS - apart)
    return AngleAccuracy(float((apart == 0).float().mean()), float((apart <= 1).float().mean()), len(apart))
