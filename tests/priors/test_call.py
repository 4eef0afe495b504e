"""The pipeline called as diffusers' pipelines are: what is left out, the forms of images, how many there are."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL.Image import Image
from torch import Tensor

from gpslift.errors import UserError
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from tests.priors.conftest import tiny_prior
from tests.priors.tiny_city import tiny_city_prior

TEXT = ["A photo of a tower", "A tower at night"]
SCALES = ("guidance_scale_text", "guidance_scale_place")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("place", "prompt", "count"),
    [({}, TEXT, 2), ({"azimuth_deg": [0.0]}, TEXT, 2), ({"azimuth_deg": [0.0, 90.0, 180.0]}, TEXT[1:], 3)],
)
def test_places_and_prompts_are_one_for_all_or_one_an_image(
    prior: PlaceDiffusionPipeline, place: dict[str, Any], prompt: list[str], count: int
) -> None:
    scale = {"guidance_scale_text": 3.0}
    got = prior(prompt, place=place, num_inference_steps=1, output_type="pt", generator=generator(), **scale).images
    whole = {name: values * (count // len(values)) for name, values in place.items()}
    expected = prior.sample(
        whole, count, prompt * (count // len(prompt)), num_inference_steps=1, generator=generator(), **scale
    )
    assert len(got) == count and torch.equal(got, expected)


def test_as_many_prompts_as_fit_no_place_are_refused(prior: PlaceDiffusionPipeline) -> None:
    with pytest.raises(ValueError, match="2 prompts for 3 images; give one for all, or one an image"):
        prior(TEXT, place={"azimuth_deg": [0.0, 90.0, 180.0]})
    with pytest.raises(UserError, match="azimuth_deg has 2 values for 3 images; give one for all"):
        prior(place={"azimuth_deg": [0.0, 90.0]}, prompt=[*TEXT, ""])


def test_called_as_diffusers_pipelines_are(prior: PlaceDiffusionPipeline) -> None:
    output = prior(place={"azimuth_deg": [0.0, 90.0, 180.0]}, num_inference_steps=1)
    assert [picture.size for picture in output.images] == [(16, 16)] * 3
    two = prior(place={"azimuth_deg": 5.0}, count=2, num_inference_steps=1, output_type="pt").images
    assert two.shape == (2, 3, 16, 16)


def test_images_come_in_the_form_that_is_asked_for(prior: PlaceDiffusionPipeline) -> None:
    def images(output_type: str) -> Any:
        return prior(TEXT, num_inference_steps=1, generator=generator(), output_type=output_type).images

    tensor, array, pictures, latents = images("pt"), images("np"), images("pil"), images("latent")
    assert isinstance(tensor, Tensor) and tensor.shape == (2, 3, 16, 16)
    assert isinstance(array, np.ndarray) and array.shape == (2, 16, 16, 3)
    assert np.array_equal(array, tensor.permute(0, 2, 3, 1).numpy())
    for picture, pixels in zip(pictures, array, strict=True):
        assert isinstance(picture, Image) and np.array_equal(np.asarray(picture), (pixels * 255).round())
    assert latents.shape == (2, 12, 8, 8) and torch.equal(prior.from_latents(latents), tensor)


def test_another_form_is_refused_before_any_image_is_made(
    prior: PlaceDiffusionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(PlaceDiffusionPipeline, "sample")
    with pytest.raises(ValueError, match="no output_type 'PIL'; choose from pil, pt, np, latent"):
        prior(place={}, output_type="PIL")


@pytest.mark.parametrize("make", [tiny_prior, tiny_city_prior])
def test_without_a_place_the_text_alone_counts(make: Callable[[], PlaceDiffusionPipeline]) -> None:
    prior, text = make(), "A tower at night"
    got = prior(text, num_inference_steps=2, guidance_scale_text=3.0, generator=generator(), output_type="pt").images
    assert torch.equal(
        got, prior.sample({}, 1, text, num_inference_steps=2, guidance_scale_text=3.0, generator=generator())
    )


def test_a_tuple_without_return_dict(prior: PlaceDiffusionPipeline) -> None:
    told = {"num_inference_steps": 1, "output_type": "pt"}
    (images,) = prior(TEXT, generator=generator(), return_dict=False, **told)
    assert torch.equal(images, prior(TEXT, generator=generator(), **told).images)


def test_each_setting_reaches_the_images(prior: PlaceDiffusionPipeline) -> None:
    settings = {"guidance_scale_text": 2.0, "guidance_scale_place": 5.0, "guidance_rescale": 0.5}
    place = {"azimuth_deg": [0.0, 90.0]}
    got = prior(TEXT, place=place, num_inference_steps=3, generator=generator(), output_type="latent", **settings)
    expected = prior.sample(place, 2, TEXT, num_inference_steps=3, generator=generator(), as_latents=True, **settings)
    assert torch.equal(got.images, expected)


def test_one_scale_is_of_text_and_place_and_each_may_have_its_own(prior: PlaceDiffusionPipeline) -> None:
    def latents(**scales: float) -> Tensor:
        told: dict[str, Any] = {"place": {"azimuth_deg": 90.0}, "num_inference_steps": 2, "output_type": "latent"}
        return prior("A tower at night", generator=generator(), **told, **scales).images

    text, place = SCALES
    assert torch.equal(latents(guidance_scale=3.0), latents(**{text: 3.0, place: 3.0}))
    assert torch.equal(latents(guidance_scale=3.0, **{text: 1.0}), latents(**{place: 3.0}))
    assert torch.equal(latents(guidance_scale=3.0, **{place: 0.0}), latents(**{text: 3.0, place: 0.0}))
    assert not torch.equal(latents(guidance_scale=3.0), latents())


def test_help_shows_every_parameter_and_its_default() -> None:
    """Those that `sample` has too have its defaults, but for the scales, which are `guidance_scale` by default."""
    called, sampled = (
        inspect.signature(method).parameters
        for method in (PlaceDiffusionPipeline.__call__, PlaceDiffusionPipeline.sample)
    )
    assert not [one for one in called.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
    shared = [name for name in called if name in sampled and name not in ("self", "place", "count", *SCALES)]
    assert len(shared) == 4 and all(called[name].default == sampled[name].default for name in shared)


def test_offloading_which_cannot_work_is_refused(prior: PlaceDiffusionPipeline) -> None:
    with pytest.raises(ValueError, match="offload cannot be enabled because no `model_cpu_offload_seq`"):
        prior.enable_model_cpu_offload(device="cpu")
