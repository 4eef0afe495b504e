"""Dropout of whole channels in a U-Net's residual blocks, drawn for each sample: the same however a batch is sliced.

Dropping channels (Tompson et al. 2015, section 3.2) instead of single values needs few random numbers a sample.
"""

from collections.abc import Sequence

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from gpslift.randomness import generator_for


class SampleDropout(nn.Module):
    """Sets channels of [B, C, H, W] to 0 with a chance of `share`, and scales the others by 1 / (1 - share).

    Passes all through in evaluation. `draw` must be called before each forward pass in training.
    """

    def __init__(self, share: float, name: str, channels: int) -> None:
        super().__init__()
        self.share, self.name, self.channels = share, name, channels
        self._kept = torch.ones(0)

    def draw(self, seed: int, draw: str, indices: Sequence[int]) -> None:
        """The channels of the coming pass, each row's from (seed, draw, this layer, global sample index)."""
        rows = [
            torch.rand(self.channels, generator=generator_for(seed, f"{draw}dropout {self.name}", index))
            for index in indices
        ]
        self._kept = (torch.stack(rows) >= self.share).float() / (1 - self.share)

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training:
            return hidden
        return hidden * self._kept.to(hidden)[:, :, None, None]


def add_dropout(unet: nn.Module, share: float) -> list[SampleDropout]:
    """Puts a SampleDropout into every residual block of the U-Net, in the place of its own; returns them."""
    layers = []
    for name, block in unet.named_modules():
        if isinstance(block, ResnetBlock2D):
            block.dropout = SampleDropout(share, name, block.out_channels).train(block.training)
            layers.append(block.dropout)
    return layers
