"""A tiny base model with random weights, and priors to finetune on it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from gpslift.photos.dataset import PhotoSet
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.training import prior_from_photos
from gpslift.schema.image_prior import BackboneConfig, ImagePriorConfig
from tests.photos.sets import landmark_set
from tests.systems.clip_tokenizer import write_clip_tokenizer
from tests.systems.tiny_prior import tiny_config

SIDE = 16
CAPTION = "A photo of a tower"


def write_base_model(folder: Path, seed: int = 0) -> Path:
    """A folder laid out as Stable Diffusion 1's: 16 pixels, 8 x 8 latents of 4 channels, predicts noise.

    Its tokenizer is CLIP's, and stands in the same files; new versions of transformers write one file instead.
    """
    torch.manual_seed(seed)
    vae = AutoencoderKL(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        sample_size=SIDE,
    )
    unet = tiny_unet()
    words = write_clip_tokenizer(folder / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=words, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        bos_token_id=words - 2, eos_token_id=words - 1, pad_token_id=words - 1,
    )  # fmt: skip
    scheduler = PNDMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)
    parts = {
        "vae": vae,
        "unet": unet,
        "text_encoder": CLIPTextModel(text),
        "scheduler": scheduler,
    }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


def tiny_unet() -> UNet2DConditionModel:
    """A U-Net of Stable Diffusion's kind, for 8 x 8 latents of 4 channels."""
    return UNet2DConditionModel(
        sample_size=SIDE // 2,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8,  # one channel a group would take the time embedding away again
    )


def base_config(base: Path, photos: Path, output: Path, **optim: Any) -> ImagePriorConfig:
    """A few steps of finetuning the base model."""
    settings: dict[str, Any] = {"steps": 2, "lr": 1e-3, "warmup_steps": 0, "optimizer": "adamw"}
    config = tiny_config(photos, output, **(settings | optim))
    config.prior.base, config.backbone = str(base), BackboneConfig(image_size=SIDE)
    config.log.preview_every_steps = 1000
    return config


def noise_photos(count: int = 8) -> PhotoSet:
    """Photos of nothing, from all sides."""
    images = np.random.default_rng(0).integers(0, 256, (count, 3, SIDE, SIDE), np.uint8)
    return landmark_set(images, np.linspace(0, 315, count).astype(np.float32), caption=CAPTION)


def prior_on(base: Path, config: ImagePriorConfig | None = None) -> PlaceDiffusionPipeline:
    """An untrained prior on the base model."""
    config = config or base_config(base, Path("none"), Path("none"))
    return prior_from_photos(config, noise_photos(), torch.device("cpu"))
