"""A prior's training takes its settings: timesteps, dropout, optimiser, augmentation."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gpslift.priors.training import prior_from_photos
from gpslift.randomness import uniform_for_samples
from gpslift.schema.image_prior import OptimConfig
from systems.optimizers import make_optimizer
from systems.prior_system import ImagePriorSystem
from tests.photos.sets import landmark_set
from tests.systems.tiny_base import CAPTION, base_config, noise_photos, prior_on
from tests.systems.tiny_prior import tiny_config

DRAWS = [(8, 1), (9, 5), (10, 0)]


def system_of(base: Path, tmp_path: Path, **optim: Any) -> ImagePriorSystem:
    config = base_config(base, tmp_path, tmp_path, **optim)
    return ImagePriorSystem(prior_on(base, config), config, tmp_path)


def test_timesteps_are_drawn_by_their_power(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With density 3 t^2, t = u^(1/3) for a uniform u."""
    system, met = system_of(base, tmp_path, timestep_power=3.0), []
    predict = system.prior.predict_raw
    monkeypatch.setattr(system.prior, "predict_raw", lambda *asked: met.append(asked[1]) or predict(*asked))
    batch = noise_photos()[DRAWS]
    system.denoising_loss(batch, batch["caption"], {name: batch[name] for name in system.prior.place_encoder.inputs})
    share = uniform_for_samples(system.config.seed, "timestep", [8, 9, 10])
    assert met[0].tolist() == (share ** (1 / 3) * 1000).long().tolist()


def test_each_chance_of_dropout_is_of_its_own_condition(tmp_path: Path) -> None:
    config, ones = tiny_config(tmp_path, tmp_path), np.ones(8, np.float32)
    photos = landmark_set(noise_photos().images, 0 * ones, frame_width_m=100 * ones, elevation_deg=5 * ones)
    config.place.drop_frame_width, config.place.drop_elevation = 1.0, 0.0
    config.dropout.text, config.dropout.place, config.dropout.both = 1.0, 0.0, 0.0
    system = ImagePriorSystem(prior_from_photos(config, photos, torch.device("cpu")), config, tmp_path)
    text, place = system._dropped(photos[[(row, row) for row in range(8)]])
    assert text == [""] * 8 and not place["azimuth_deg"].isnan().any()
    assert place["frame_width_m"].isnan().all() and not place["elevation_deg"].isnan().any()


def test_optimisers_take_their_settings(base: Path) -> None:
    networks = prior_on(base).networks
    group = make_optimizer(
        networks, OptimConfig(optimizer="adamw", lr=1e-3, weight_decay=0.2), torch.float32
    ).param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-3, (0.9, 0.99), 0.2)


def test_training_steps_see_changed_photos(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = base_config(base, tmp_path, tmp_path)
    config.data.augment = 0.3
    system, met = ImagePriorSystem(prior_on(base, config), config, tmp_path), []
    monkeypatch.setattr("systems.prior_system.augment", lambda batch, *told: met.append(told) or batch)
    system.log = lambda *_, **__: None  # type: ignore[method-assign]
    system.training_step(noise_photos()[DRAWS], 0)
    assert met == [(0.3, config.seed)]


def test_the_held_out_loss_is_the_mean_over_photos_told_their_captions(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three photos in parts of two and one, whose losses are 1 and 4."""
    system, told = system_of(base, tmp_path, batch_size=2), list[str]()
    plugin = SimpleNamespace(forward_context=nullcontext)
    trainer = SimpleNamespace(world_size=1, accumulate_grad_batches=1, precision_plugin=plugin)

    def loss(batch: dict[str, Any], text: list[str], *_: Any) -> torch.Tensor:
        told.extend(text)
        return torch.tensor(1.0 if len(text) == 2 else 4.0)

    monkeypatch.setattr("systems.prior_system.HELD_OUT_DRAWS", 0)  # each photo once
    monkeypatch.setattr(ImagePriorSystem, "trainer", trainer)
    monkeypatch.setattr(ImagePriorSystem, "transfer_batch_to_device", lambda _, batch, *where: batch)
    monkeypatch.setattr(system.denoising_loss, "forward", loss)
    assert system.held_out_loss(noise_photos(3)) == pytest.approx((2 * 1 + 4) / 3)
    assert told == [CAPTION] * 3
