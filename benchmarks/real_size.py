"""One optimiser step at Stable Diffusion's size, with random weights: python -m benchmarks.real_size [--settings ...].

The U-Net of Stable Diffusion 1 (860 million weights) with a gated place encoder, in a process of its own for each
setting. On CUDA at 64 x 64 latents (512 pixels) in bf16, on the CPU at 8 x 8 in 32 bits, which measures the optimiser
and little else. Lifting steps (`lift_*`) are those of configs/paper, 64 x 64 renders seen by a prior of 256 pixels.
Needs 16 GB of free memory for the setting `whole`, 10 for `lift_sds`. Writes docs/benchmarks.md.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from benchmarks.real_size_lift import one_lifting_step
from benchmarks.report import machine, table, write_table
from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.priors.finetuning import add_lora
from gpslift.priors.gated_attention import cross_attention_layers, install_gates
from gpslift.schema.image_prior import OptimConfig
from systems.memory import peak_memory_gb
from systems.optimizers import make_optimizer

STABLE_DIFFUSION_1 = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
TEXT_TOKENS = 77
GB = 1e9
NEEDED_GB = {"whole": 16.0, "checkpointing": 16.0, "lora": 6.0, "lift_sds": 10.0, "lift_vsd": 12.0}
SETTINGS = {
    "whole": "whole U-Net",
    "checkpointing": "whole U-Net, gradient checkpointing",
    "lora": "adapters of rank 16",
    "lift_sds": "lifting, score distillation: the NeRF",
    "lift_vsd": "lifting, variational: NeRF and adapters of rank 4",
}

HEADER = ["trained", "million weights", "of them trained", "images x pixels", "s a step", "peak GB"]
SECTIONS = {
    "real_size": (
        "A step at Stable Diffusion's size",
        "The U-Net of Stable Diffusion 1 with random weights and a gated place encoder, one AdamW step, the first; "
        "VAE, text encoder and the moving average (4 bytes a trained weight) come on top.",
    ),
    "real_size_lift": (
        "A lifting step at Stable Diffusion's size",
        "The third step of `configs/paper/statue_of_liberty.yaml`, one camera, from a prior of Stable Diffusion 1's "
        "size with random weights, VAE and text encoder included: a 64 x 64 render, seen by the prior at 256 x 256, "
        "with the gradient through the VAE's encoder, checkpointed.",
    ),
}


def one_step(setting: str, batch: int) -> dict[str, Any]:
    """Takes a step and measures it: millions of weights and of trained ones, seconds, peak memory in GB."""
    if setting.startswith("lift_"):
        return one_lifting_step(STABLE_DIFFUSION_1, setting.removeprefix("lift_"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    side = 64 if device.type == "cuda" else 8
    torch.manual_seed(0)
    unet: Any = UNet2DConditionModel(**STABLE_DIFFUSION_1)
    encoder = LandmarkPlaceEncoder(width=768, gates=len(cross_attention_layers(unet)))
    install_gates(unet, encoder)
    if setting == "lora":
        unet.requires_grad_(False)
        add_lora(unet, 16)
    if setting == "checkpointing":
        unet.enable_gradient_checkpointing()
    networks = {"unet": unet.to(device).train(), "place_encoder": encoder.to(device)}
    optimizer = make_optimizer(networks, OptimConfig(lr=1e-5), torch.float32)
    place = encoder.complete({"azimuth_deg": 0.0}, batch, device)
    noisy, noise = torch.randn(2, batch, 4, side, side, device=device)
    text = torch.randn(batch, TEXT_TOKENS, 768, device=device)
    started = time.monotonic()
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        loss = (unet(noisy, 500, torch.cat([text, encoder(place)], 1)).sample.float() - noise).square().mean()
    loss.backward()
    optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return {
        "weights": sum(p.numel() for p in unet.parameters()) / 1e6,
        "trained": sum(p.numel() for group in optimizer.param_groups for p in group["params"]) / 1e6,
        "pixels": 8 * side,
        "seconds": time.monotonic() - started,
        "peak": peak_memory_gb(device),
        "loss": float(loss),
    }


def available_gb() -> float:
    """Memory that this computer has left; without /proc, no limit is known."""
    file = Path("/proc/meminfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    found = [float(line.split()[1]) * 1024 / GB for line in lines if line.startswith("MemAvailable")]
    return found[0] if found else float("inf")


def row_of(setting: str, batch: int) -> list[str]:
    """The table's row of a setting, measured in a process of its own."""
    if not torch.cuda.is_available() and available_gb() < NEEDED_GB[setting]:
        raise SystemExit(f"{setting} needs {NEEDED_GB[setting]:.0f} GB of memory; {available_gb():.1f} GB are left")
    command = [sys.executable, "-m", "benchmarks.real_size", "--one", setting, "--batch", str(batch)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    cells = [f"{found['weights']:.0f}", f"{found['trained']:.1f}", f"{batch} x {found['pixels']}"]
    return [SETTINGS[setting], *cells, f"{found['seconds']:.1f}", f"{found['peak']:.1f}"]


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["whole", "lora", "lift_sds"])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--one", choices=SETTINGS, help="measure one here and print it as JSON")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one_step(given.one, given.batch)))
        return
    for section, (title, text) in SECTIONS.items():
        chosen = [setting for setting in given.settings if setting.startswith("lift_") == (section == "real_size_lift")]
        if not chosen:
            continue
        kind = "CUDA, bf16" if torch.cuda.is_available() else "CPU, 32 bits"
        text = f"## {title}\n\n{text} {kind}. {machine()}. Written by `python -m benchmarks.real_size`.\n\n"
        text += table(HEADER, [row_of(setting, given.batch) for setting in chosen])
        print(text)
        write_table(section, text)


if __name__ == "__main__":
    main()
