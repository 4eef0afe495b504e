"""Score distillation with a prior whose answers are known: what the gradient is, and what the target is."""

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gpslift.cameras import orbit_cameras
from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives import Objective, Seen, build_guidance, build_objective, interleaved
from gpslift.guidance.objectives.multistep import MultiStepTarget, sky_difference
from gpslift.guidance.objectives.score_distillation import ScoreDistillation
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.composition import Scales, compose_jointly
from gpslift.randomness import normal_for_samples
from gpslift.schema.lift import GuidanceConfig, LiftGuidanceConfig
from tests.guidance.analytic_prior import TIMESTEPS, AnalyticPrior
from tests.systems.tiny_lift import tiny_prior

SIZE, COUNT, STEPS = 4, 2, 10
PLACE = {"azimuth_deg": torch.tensor([36.0, 180.0])}


def gray_by_azimuth(place: Place) -> Tensor:
    """Latents [B, 3, SIZE, SIZE] that are all azimuth / 360."""
    return (place["azimuth_deg"] / 360)[:, None, None, None].expand(-1, 3, SIZE, SIZE)


def guidance_of(prior: AnalyticPrior, scale: float = 1.0, level: float = 0.4) -> Guidance:
    """Guidance that always asks at the timestep `level` TIMESTEPS."""
    schedule = TimestepSchedule((level, level), (level, level), 1.0)
    return Guidance(prior, schedule, Scales(scale, scale), STEPS, seed=1)  # type: ignore[arg-type]


def random_pictures(seed: int = 0, size: int = SIZE) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(COUNT, 3, size, size, generator=generator).requires_grad_()


def solid(pictures: Tensor) -> Seen:
    """Pictures through which nothing shows."""
    return Seen(pictures, torch.zeros_like(pictures[:, :1]))


def test_gradient_of_score_distillation_is_the_weighted_noise_difference() -> None:
    prior, pictures = AnalyticPrior(gray_by_azimuth, SIZE), random_pictures()
    loss, figures = ScoreDistillation(guidance_of(prior))(solid(pictures), PLACE, step=0, first=6)
    loss.backward()
    alpha = prior.alphas_cumprod[40]
    noise = normal_for_samples(1, "noise", range(6, 8), (3, SIZE, SIZE))
    latents = 2 * pictures.detach() - 1
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    predicted = (noisy - alpha.sqrt() * gray_by_azimuth(PLACE)) / (1 - alpha).sqrt()
    by_latents = (1 - alpha) * (predicted - noise) / latents.numel()
    torch.testing.assert_close(pictures.grad, 2 * by_latents)  # d latents / d pictures = 2
    assert figures["timestep"] == 40
    assert loss.item() == pytest.approx(0.5 * float((by_latents * latents.numel()).square().mean()), rel=1e-4)


def test_gradient_points_away_from_what_the_prior_shows() -> None:
    # with exact noise, e_hat - e = sqrt(a / (1 - a)) (latents - clean), whatever the noise
    prior, pictures = AnalyticPrior(gray_by_azimuth, SIZE), random_pictures()
    ScoreDistillation(guidance_of(prior))(solid(pictures), PLACE, 0, 0)[0].backward()
    alpha = prior.alphas_cumprod[40]
    expected = (alpha * (1 - alpha)).sqrt() * (2 * pictures.detach() - 1 - gray_by_azimuth(PLACE))
    torch.testing.assert_close(pictures.grad, 2 * expected / pictures.numel(), atol=1e-6, rtol=1e-4)


def test_pictures_of_another_size_are_resized_to_the_priors() -> None:
    prior, pictures = AnalyticPrior(gray_by_azimuth, SIZE), random_pictures(size=3 * SIZE)
    latents = guidance_of(prior).latents(pictures)
    assert latents.shape == (COUNT, 3, SIZE, SIZE)
    ScoreDistillation(guidance_of(prior))(solid(pictures), PLACE, 0, 0)[0].backward()
    assert pictures.grad is not None and (pictures.grad != 0).all()  # each pixel counts: no aliasing


def multistep(
    prior: AnalyticPrior,
    *,
    scale: float = 1.0,
    level: float = 0.4,
    ddim_steps: int = 1,
    reuse: int = 1,
    stride: int = 1,
) -> MultiStepTarget:
    return MultiStepTarget(replace(guidance_of(prior, scale, level), ddim_steps=ddim_steps), reuse, stride)


def target_of(objective: MultiStepTarget, pictures: Tensor, place: Place = PLACE, step: int = 0) -> Tensor:
    """The target after a look at these pictures."""
    assert objective.needs_pictures(step)
    objective.look(solid(pictures.detach()), place, step, first=0)
    assert objective.target is not None
    return objective.target


@pytest.mark.parametrize("size", [SIZE, 3 * SIZE])
def test_an_exact_prior_makes_its_own_picture_the_target(size: int) -> None:
    prior = AnalyticPrior(gray_by_azimuth, SIZE)
    target = target_of(multistep(prior, level=0.9, ddim_steps=3), random_pictures(size=size))
    expected = torch.tensor([0.55, 0.75])[:, None, None, None].expand(2, 3, size, size)  # latents 0.1 and 0.5
    torch.testing.assert_close(target, expected, atol=1e-4, rtol=0)
    assert [int(asked["timestep"][0]) for asked in prior.asked if "timestep" in asked] == [90, 60, 30]


def test_one_target_serves_as_many_steps_as_told() -> None:
    objective = multistep(AnalyticPrior(gray_by_azimuth, SIZE), reuse=3)
    with pytest.raises(ValueError, match="no target yet"):
        objective(solid(random_pictures()), PLACE, 0, 0)
    assert objective.needs_pictures(1)  # there is none yet
    target_of(objective, random_pictures())
    assert [objective.needs_pictures(step) for step in range(7)] == [True, False, False, True, False, False, True]


def test_each_step_judges_its_own_grid_of_pixels() -> None:
    objective = multistep(AnalyticPrior(gray_by_azimuth, SIZE), stride=2, reuse=4)
    whole = random_pictures(1)
    target = target_of(objective, whole)
    counts = torch.zeros(SIZE, SIZE)
    losses = []
    for step in range(4):
        rows, columns = interleaved(step, objective.stride)
        counts[rows, columns] += 1
        losses.append(objective(solid(whole[..., rows, columns]), PLACE, step, 0)[0])
    assert (counts == 1).all()
    torch.testing.assert_close(torch.stack(losses).mean(), (whole - target).square().mean())
    first = (whole - target)[..., 0::2, 1::2].square().mean()  # step 1: upper row, right column of every 2 x 2
    torch.testing.assert_close(losses[1], first)


def test_the_gradient_is_of_the_squared_distance_to_a_fixed_target() -> None:
    objective, pictures = multistep(AnalyticPrior(gray_by_azimuth, SIZE)), random_pictures()
    target = target_of(objective, pictures)
    objective(solid(pictures), PLACE, 0, 0)[0].backward()
    torch.testing.assert_close(pictures.grad, 2 * (pictures.detach() - target) / pictures.numel())


def test_a_targets_own_sky_is_no_fault_of_the_picture() -> None:
    """Left half clear, right half solid; the target is uniform: only the solid half and what is uneven count."""
    pictures = random_pictures()
    clear = torch.zeros(COUNT, 1, SIZE, SIZE)
    clear[..., : SIZE // 2] = 1
    seen, prior = Seen(pictures, clear), AnalyticPrior(gray_by_azimuth, SIZE)
    objective = MultiStepTarget(guidance_of(prior), 1, 1, own_sky=(0.5, 0.8))
    objective.look(seen, PLACE, 4, 0)
    assert not objective.sky.any()  # not yet
    objective.look(seen, PLACE, 8, 0)
    assert not objective.sky.any()  # no longer
    objective.look(seen, PLACE, 5, 0)
    target = torch.tensor([0.55, 0.75])[:, None, None, None]
    left = pictures.detach()[..., : SIZE // 2]
    expected_sky = target - left.mean((2, 3), keepdim=True)
    torch.testing.assert_close(objective.sky, expected_sky, atol=1e-4, rtol=0)
    solid_part = (pictures.detach()[..., SIZE // 2 :] - target).square().sum()
    uneven = (left + expected_sky - target).square().sum()
    loss = objective(seen, PLACE, 5, 0)[0]
    torch.testing.assert_close(loss, (solid_part + uneven) / pictures.numel(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("objective", ["multistep", "sds", "ism", "vsd"])
def test_a_config_has_every_objective_clear_haze_while_it_says_so(objective: str) -> None:
    config = LiftGuidanceConfig(objective=objective, stride=1, clearing=0.5, clearing_until=0.3)
    prior = tiny_prior()
    built = build_objective(config, prior, STEPS, 0)
    ones, size = torch.ones(COUNT), prior.image_size
    pictures, clear = random_pictures(size=size), torch.full((COUNT, 1, size, size), 0.5)
    cameras = orbit_cameras(PLACE["azimuth_deg"], 0 * ones, 3 * ones, ones, torch.zeros(3), size, size)
    seen = Seen(pictures, clear, cameras, hazed=pictures.detach())
    for step, cleared in ((2, True), (3, False)):
        built.look(seen, PLACE, step, 0)
        assert ("clearing" in built(seen, PLACE, step, 0)[1]) == cleared


def test_half_clear_pixels_say_little_of_the_sky() -> None:
    pictures, target = torch.zeros(1, 3, 1, 12), torch.ones(1, 3, 1, 12)
    clear = torch.ones(1, 1, 1, 12)
    clear[..., 8:], target[..., 8:] = 0.5, 3.0
    expected = (8 * 1.0 + 4 * 0.25 * 3.0) / (8 + 4 * 0.25)
    torch.testing.assert_close(sky_difference(target, Seen(pictures, clear)), torch.full((1, 3, 1, 1), expected))
    assert not sky_difference(target, Seen(pictures, 0 * clear)).any()  # nothing is clear: nothing is known of it


def test_a_target_survives_a_checkpoint_between_its_uses() -> None:
    prior = AnalyticPrior(gray_by_azimuth, SIZE)
    first, second = multistep(prior, reuse=2), multistep(prior, reuse=2)
    target_of(first, random_pictures())
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert not second.needs_pictures(1)
    losses = [objective(solid(random_pictures(1)), PLACE, 1, 0) for objective in (first, second)]
    assert torch.equal(losses[0][0], losses[1][0]) and losses[0][1] == losses[1][1] == {"timestep": 40.0}


def test_scales_are_diffusers_convention() -> None:
    """1 = no guidance; s = u + s (c - u) of the clean latents, hence of the noises as well."""
    nothing, condition = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(compose_jointly(nothing, condition, 0.0), nothing)
    torch.testing.assert_close(compose_jointly(nothing, condition, 1.0), condition)
    torch.testing.assert_close(compose_jointly(nothing, condition, 3.0), 3 * condition - 2 * nothing)
    prior = AnalyticPrior(gray_by_azimuth, SIZE, unconditional=0.1)
    place = {"azimuth_deg": torch.tensor([90.0, 90.0])}  # latents 0.25
    for scale, latent in ((1.0, 0.25), (3.0, 0.1 + 3 * 0.15)):
        target = target_of(multistep(prior, scale=scale, ddim_steps=2), random_pictures(), place)
        torch.testing.assert_close(target, torch.full((2, 3, SIZE, SIZE), (latent + 1) / 2), atol=1e-4, rtol=0)
    assert {asked["scales"] for asked in prior.asked} == {(1.0, 1.0), (3.0, 3.0)}  # text and place as one


@pytest.mark.parametrize("kind", ["sds", "multistep"])
def test_a_batch_in_two_parts_has_the_gradient_of_the_whole(kind: str) -> None:
    config = LiftGuidanceConfig(objective=kind, reuse=1, stride=1, scale=1.0)

    def gradient(pictures: Tensor, place: Place, first: int) -> Tensor:
        objective = build_objective(config, AnalyticPrior(gray_by_azimuth, SIZE), STEPS, 0)  # type: ignore[arg-type]
        leaf = pictures.detach().requires_grad_()
        objective.look(solid(pictures.detach()), place, 3, first)
        objective(solid(leaf), place, 3, first)[0].backward()
        assert leaf.grad is not None
        return leaf.grad

    pictures = random_pictures()
    parts = [gradient(pictures[i : i + 1], {"azimuth_deg": PLACE["azimuth_deg"][i : i + 1]}, 8 + i) for i in range(2)]
    torch.testing.assert_close(gradient(pictures, PLACE, 8), torch.cat(parts) / 2)


def test_a_timestep_without_any_signal_is_not_asked_at() -> None:
    prior = AnalyticPrior(gray_by_azimuth, SIZE)
    assert int(guidance_of(prior, level=1.0).timestep(0)) == TIMESTEPS - 1
    prior.alphas_cumprod[-1] = 0
    assert int(guidance_of(prior, level=1.0).timestep(0)) == TIMESTEPS - 2


def test_a_config_names_the_objective_and_its_timesteps() -> None:
    prior = SimpleNamespace(alphas_cumprod=torch.linspace(1, 0, TIMESTEPS), vae=None)
    config = LiftGuidanceConfig(
        t_start=[0.75, 0.75], t_end=[0.25, 0.25], anneal_share=0.5, ddim_steps=4, reuse=5, stride=3
    )
    objective: Objective = build_objective(config, prior, STEPS, seed=0)  # type: ignore[arg-type]
    assert isinstance(objective, MultiStepTarget)
    assert (objective.guidance.ddim_steps, objective.reuse, objective.stride) == (4, 5, 3)
    assert objective.guidance.scales == Scales(2.0, 2.0)
    assert [int(objective.guidance.timestep(step)) for step in (0, 5, 9)] == [75, 25, 25]
    config.objective = "sds"
    assert isinstance(build_objective(config, prior, STEPS, 0), ScoreDistillation)  # type: ignore[arg-type]


def test_latents_are_of_single_precision_whatever_the_vae_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = build_objective(GuidanceConfig(objective="sds"), AnalyticPrior(gray_by_azimuth, SIZE), 10, 1)  # type: ignore[arg-type]
    guidance = objective.guidance  # type: ignore[attr-defined]
    for given, kept in {torch.bfloat16: torch.float32, torch.float64: torch.float64}.items():
        monkeypatch.setattr(guidance.prior, "to_latents", lambda pictures, given=given: pictures.to(given))
        assert guidance.latents(torch.rand(1, 3, SIZE, SIZE)).dtype == kept


def test_all_that_a_config_says_of_guidance_is_asked() -> None:
    told = {"scale_text": 3.0, "scale_place": 2.0, "negative_prompt": "fog", "perp_neg": 0.4, "rescale": 0.6}
    prior, scales = tiny_prior(), Scales(3.0, 2.0, perp_neg=0.4, rescale=0.6)
    guidance = build_guidance(GuidanceConfig(objective="sds", **told), prior, STEPS, 0)
    assert (guidance.scales, guidance.negative) == (scales, "fog")
    place = prior.place_encoder.complete(PLACE, COUNT, torch.device("cpu"))
    noisy, branches = torch.randn(COUNT, 48, 4, 4), guidance.branches(PLACE)
    expected = prior.guidance_branches([prior.caption] * COUNT, place, scales, "fog")
    assert torch.equal(branches.tokens, expected.tokens)
    noise = prior.guided_noise(noisy, torch.tensor([300] * COUNT), expected, scales)
    assert torch.equal(guidance.noise(noisy, torch.tensor(300), branches), noise)


def test_a_config_tells_each_objective_its_own_settings() -> None:
    config = LiftGuidanceConfig(tint_between=[0.2, 0.6], interval=0.1, inversion_steps=7)
    config.adapter_lr, config.adapter_warmup = 0.02, 0.3
    names = ("multistep", "ism", "vsd")
    built: list[Any] = [build_objective(replace(config, objective=name), tiny_prior(), STEPS, 0) for name in names]
    assert built[0].own_sky == (0.2, 0.6)
    assert (built[1].interval, built[1].inversion_steps) == (0.1, 7)
    assert (built[2].lr, built[2].warmup) == (0.02, 0.3)


@pytest.mark.parametrize(("objective", "twice"), [("vsd", True), ("sds", False)])
def test_only_a_unet_that_learns_computes_twice(objective: str, twice: bool) -> None:
    prior = tiny_prior()
    build_objective(GuidanceConfig(objective=objective, gradient_checkpointing=True), prior, STEPS, 0)
    assert prior.unet.is_gradient_checkpointing == twice
