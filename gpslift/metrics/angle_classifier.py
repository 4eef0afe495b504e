"""The judge of azimuths: a small network that tells from which of 36 sides a photo was taken, and its accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

BINS = 36
BIN_DEG = 360.0 / BINS
IMAGE_SIZE = 64


def azimuth_bins(azimuth_deg: Tensor) -> Tensor:
    """The bin, 0 to 35, of azimuths [N] in degrees: bin k holds [10 k, 10 k + 10)."""
    return torch.div(azimuth_deg % 360.0, BIN_DEG, rounding_mode="floor").long().clamp(max=BINS - 1)


def bin_centers() -> Tensor:
    """The azimuths in the middle of the bins, degrees [36]."""
    return (torch.arange(BINS) + 0.5) * BIN_DEG


def soft_labels(azimuth_deg: Tensor, spread_deg: float) -> Tensor:
    """What share of belief each bin gets [N, 36]: a von Mises distribution of width `spread_deg` about the azimuth [N].

    Neighbouring bins are half right, which a one-hot label hides; GPS tags are off by a few degrees themselves.
    """
    concentration = 1 / math.radians(spread_deg) ** 2
    apart = torch.deg2rad(azimuth_deg[:, None] - bin_centers().to(azimuth_deg))
    return torch.softmax(concentration * torch.cos(apart), 1)


class AngleClassifier(nn.Module):
    """A convolutional network of 0.3 million parameters: images [B, 3, S, S] in [0, 1] -> logits of the bins [B, 36].

    Images of another size than 64 pixels are resized first. The last features keep their place in the image, as it
    matters on which side something sticks out.
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = [_block(3, widths[0], stride=2)]
        for before, after in pairwise(widths):
            layers += [_block(before, after, stride=2), _block(after, after, stride=1)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(widths[-1] * (IMAGE_SIZE >> len(widths)) ** 2, BINS)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, 36]."""
        if images.shape[-1] != IMAGE_SIZE or images.shape[-2] != IMAGE_SIZE:
            images = interpolate(images, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True)
        spread, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
        normalised = ((images - mean) / (spread + 0.05)).contiguous(memory_format=torch.channels_last)
        return self.head(self.features(normalised))


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


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))
