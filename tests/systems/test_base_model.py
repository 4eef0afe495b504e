"""A latent model as base: a tiny Stable Diffusion folder with random weights is trained, saved and loaded."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

from gpslift.conditioning.text import train_tokenizer
from gpslift.errors import UserError
from gpslift.priors.loading import find_prior, load_cameras, load_prior
from tests.systems.tiny_prior import tiny_config, train

SIDE = 16


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as Stable Diffusion 1's: 16 pixels, 8 x 8 latents of 4 channels, predicts noise."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("stable_diffusion")
    vae = AutoencoderKL(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        sample_size=SIDE,
    )
    unet = UNet2DConditionModel(
        sample_size=SIDE // 2,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
    )
    tokenizer = train_tokenizer(["a photo"], length=77)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    scheduler = PNDMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)
    parts = {
        "vae": vae,
        "unet": unet,
        "tokenizer": tokenizer,
        "text_encoder": CLIPTextModel(text),
        "scheduler": scheduler,
    }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


def test_a_latent_base_is_trained_saved_and_loaded_by_the_same_class(
    base: Path, few_photos: Path, tmp_path: Path
) -> None:
    config = tiny_config(few_photos, tmp_path, steps=2, lr=1e-3, warmup_steps=0)
    config.prior.base, config.backbone.prediction = str(base), "epsilon"
    config.log.preview_every_steps = 2
    _, run = train(config)
    assert (run.previews / "step_00000002.png").is_file()
    prior = load_prior(str(run.folder))
    assert prior.image_size == SIDE and prior.vae.config.scaling_factor == pytest.approx(0.18215)
    images = prior.sample({"azimuth_deg": [0.0, 90.0]}, 2, steps=2, guidance_scale_text=3.0, guidance_scale_place=5.0)
    assert images.shape == (2, 3, SIDE, SIDE)
    assert len(load_cameras(str(run.folder))["range_m"]) > 0
    for name, trained in {
        "vae/diffusion_pytorch_model": False,
        "text_encoder/model": False,
        "unet/diffusion_pytorch_model": True,
    }.items():
        before, after = (load_file(folder / f"{name}.safetensors") for folder in (base, run.folder / "prior"))
        same = all(torch.equal(before[key].half(), after[key].half()) for key in before)
        assert same != trained, name


def test_the_gradient_reaches_the_pixels_through_the_vae(base: Path, few_photos: Path, tmp_path: Path) -> None:
    vae = AutoencoderKL.from_pretrained(base, subfolder="vae")
    images = torch.rand(1, 3, SIDE, SIDE, requires_grad=True)
    vae.encode(2 * images - 1).latent_dist.mode().square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


def test_the_base_itself_is_no_prior(base: Path) -> None:
    with pytest.raises(UserError, match="has no place encoder: it is a plain text-to-image model"):
        find_prior(str(base))


def test_an_image_size_that_the_base_cannot_make_is_refused(base: Path, few_photos: Path, tmp_path: Path) -> None:
    config = tiny_config(few_photos, tmp_path)
    config.prior.base, config.backbone.image_size = str(base), SIDE + 1
    with pytest.raises(UserError, match=rf"image_size={SIDE + 1} must be a multiple of 4 for .* {SIDE} is nearest"):
        train(config)
