"""The pipeline: what the U-Net is told, conversions, guidance in one call a step, and reproducible images."""

from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.priors.composition import Scales
from gpslift.priors.condition import Condition
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from tests.priors.conftest import tiny_prior

TEXT = ["A photo of a tower", "A tower at night"]


def place_of(prior: PlaceDiffusionPipeline, azimuths: list[float]) -> Place:
    return prior.place_encoder.complete(
        {"azimuth_deg": azimuths, "frame_width_m": 100.0, "elevation_deg": 5.0}, len(azimuths), torch.device("cpu")
    )


def noisy(prior: PlaceDiffusionPipeline, count: int = 2) -> Tensor:
    return torch.randn(count, prior.unet.config.in_channels, 8, 8, generator=torch.Generator().manual_seed(1))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def calls(prior: PlaceDiffusionPipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Batch sizes of the U-Net's calls so far."""
    sizes: list[int] = []
    forward = prior.unet.forward

    def counted(sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(sample))
        return forward(sample, *args, **kwargs)

    monkeypatch.setattr(prior.unet, "forward", counted)
    return sizes


def test_text_tokens_come_first_then_place_tokens(prior: PlaceDiffusionPipeline) -> None:
    where = place_of(prior, [0.0, 90.0])
    condition = prior.encode_condition(TEXT, where)
    assert condition.tokens.shape == (2, 24 + 3, 32)
    assert torch.equal(condition.tokens[:, 24:], prior.place_encoder(where))
    assert condition.pooled is not None and condition.pooled.shape == (2, 96)
    assert torch.equal(condition[1:].tokens, condition.tokens[1:])


def test_the_mean_text_token_is_pooled_where_the_u_net_has_room_for_it() -> None:
    """Without attention, a U-Net that pools the text hears it, and one that pools the place alone does not."""
    for pools_text in (False, True):
        prior = tiny_prior(pooled_text=pools_text)
        where = place_of(prior, [0.0, 0.0])
        condition = prior.encode_condition(TEXT, where)
        assert condition.pooled is not None and condition.pooled.shape == (2, 96 + 32 * pools_text)
        if pools_text:
            assert torch.equal(condition.pooled[:, 96:], condition.tokens[:, :24].mean(1))
        same = Condition(condition.tokens[:1].expand(2, -1, -1), condition.pooled)
        first, second = prior.predict_noise(noisy(prior, 1).expand(2, -1, -1, -1), torch.tensor([500, 500]), same)
        assert torch.allclose(first, second, atol=1e-6) is not pools_text


def test_latents_there_and_back(prior: PlaceDiffusionPipeline) -> None:
    images = torch.rand(2, 3, 16, 16, generator=generator())
    latents = prior.to_latents(images)
    assert latents.shape == (2, 12, 8, 8)
    assert latents[0, 0, 0, 0] == pytest.approx((2 * float(images[0, 0, 0, 0]) - 1 - 0.1) / 0.5, abs=1e-5)
    assert torch.allclose(prior.from_latents(latents), images, atol=1e-6)
    assert prior.from_latents(latents * 100).max() == 1 and prior.from_latents(latents * 100).min() == 0


def test_noise_is_added_by_the_schedule(prior: PlaceDiffusionPipeline) -> None:
    a = float(prior.alphas_cumprod[500])
    got = prior.add_noise(torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 3.0), torch.tensor([500]))
    assert float(got) == pytest.approx(2 * a**0.5 + 3 * (1 - a) ** 0.5, rel=1e-5)
    assert a == pytest.approx(0.5, abs=0.02) and float(prior.alphas_cumprod[0]) > 0.9999  # the cosine schedule


@pytest.mark.parametrize("step", [10, 500, 980])
def test_velocity_is_turned_into_the_noise_it_stands_for(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """v = sqrt(a) e - sqrt(1 - a) x0 (Salimans and Ho 2022): if the U-Net gave just that, the noise must come back."""
    prior, timestep = tiny_prior(), torch.tensor([step, step])
    clean, noise = noisy(prior), torch.randn(2, 12, 8, 8, generator=generator(2))
    a = prior.alphas_cumprod[step]
    velocity = a.sqrt() * noise - (1 - a).sqrt() * clean
    monkeypatch.setattr(prior, "predict_raw", lambda x, t, c: velocity)
    mixed = prior.add_noise(clean, noise, timestep)
    got = prior.predict_noise(mixed, timestep, Condition(noise, None))
    assert torch.allclose(got, noise, atol=1e-5)
    assert torch.allclose(prior.predict_clean(mixed, got, timestep), clean, atol=1e-3)


def test_noise_is_given_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = tiny_prior("epsilon")
    x = noisy(prior)
    monkeypatch.setattr(prior, "predict_raw", lambda x, t, c: 3 * x)
    assert torch.equal(prior.predict_noise(x, torch.tensor([7, 7]), Condition(x, None)), 3 * x)


@pytest.mark.parametrize(
    ("text", "place", "size"), [(1.0, 1.0, 2), (3.0, 3.0, 4), (1.0, 4.0, 4), (2.0, 5.0, 6), (0.0, 0.0, 4)]
)
def test_guidance_is_one_batched_call_and_the_formula(
    prior: PlaceDiffusionPipeline, calls: list[int], text: float, place: float, size: int
) -> None:
    """Against three calls, one after the other, and the paper's formula (eq. 4) written out."""
    where, x, timestep = place_of(prior, [10.0, 200.0]), noisy(prior), torch.tensor([400, 400])
    scales = Scales(text, place)
    branches = prior.guidance_branches(TEXT, where, scales)
    got = prior.guided_noise(x, timestep, branches, scales)
    assert calls == [size]
    nowhere = {**where, "azimuth_deg": torch.full((2,), torch.nan)}  # the camera's framing and height stay
    conditions = (["", ""], nowhere), (TEXT, nowhere), (TEXT, where)
    nothing, told, whole = (prior.predict_noise(x, timestep, prior.encode_condition(*c)) for c in conditions)
    assert torch.allclose(got, nothing + text * (told - nothing) + place * (whole - told), atol=2e-5)
    assert (whole - told).abs().max() > 1e-4 and (told - nothing).abs().max() > 1e-5  # the conditions do matter


@pytest.mark.parametrize("perp_neg", [0.0, 0.5])
def test_a_negative_text_is_led_away_from(prior: PlaceDiffusionPipeline, calls: list[int], perp_neg: float) -> None:
    """Against the formulas written out, with calls one after the other."""
    where, x, timestep = place_of(prior, [10.0, 200.0]), noisy(prior), torch.tensor([400, 400])
    scales = Scales(3.0, 3.0, perp_neg=perp_neg)
    branches = prior.guidance_branches(TEXT, where, scales, "A tower at night")
    got = prior.guided_noise(x, timestep, branches, scales)
    assert calls == [6 if perp_neg else 4]
    nowhere = prior.place_encoder.nowhere(where)
    conditions = (["A tower at night"] * 2, nowhere), (["", ""], nowhere), (TEXT, where)
    negative, nothing, whole = (prior.predict_noise(x, timestep, prior.encode_condition(*c)) for c in conditions)
    expected = negative + 3 * (whole - negative)
    if perp_neg:
        along, away = (whole - nothing).flatten(1), (negative - nothing).flatten(1)
        away = away - (away * along).sum(1, keepdim=True) / (along * along).sum(1, keepdim=True) * along
        expected = nothing + 3 * (whole - nothing) - 3 * perp_neg * away.view_as(whole)
    assert torch.allclose(got, expected, atol=2e-5)
    assert (negative - nothing).abs().max() > 1e-5


def test_tokens_may_come_from_elsewhere(prior: PlaceDiffusionPipeline) -> None:
    where, asked = place_of(prior, [10.0, 200.0]), []

    def texts(text: Any) -> Tensor:
        asked.append(list(text))
        return prior.encode_text(text)

    scales = Scales(2.0, 5.0)
    found = prior.guidance_branches(TEXT, where, scales, texts=texts)
    assert torch.equal(found.tokens, prior.guidance_branches(TEXT, where, scales).tokens)
    assert asked == [["", "", *TEXT, *TEXT]]


def test_rescaling_tames_strong_guidance(prior: PlaceDiffusionPipeline) -> None:
    def spread(rescale: float) -> float:
        scales = {"guidance_scale_text": 9.0, "guidance_scale_place": 9.0, "guidance_rescale": rescale}
        place = {"azimuth_deg": [0.0, 90.0]}
        return float(
            prior.sample(place, 2, num_inference_steps=4, generator=generator(), as_latents=True, **scales).std()
        )

    assert spread(1.0) < spread(0.5) < spread(0.0)


def test_sampling_asks_once_a_step(prior: PlaceDiffusionPipeline, calls: list[int]) -> None:
    images = prior.sample(
        {"azimuth_deg": [0.0, 90.0]}, 2, num_inference_steps=4, guidance_scale_text=2.0, guidance_scale_place=2.0
    )
    assert images.shape == (2, 3, 16, 16) and images.min() >= 0 and images.max() <= 1
    assert calls == [4, 4, 4, 4]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_sampling_one_clean_image_gives_that_image(prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prior that knows one image makes it in any number of steps, from the noisiest step on, where a is 2e-9."""
    prior = tiny_prior(prediction)
    clean = noisy(prior, 1) * 0.5

    def perfect(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        a = prior.alphas_cumprod[t].view(-1, 1, 1, 1)
        if prediction == "v_prediction":
            return (a.sqrt() * x - clean) / (1 - a).sqrt()  # of e = (x - sqrt(a) x0) / sqrt(1 - a)
        return (x - a.sqrt() * clean) / (1 - a).sqrt()

    monkeypatch.setattr(prior, "predict_raw", perfect)
    for steps in (1, 2, 5):
        if prediction == "epsilon" and steps == 1:
            continue  # noise alone cannot tell the image at the last step, which holds none of it
        images = prior.sample({}, 1, num_inference_steps=steps, generator=generator())
        assert torch.allclose(images, prior.from_latents(clean), atol=2e-3)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_exchanging_the_scheduler_changes_no_image(prediction: str) -> None:
    """DDIM is Euler's method over x / sqrt(a), so that both make one image but for rounding, in any number of steps."""
    prior = tiny_prior(prediction)
    where, scales = place_of(prior, [0.0, 90.0]), Scales(2.0, 5.0)

    def latents() -> Tensor:
        told = {"guidance_scale_text": scales.text, "guidance_scale_place": scales.place}
        return prior.sample(where, 2, TEXT, 5, generator=generator(), as_latents=True, **told)

    ddim = latents()
    plain, branches = torch.randn(2, 12, 8, 8, generator=generator()), prior.guidance_branches(TEXT, where, scales)
    for timestep in prior.scheduler.timesteps:
        raw = prior.guided_raw(plain, timestep.expand(2), branches, scales)
        plain = prior.scheduler.step(raw, timestep, plain).prev_sample
    assert torch.equal(ddim, plain)  # the default scheduler scales nothing, to the last bit
    prior.scheduler = EulerDiscreteScheduler.from_config(prior.scheduler.config)
    euler = latents()
    assert (euler - ddim).abs().max() < 0.01 * ddim.std()


def test_images_follow_from_the_seed(prior: PlaceDiffusionPipeline) -> None:
    def image(seed: int) -> Tensor:
        return prior.sample({"azimuth_deg": [45.0]}, 1, num_inference_steps=2, generator=generator(seed))

    assert torch.equal(image(0), image(0)) and not torch.allclose(image(0), image(1))


def test_one_generator_an_image_makes_images_independent_of_their_neighbours(prior: PlaceDiffusionPipeline) -> None:
    both = prior.sample({"azimuth_deg": [45.0, 90.0]}, 2, num_inference_steps=2, generator=[generator(0), generator(1)])
    alone = prior.sample({"azimuth_deg": [90.0]}, 1, num_inference_steps=2, generator=[generator(1)])
    assert torch.allclose(both[1], alone[0], atol=1e-5)
    with pytest.raises(ValueError, match="1 generators for 2 images"):
        prior.sample({}, 2, generator=[generator()])


def test_the_caption_is_the_text_where_none_is_given(prior: PlaceDiffusionPipeline) -> None:
    def image(prompt: Any) -> Tensor:
        return prior.sample({"azimuth_deg": [0.0]}, 1, prompt=prompt, num_inference_steps=1, generator=generator())

    assert torch.equal(image(None), image("A photo of a tower")) and torch.equal(image(""), image(None))
    assert not torch.equal(image("A tower at night"), image(None))
    assert not torch.equal(image([""]), image(None))


def test_gradients_reach_the_pixels(prior: PlaceDiffusionPipeline) -> None:
    images = torch.rand(1, 3, 16, 16, generator=generator(), requires_grad=True)
    condition = prior.encode_condition(TEXT[:1], place_of(prior, [0.0]))
    prior.predict_noise(prior.to_latents(images), torch.tensor([300]), condition).sum().backward()
    assert images.grad is not None and images.grad.abs().min() > 0


def test_what_a_prior_says_of_itself(prior: PlaceDiffusionPipeline) -> None:
    assert (prior.image_size, prior.caption, prior.place_kind) == (16, "A photo of a tower", "azimuth")
    assert set(prior.networks) == {"vae", "text_encoder", "unet", "place_encoder"}
