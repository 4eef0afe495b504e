"""Average images: the mean of e(p,g) over places inside the loop, in bounded memory, from one noise."""

import weakref
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from torch import Tensor

from gpslift.errors import UserError
from gpslift.priors.averages import average_image
from gpslift.priors.condition import Condition
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from tests.priors.conftest import tiny_prior
from tests.priors.tiny_city import LATITUDE, LONGITUDE, tiny_city_prior

SCALES = [(1.0, 1.0), (2.5, 2.5), (1.0, 3.0), (2.0, 5.0)]
EAST, NORTH = [-400.0, 0.0, 250.0, 900.0, 30.0], [100.0, -50.0, 700.0, 20.0, 333.0]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def city() -> PlaceDiffusionPipeline:
    return tiny_city_prior()


def average(prior: PlaceDiffusionPipeline, scales: tuple[float, float] = (2.0, 5.0), **settings: Any) -> Tensor:
    given = {"place": {"east_m": EAST, "north_m": NORTH}, "prompt": "a bench", "num_inference_steps": 3} | settings
    return average_image(
        prior, guidance_scale_text=scales[0], guidance_scale_place=scales[1], generator=generator(), **given
    )


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("prompt", ["", "a bench"])
def test_copies_of_one_place_average_to_its_plain_image(
    city: PlaceDiffusionPipeline, scales: tuple[float, float], prompt: str
) -> None:
    place = {"latitude": [LATITUDE] * 5, "longitude": [LONGITUDE] * 5}
    mean = average(city, scales, place=place, prompt=prompt, at_once=2)
    plain = city.sample({"latitude": LATITUDE, "longitude": LONGITUDE}, 1, prompt, 3, *scales, generator=generator())
    assert torch.allclose(mean, plain[0], atol=1e-5)


def test_a_landmarks_prior_averages_as_well() -> None:
    prior = tiny_prior()
    mean = average(prior, place={"azimuth_deg": [30.0] * 3, "frame_width_m": 100.0})
    plain = prior.sample({"azimuth_deg": 30.0, "frame_width_m": 100.0}, 1, "a bench", 3, 2.0, 5.0, generator())
    assert torch.allclose(mean, plain[0], atol=1e-5)


def test_exchanging_the_scheduler_changes_no_average() -> None:
    prior = tiny_city_prior()
    ddim = average(prior)
    prior.scheduler = EulerDiscreteScheduler.from_config(prior.scheduler.config)
    assert torch.allclose(average(prior), ddim, atol=0.01)


def test_how_many_rows_go_at_once_does_not_matter(city: PlaceDiffusionPipeline) -> None:
    whole = average(city, at_once=99)
    for at_once in (1, 2, 5):
        assert torch.allclose(average(city, at_once=at_once), whole, atol=1e-5)
    alone = city.sample({"east_m": EAST[0], "north_m": NORTH[0]}, 1, "a bench", 3, 2.0, 5.0, generator())
    assert (whole - alone[0]).abs().max() > 1e-3  # the places do differ


@pytest.mark.parametrize(("scales", "placeless"), list(zip(SCALES, [0, 1, 1, 2], strict=True)))
def test_what_lacks_a_place_is_asked_once_and_no_call_is_larger_than_allowed(
    city: PlaceDiffusionPipeline, scales: tuple[float, float], placeless: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    predict_raw = city.predict_raw

    def counted(noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        rows.append(len(noisy))
        return predict_raw(noisy, timestep, condition)

    monkeypatch.setattr(city, "predict_raw", counted)
    average(city, scales, at_once=2)
    assert rows == 3 * ([placeless] * (placeless > 0) + [2, 2, 1])  # in each of three steps


def test_what_is_held_does_not_grow_with_the_places(
    city: PlaceDiffusionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is encoded as often for 30 places as for one, and of the conditions only those of a call or two live."""
    told: list[int] = []
    conditions: list[weakref.ref[Tensor]] = []
    held: list[int] = []
    predict_raw, encode_text = city.predict_raw, city.encode_text

    def counted(noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        conditions.append(weakref.ref(condition.tokens))
        held.append(sum({id(ref()): len(tokens) for ref in conditions if (tokens := ref()) is not None}.values()))
        return predict_raw(noisy, timestep, condition)

    monkeypatch.setattr(city, "predict_raw", counted)
    monkeypatch.setattr(city, "encode_text", lambda texts: told.append(len(texts)) or encode_text(texts))
    average(city, place={"east_m": EAST * 6, "north_m": NORTH * 6}, at_once=2)
    assert told == [3, 1] and max(held) <= 2 + 2 + 2  # the placeless ones, those of this call and of the last


def test_the_mean_of_a_linear_model_by_hand(city: PlaceDiffusionPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that predicts its condition's level b, with levels 1 without text and place, 2 with text alone, and
    10 and 20 at the two places: 1 + 2 (2 - 1) + 5 (15 - 2) = 68 at every step."""
    seen: list[Tensor] = []
    levels = {"placeless": torch.tensor([1.0, 2.0]), "placed": torch.tensor([10.0, 20.0])}

    def linear(noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        known = torch.equal(condition.tokens, told.tokens)
        return levels["placed" if known else "placeless"].view(-1, 1, 1, 1).expand_as(noisy)

    where = city.place_encoder.complete({"east_m": EAST[:2], "north_m": NORTH[:2]}, 2, torch.device("cpu"))
    told = city.encode_condition(["a bench"] * 2, where)
    step = city.scheduler.step
    monkeypatch.setattr(city, "predict_raw", linear)
    monkeypatch.setattr(city.scheduler, "step", lambda raw, *rest: seen.append(raw) or step(raw, *rest))
    average(city, place={"east_m": EAST[:2], "north_m": NORTH[:2]})
    assert len(seen) == 3 and all(torch.allclose(raw, torch.tensor(68.0)) for raw in seen)


def test_the_noise_follows_from_the_generator(city: PlaceDiffusionPipeline) -> None:
    assert torch.equal(average(city), average(city))


def test_a_place_outside_the_city_is_refused(city: PlaceDiffusionPipeline) -> None:
    with pytest.raises(UserError, match=r"outside Paris \(latitude 48\.815 to 48\.902"):
        average(city, place={"latitude": [LATITUDE, 50.0], "longitude": [LONGITUDE] * 2})


def test_averages_are_rescaled_as_single_images_are() -> None:
    prior, place = tiny_prior(), {"azimuth_deg": 30.0, "frame_width_m": 100.0}
    mean = average(prior, place=place, guidance_rescale=0.7)
    plain = prior.sample(place, 1, "a bench", 3, 2.0, 5.0, generator(), guidance_rescale=0.7)
    assert torch.allclose(mean, plain[0], atol=1e-5)
