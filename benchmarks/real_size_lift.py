"""A lifting step from a random prior of Stable Diffusion's size; `benchmarks.real_size` makes the table."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.conditioning.text import train_tokenizer
from gpslift.config import load_config
from gpslift.geo.landmarks import load_landmark
from gpslift.guidance.viewpoints import assumed_cameras
from gpslift.priors.gated_attention import cross_attention_layers
from gpslift.priors.loading import frozen
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.lift import LiftConfig
from systems.lift import LiftSystem
from systems.memory import peak_memory_gb

SIDE = 256
STEPS = 3
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": SIDE,
}
TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}


def random_prior(unet: dict[str, Any], caption: str, device: torch.device) -> PlaceDiffusionPipeline:
    """A prior laid out as Stable Diffusion 1's, of its size, for 256 pixels. unet: its config."""
    torch.manual_seed(0)
    network: Any = UNet2DConditionModel(**unet)
    network.register_to_config(sample_size=SIDE // 8)
    encoder = LandmarkPlaceEncoder(width=768, gates=len(cross_attention_layers(network)))
    tokenizer = train_tokenizer([caption], length=77)
    text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, **TEXT))
    schedule = DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False)
    parts = (AutoencoderKL(**VAE), text, tokenizer, network, encoder, schedule)
    return frozen(PlaceDiffusionPipeline(*parts, SIDE, caption), device, torch.float32)


def one_lifting_step(unet: dict[str, Any], objective: str) -> dict[str, Any]:
    """Takes steps of configs/paper/statue_of_liberty.yaml and measures the last: see `real_size.one_step`.

    64 x 64 renders, upsampled to the prior's 256, with the gradient through the VAE's encoder.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = load_config(
        "configs/paper/statue_of_liberty.yaml", [f"guidance.objective={objective}", "guidance.adapter_warmup=0"]
    )
    assert isinstance(config, LiftConfig)
    landmark = load_landmark(config.landmark)
    prior = random_prior(unet, landmark.caption, device)
    with tempfile.TemporaryDirectory() as previews:
        system = LiftSystem(config, landmark, prior, assumed_cameras(landmark), Path(previews)).to(device)
    optimizer = torch.optim.Adam(system.renderer.parameters(), config.optim.lr, eps=1e-15)
    for _ in range(STEPS):
        started = time.monotonic()
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = system.training_step(0, 0)
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
    trained = [*system.renderer.parameters(), *getattr(system.objective, "adapters", torch.nn.Module()).parameters()]
    return {
        "weights": sum(p.numel() for p in prior.unet.parameters()) / 1e6,
        "trained": sum(p.numel() for p in trained) / 1e6,
        "pixels": SIDE,
        "seconds": time.monotonic() - started,
        "peak": peak_memory_gb(device),
        "loss": float(loss),
    }
