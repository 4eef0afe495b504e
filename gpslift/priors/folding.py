"""Pixel folding: what stands in a compact prior's VAE slot, so that no code asks whether a prior is latent."""

from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle


@dataclass
class FoldedPixels:
    """The one-point distribution that folding gives: its sample and its mode are the folded pixels."""

    latents: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """[B, 3 fold^2, H / fold, W / fold]."""
        return self.latents

    def mode(self) -> Tensor:
        """The same."""
        return self.latents


@dataclass
class FoldingOutput:
    """What `encode` returns, named as diffusers' autoencoders name it."""

    latent_dist: FoldedPixels


class PixelFolding(ModelMixin, ConfigMixin):
    """Folds fold x fold pixels into channels and back, without loss, behind the interface of diffusers' autoencoders.

    color_mean, color_std: of the training photos' colours in [-1, 1], per channel; folded pixels have about zero mean
    and unit variance, which is what a noise schedule assumes.
    """

    @register_to_config
    def __init__(
        self,
        fold: int = 4,
        color_mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        color_std: tuple[float, float, float] = (1.0, 1.0, 1.0),
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(color_mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(color_std).view(1, 3, 1, 1))

    def encode(self, images: Tensor) -> FoldingOutput:
        """Images [B, 3, H, W] in [-1, 1] to folded pixels; differentiable."""
        return FoldingOutput(FoldedPixels(pixel_unshuffle((images - self.mean) / self.std, int(self.config["fold"]))))

    def decode(self, latents: Tensor) -> DecoderOutput:
        """Folded pixels to images [B, 3, H, W] in [-1, 1] (not clipped)."""
        return DecoderOutput(sample=pixel_shuffle(latents, int(self.config["fold"])) * self.std + self.mean)
