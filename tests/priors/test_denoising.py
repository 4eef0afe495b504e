"""Schedulers that add noise draw it with the generator that is given, and those that take none work as well."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, PNDMScheduler
from torch import Tensor

from gpslift.priors.averages import average_image
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from tests.priors.conftest import tiny_prior

AZIMUTHS = {"azimuth_deg": [0.0, 90.0]}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def prior_with(scheduler: Any, **settings: Any) -> PlaceDiffusionPipeline:
    prior = tiny_prior()
    prior.scheduler = scheduler.from_config(prior.scheduler.config, **settings)
    return prior


def latents(prior: PlaceDiffusionPipeline, place: dict[str, Any], generators: Sequence[torch.Generator]) -> Tensor:
    return prior.sample(place, len(generators), num_inference_steps=4, generator=generators, as_latents=True)


@pytest.mark.parametrize(
    ("scheduler", "settings"),
    [
        (EulerAncestralDiscreteScheduler, {}),
        (DDPMScheduler, {}),
        (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    ],
)
def test_noise_on_the_way_follows_from_the_generator(scheduler: Any, settings: dict[str, Any]) -> None:
    prior = prior_with(scheduler, **settings)

    def both(global_seed: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(global_seed)
        image = prior.sample(AZIMUTHS, 2, num_inference_steps=4, generator=generator(), as_latents=True)
        return image, average_image(prior, AZIMUTHS, num_inference_steps=4, generator=generator())

    for one, again in zip(both(1), both(2), strict=True):
        assert torch.equal(one, again)


def test_noise_on_the_way_is_each_images_own() -> None:
    prior = prior_with(EulerAncestralDiscreteScheduler)
    together = latents(prior, AZIMUTHS, (generator(0), generator(1)))
    alone = latents(prior, {"azimuth_deg": 90.0}, (generator(1),))
    assert torch.allclose(together[1], alone[0], atol=1e-4)


def test_a_scheduler_that_takes_no_generator_is_given_none() -> None:
    made = latents(prior_with(PNDMScheduler), AZIMUTHS, (generator(0), generator(1)))
    assert made.isfinite().all()
