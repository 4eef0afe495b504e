"""Pixel folding: exact there and back, with gradients, and where each pixel goes."""

import pytest
import torch

from gpslift.priors.folding import PixelFolding


def test_there_and_back_is_exact() -> None:
    """With a mean and a deviation that are powers of two, not a bit is lost."""
    folding = PixelFolding(fold=4, color_mean=(0.5, 0.0, -0.25), color_std=(0.5, 1.0, 0.25))
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 256
    images = images.round() / 128 - 1
    assert torch.equal(folding.decode(folding.encode(images).latent_dist.mode()).sample, images)


def test_folded_pixels_by_hand() -> None:
    """2 x 2 pixels become 4 channels of each colour: row by row, red first."""
    folding = PixelFolding(fold=2, color_mean=(1.0, 0.0, 0.0), color_std=(2.0, 1.0, 1.0))
    image = torch.arange(48.0).view(1, 3, 4, 4)
    folded = folding.encode(image).latent_dist.sample()
    assert folded.shape == (1, 12, 2, 2)
    assert folded[0, :4, 0, 1].tolist() == [0.5, 1.0, 2.5, 3.0]  # ([2, 3, 6, 7] - 1) / 2
    assert folded[0, 4:8, 1, 0].tolist() == [24, 25, 28, 29]


def test_gradients_are_those_of_a_division() -> None:
    folding = PixelFolding(fold=2, color_mean=(0.0, 0.1, 0.2), color_std=(0.5, 0.25, 2.0))
    images = torch.zeros(1, 3, 4, 4, requires_grad=True)
    folding.encode(images).latent_dist.mode().sum().backward()
    assert images.grad is not None
    assert images.grad[0, :, 0, 0].tolist() == pytest.approx([2, 4, 0.5])
    latents = torch.zeros(1, 12, 2, 2, requires_grad=True)
    folding.decode(latents).sample.sum().backward()
    assert latents.grad is not None
    assert latents.grad[0, [0, 4, 8], 0, 0].tolist() == pytest.approx([0.5, 0.25, 2.0])
