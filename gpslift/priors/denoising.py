"""From the first noise to clean latents, by whatever scheduler of diffusers a prior has."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor


def denoise(
    pipeline: DiffusionPipeline,
    noise: Tensor,
    steps: int,
    guided_raw: Callable[[Tensor, Tensor], Tensor],
    generator: torch.Generator | Sequence[torch.Generator] | None,
) -> Tensor:
    """Clean latents [B, C, h, w] from their first noise, of unit variance.

    guided_raw: what to take for the U-Net's own prediction of latents at timesteps [B]. They are scaled as the U-Net
    knows them: some schedulers, such as Euler's, let the noise's variance grow far beyond 1. generator: what the first
    noise was drawn with; schedulers that add noise, such as the ancestral ones, go on with it.
    """
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(steps, device=noise.device)
    drawn_with = _drawn_with(scheduler, generator)
    latents = noise * scheduler.init_noise_sigma
    for timestep in pipeline.progress_bar(scheduler.timesteps):
        seen = scheduler.scale_model_input(latents, timestep)
        raw = guided_raw(seen, timestep.expand(len(latents)))
        latents = scheduler.step(raw, timestep, latents, **drawn_with).prev_sample
    return latents


def _drawn_with(scheduler: Any, generator: torch.Generator | Sequence[torch.Generator] | None) -> dict[str, Any]:
    """The generator as the scheduler's step takes it; some take none. diffusers knows several as a list alone."""
    if "generator" not in inspect.signature(scheduler.step).parameters:
        return {}
    return {"generator": generator if generator is None or isinstance(generator, torch.Generator) else list(generator)}
