"""The average image of an area (as in the paper): one image that shows what many places have in common."""

from typing import Any

import torch
from torch import Tensor

from gpslift.conditioning.place import values_given
from gpslift.priors.composition import Scales, compose_branches
from gpslift.priors.condition import Condition, effective_scales
from gpslift.priors.denoising import denoise
from gpslift.priors.first_noise import first_noise
from gpslift.priors.pipeline import PlaceDiffusionPipeline

ROWS_AT_ONCE = 16
"""Rows of one U-Net call."""


@torch.no_grad()
def average_image(
    prior: PlaceDiffusionPipeline,
    place: dict[str, Any],
    prompt: str = "",
    num_inference_steps: int = 30,
    guidance_scale_text: float = 1.0,
    guidance_scale_place: float = 1.0,
    generator: torch.Generator | None = None,
    at_once: int = ROWS_AT_ONCE,
    guidance_rescale: float = 0.0,
) -> Tensor:
    """One image [3, S, S] in [0, 1] of all M places together, with one text ("" = the prior's caption).

    At every step e(p,g) of the guidance formula is the mean of e(p,g) over the places; e(0,0) and e(p,0) do not depend
    on the place and are asked for once. Averages of several areas compare best from one noise: give each a generator of
    the same seed. place: as for `PlaceDiffusionPipeline.sample`, M values a name (one value counts for all).
    at_once: rows of one U-Net call, which bounds memory whatever M is: the text is encoded once, and the places of each
    call at every step anew. It changes the image by rounding only.
    Raises UserError for places that the prior cannot have, such as one outside its city.
    """
    device, text = prior.unet.device, prompt or prior.caption
    count = values_given(place)
    whole = prior.place_encoder.complete(place, count, device)
    scales = Scales(guidance_scale_text, guidance_scale_place, rescale=guidance_rescale)
    scales = effective_scales([text], whole, scales)
    placeless = prior.guidance_branches([text], {name: values[:1] for name, values in whole.items()}, scales)[:-1]
    told = prior.encode_text([text])

    def guided_raw(noisy: Tensor, timestep: Tensor) -> Tensor:
        branches = [row[None] for row in _each(prior, noisy, timestep, placeless)] if len(placeless.tokens) else []
        total = torch.zeros_like(noisy)
        for start in range(0, count, at_once):
            part = {name: values[start : start + at_once] for name, values in whole.items()}
            condition = prior.condition(told.expand(min(at_once, count - start), -1, -1), part)
            total += _each(prior, noisy, timestep, condition).sum(0, keepdim=True)
        return compose_branches([*branches, total / count], scales)

    noise = first_noise(prior.unet, 1, generator, device)
    return prior.from_latents(denoise(prior, noise, num_inference_steps, guided_raw, generator))[0]


def _each(prior: PlaceDiffusionPipeline, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
    """The U-Net's own prediction [B, ...] of one noisy image [1, ...] under each of B conditions.

    The mean may be taken of velocities as of noises: one is affine in the other.
    """
    count = len(condition.tokens)
    return prior.predict_raw(noisy.expand(count, -1, -1, -1), timestep.expand(count), condition).to(noisy.dtype)
