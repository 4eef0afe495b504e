"""Variational score distillation on tiny priors with random weights: gradient, learning, checkpoints."""

import io
from typing import Any

import pytest
import torch
from torch import Tensor

from gpslift.cameras import orbit_cameras
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.score_distillation import ScoreDistillation
from gpslift.guidance.objectives.variational import VariationalDistillation
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.composition import Scales
from gpslift.randomness import normal_for_samples, uniform_for_samples
from tests.systems.tiny_lift import CAPTION, tiny_prior

PLACE = {
    "azimuth_deg": torch.tensor([0.0, 90.0]),
    "frame_width_m": torch.tensor([100.0, 100.0]),
    "elevation_deg": torch.tensor([0.0, 0.0]),
}
LEVEL = 400


def frozen_prior() -> Any:
    prior = tiny_prior()
    for network in prior.networks.values():
        network.requires_grad_(False).eval()
    return prior


def objective(scale: float = 3.0, lr: float = 1e-2, prior: Any = None, warmup: float = 0.0) -> VariationalDistillation:
    schedule = TimestepSchedule((0.4, 0.4), (0.4, 0.4), 1.0)
    guidance = Guidance(prior or frozen_prior(), schedule, Scales(scale, scale), 10, seed=1)
    return VariationalDistillation(guidance, rank=4, lr=lr, warmup=warmup)


def seen(requires_grad: bool = True) -> Seen:
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_(requires_grad)
    ones = torch.ones(2)
    cameras = orbit_cameras(PLACE["azimuth_deg"], 0 * ones, 3 * ones, ones, torch.zeros(3), 16, 16)
    return Seen(pictures, torch.zeros(2, 1, 16, 16), cameras)


def gradient_of(variational: VariationalDistillation, step: int = 0) -> tuple[Tensor, dict[str, float]]:
    """By the pictures, and the figures."""
    shown = seen()
    loss, figures = variational(shown, PLACE, step, 2 * step)
    loss.backward()
    assert shown.pictures.grad is not None
    return shown.pictures.grad, figures


def test_fresh_adapters_leave_guidance_alone_to_lead() -> None:
    """e_phi is the prior itself then: sigma^2 [e_hat - e(p,g)] = sigma^2 (s - 1) [e(p,g) - e(p,0)], written out."""
    prior = frozen_prior()
    found, _ = gradient_of(objective(3.0, prior=prior))
    latents = prior.to_latents(seen().pictures.detach())
    noise = normal_for_samples(1, "noise", range(2), latents.shape[1:])
    timestep = torch.tensor([LEVEL, LEVEL])
    noisy = prior.add_noise(latents, noise, timestep)
    nowhere = prior.place_encoder.nowhere(PLACE)
    whole = prior.predict_noise(noisy, timestep, prior.encode_condition([CAPTION] * 2, PLACE))
    nothing = prior.predict_noise(noisy, timestep, prior.encode_condition(["", ""], nowhere))
    by_latents = (1 - prior.alphas_cumprod[LEVEL]) * 2 * (whole - nothing) / latents.numel()
    expected = 2 * prior.vae.decode(by_latents).sample  # folding moves pixels; d(2 x - 1) / dx = 2
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-3)
    assert gradient_of(objective(1.0))[0].abs().max() == 0


def test_adapters_learn_the_renders_and_then_lead_away_from_them() -> None:
    variational = objective(1.0)
    gradients, figures = zip(*(gradient_of(variational) for _ in range(30)), strict=True)  # always the same noise
    assert figures[-1]["adapter_loss"] < 0.8 * figures[0]["adapter_loss"]
    assert gradients[0].abs().max() == 0 and gradients[-1].norm() > 1e-5


def test_until_the_adapters_know_renders_the_step_is_score_distillations() -> None:
    """Of 10 steps the first three; the adapters learn in them as they do without."""
    warming, plain = objective(warmup=0.3), objective()
    for step in range(5):
        found, figures = gradient_of(warming, step)
        variational, expected = gradient_of(plain, step)
        shown = seen()
        ScoreDistillation(warming.guidance)(shown, PLACE, step, 2 * step)[0].backward()
        assert torch.equal(found, shown.pictures.grad if step < 3 else variational)
        assert not torch.equal(shown.pictures.grad, variational)
        assert figures == expected


def test_the_prior_itself_stays_as_it_is() -> None:
    prior = frozen_prior()
    before = {name: value.clone() for name, value in prior.unet.state_dict().items()}
    gradient_of(objective(prior=prior))
    after = prior.unet.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_a_resumed_objective_goes_on_to_the_last_bit() -> None:
    whole, first, second = objective(), objective(), objective()
    expected = [gradient_of(whole, step)[0] for step in range(4)][-1]
    for step in range(2):
        gradient_of(first, step)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal([gradient_of(second, step)[0] for step in (2, 3)][-1], expected)


def test_a_changed_learning_rate_holds_after_a_resume() -> None:
    first, second = objective(lr=1e-2), objective(lr=1e-3)
    gradient_of(first)
    second.load_state_dict(first.state_dict())
    assert [group["lr"] for group in second.optimizer.param_groups] == [1e-3]


def test_a_state_of_another_objective_leaves_fresh_adapters() -> None:
    variational = objective()
    variational.load_state_dict({"target": torch.zeros(1)})
    assert torch.equal(gradient_of(variational)[0], gradient_of(objective())[0])


def test_pictures_that_are_no_numbers_spoil_no_adapters() -> None:
    variational = objective()
    before = [weight.detach().clone() for weight in variational.adapters.parameters()]
    shown = seen(requires_grad=False)
    shown.pictures[0, 0, 0, 0] = float("nan")
    variational(shown, PLACE, 0, 0)
    assert all(torch.equal(*pair) for pair in zip(before, variational.adapters.parameters(), strict=True))


def test_it_must_know_the_cameras() -> None:
    with pytest.raises(ValueError, match="must know the cameras"):
        objective()(Seen(seen().pictures, torch.zeros(2, 1, 16, 16)), PLACE, 0, 0)


def test_adapters_learn_every_noise_at_every_azimuth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azimuths are spread by a sequence over the samples, and timesteps once were by the same one."""
    variational, met = objective(), []
    monkeypatch.setattr(
        variational.guidance.prior, "predict_raw", lambda noisy, timestep, _: met.append(timestep) or noisy * zero
    )
    zero = torch.zeros((), requires_grad=True)
    told = variational.guidance.told(PLACE)
    for first in range(0, 200, 2):
        variational.learn(torch.zeros(2, 12, 8, 8), told, seen().cameras, first)  # type: ignore[arg-type]
    share = torch.cat(met).double() / len(variational.guidance.prior.alphas_cumprod)
    azimuth = uniform_for_samples(1, "azimuth", range(200)).double()
    offset = 2 * torch.pi * (share - azimuth)
    assert torch.polar(torch.ones(200).double(), offset).mean().abs() < 0.25  # 1 for a line, 0.07 for chance
    assert share.min() < 0.1 and share.max() > 0.9


def test_adapters_learn_from_noised_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    variational, met = objective(), []
    prior, latents = variational.guidance.prior, torch.randn(2, 48, 4, 4)
    predict = prior.predict_raw
    monkeypatch.setattr(prior, "predict_raw", lambda *asked: met.append(asked) or predict(*asked))
    variational.learn(latents, variational.guidance.told(PLACE), seen().cameras, 6)
    noise = normal_for_samples(1, "adapter noise", range(6, 8), latents.shape[1:])
    torch.testing.assert_close(met[0][0], prior.add_noise(latents, noise, met[0][1]))


def test_a_loss_too_large_for_its_number_format_is_scaled_down() -> None:
    variational = objective()
    variational.loss_scale = 2.0**127  # too much for 32 bits, as 2^16 may be for 16
    gradient_of(variational)
    assert (variational.learnt, variational.loss_scale) == (0, 2.0**126)
    variational.loss_scale = 2.0**16
    gradient_of(variational)
    assert (variational.learnt, variational.loss_scale) == (1, 2.0**16)
