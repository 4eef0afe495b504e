"""Prior preservation: the base model's own images, made once, and their loss added with the place dropped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gpslift.priors import preservation as module
from gpslift.priors.preservation import Preservation, make_preservation
from systems.prior_system import ImagePriorSystem
from tests.systems.tiny_base import CAPTION, base_config, noise_photos, prior_on
from tests.systems.tiny_prior import train

DRAWS = [(8, 1), (9, 5), (10, 0)]
INDICES = [index for index, _ in DRAWS]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 2)


@pytest.fixture
def images(base: Path, tmp_path: Path) -> Preservation:
    return make_preservation(prior_on(base), [CAPTION, "a bench"], 10, 0, tmp_path)


def step_gradients(base: Path, tmp_path: Path, images: Preservation | None, weight: float) -> dict[str, Tensor]:
    """Of the loss that one training step returns."""
    config = base_config(base, tmp_path, tmp_path, preservation_weight=weight)
    prior = prior_on(base, config)
    torch.nn.init.constant_(prior.place_encoder.gate, 0.5)
    system = ImagePriorSystem(prior, config, tmp_path, preservation=images)
    system.log = lambda *_, **__: None  # type: ignore[method-assign]
    system.training_step(noise_photos()[DRAWS], 0).backward()
    return {name: p.grad for name, p in system.networks.named_parameters() if p.grad is not None}


def test_they_are_what_the_base_model_makes_of_the_captions_and_are_made_once(
    base: Path, images: Preservation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert images.latents.shape == (10, 4, 8, 8) and len(np.unique(images.latents, axis=0)) == 10
    assert images.captions == [CAPTION] * 5 + ["a bench"] * 5
    prior = prior_on(base)
    wanted = prior.sample(
        {"azimuth_deg": 120.0}, 1, "a bench", 2, 7.5, 7.5, [module.generator_for(0, "preservation", 9)], as_latents=True
    )
    np.testing.assert_allclose(images.latents[9], wanted[0].numpy(), rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(module, "_images", None)  # a second making would fail
    again = make_preservation(prior, [CAPTION, "a bench"], 10, 0, tmp_path)
    assert np.array_equal(again.latents, images.latents)


def test_another_base_model_seed_or_caption_makes_others(base: Path, images: Preservation, tmp_path: Path) -> None:
    prior = prior_on(base)
    make_preservation(prior, [CAPTION], 10, 0, tmp_path)
    make_preservation(prior, [CAPTION, "a bench"], 10, 1, tmp_path)
    with torch.no_grad():
        next(prior.unet.parameters())[0, 0, 0, 0] += 1e-3
    make_preservation(prior, [CAPTION, "a bench"], 10, 0, tmp_path)
    assert len(list((tmp_path / "preservation").iterdir())) == 4


def test_each_is_drawn_once_an_epoch(images: Preservation) -> None:
    drawn = images.batch(list(range(10)))["latent"][:, 0].numpy()
    order = [int(np.abs(images.latents - one).sum((1, 2, 3)).argmin()) for one in drawn]
    assert sorted(order) == list(range(10)) and order != list(range(10))


def test_with_weight_0_nothing_changes_and_with_weight_1_both_gradients_add(
    base: Path, images: Preservation, tmp_path: Path
) -> None:
    plain = step_gradients(base, tmp_path, None, 1.0)
    assert all(torch.equal(value, plain[name]) for name, value in step_gradients(base, tmp_path, images, 0.0).items())
    both, twice = (step_gradients(base, tmp_path, images, weight) for weight in (1.0, 2.0))
    config = base_config(base, tmp_path, tmp_path)
    prior = prior_on(base, config)
    torch.nn.init.constant_(prior.place_encoder.gate, 0.5)
    system = ImagePriorSystem(prior, config, tmp_path, preservation=images)
    system.preservation_loss(INDICES).backward()
    alone = {name: p.grad for name, p in system.networks.named_parameters() if p.grad is not None}
    assert any(gradient.any() for gradient in alone.values())
    for name, gradient in alone.items():
        torch.testing.assert_close(both[name], plain[name] + gradient, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(twice[name], plain[name] + 2 * gradient, rtol=1e-4, atol=1e-7)


def test_the_place_is_dropped(base: Path, images: Preservation, tmp_path: Path) -> None:
    """Only the null of each input is told, so that no weight of an azimuth's token gets a gradient."""
    config = base_config(base, tmp_path, tmp_path)
    prior = prior_on(base, config)
    torch.nn.init.constant_(prior.place_encoder.gate, 0.5)
    system = ImagePriorSystem(prior, config, tmp_path, preservation=images)
    system.preservation_loss(INDICES).backward()
    token = prior.place_encoder.azimuth_token
    assert token.null.grad.any() and not token.mlp[0].weight.grad.any()


def test_a_run_logs_both_losses(base: Path, few_photos: Path, tmp_path: Path) -> None:
    config = base_config(base, few_photos, tmp_path)
    config.data.preservation_images = 4
    _, run = train(config)
    header, first = run.metrics.read_text().splitlines()[:2]
    logged = dict(zip(header.split(","), first.split(","), strict=True))
    assert float(logged["preservation_loss"]) > 0 and logged["preservation_loss"] != logged["loss"]
