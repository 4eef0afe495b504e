"""The network of all judges: small, and trained on photos that no prior saw."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

IMAGE_SIZE = 64


class PhotoClassifier(nn.Module):
    """A convolutional network of 0.3 million parameters: images [B, 3, S, S] in [0, 1] -> logits [B, outputs].

    Images of another size than 64 pixels are resized first. The last features keep their place in the image, as it
    matters on which side something sticks out.
    """

    def __init__(self, outputs: int, widths: Sequence[int] = (24, 48, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = [_block(3, widths[0], stride=2)]
        for before, after in pairwise(widths):
            layers += [_block(before, after, stride=2), _block(after, after, stride=1)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(widths[-1] * (IMAGE_SIZE >> len(widths)) ** 2, outputs)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, outputs]."""
        if images.shape[-1] != IMAGE_SIZE or images.shape[-2] != IMAGE_SIZE:
            images = interpolate(images, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True)
        spread, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
        normalised = ((images - mean) / (spread + 0.05)).contiguous(memory_format=torch.channels_last)
        return self.head(self.features(normalised))


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))
