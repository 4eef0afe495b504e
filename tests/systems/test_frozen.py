"""Latents and text tokens kept on disk: the same loss as without them, and new files where anything changes."""

import csv
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gpslift.config_checks import check_together
from gpslift.errors import UserError
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.frozen import cached_texts, latent_moments, network_key, with_latents
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.preservation import make_preservation
from systems.prior_system import ImagePriorSystem
from tests.systems.tiny_base import CAPTION, base_config, noise_photos, prior_on
from tests.systems.tiny_prior import train

DRAWS = [(12, 1), (13, 5), (14, 0)]


@pytest.fixture(scope="module")
def prior(base: Path) -> PlaceDiffusionPipeline:
    return prior_on(base)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def loss_of(system: ImagePriorSystem, photos: PhotoSet) -> float:
    batch = photos[DRAWS]
    place = {name: batch[name] for name in system.prior.place_encoder.inputs}
    with torch.no_grad():
        return float(system.denoising_loss(batch, ["", *batch["caption"][1:]], place))


@pytest.mark.parametrize("spread", [False, True])
def test_the_loss_is_the_same_with_and_without_the_files(base: Path, tmp_path: Path, spread: bool) -> None:
    config = base_config(base, tmp_path, tmp_path, sample_latents=spread)
    plain, photos = prior_on(base, config), noise_photos()
    wanted = loss_of(ImagePriorSystem(plain, config, tmp_path), photos)
    for _ in range(2):  # made, then read
        kept = with_latents(photos, plain, spread, "photos", tmp_path)
        texts = cached_texts(plain, photos.captions, tmp_path)
        assert kept[DRAWS]["latent"].shape == (3, 1 + spread, 4, 8, 8) and "image" not in kept[DRAWS]
        system = ImagePriorSystem(plain, config, tmp_path, texts=texts)
        assert loss_of(system, kept) == pytest.approx(wanted, rel=1e-6)
    assert len(files(tmp_path / "latents")) == len(files(tmp_path / "texts")) == 1
    assert np.array_equal(kept.pixels([2]), photos.pixels([2])) and len(kept) == len(photos)


def test_drawn_latents_follow_from_the_sample_index_and_spread_as_the_vae_says(base: Path, tmp_path: Path) -> None:
    config = base_config(base, tmp_path, tmp_path, sample_latents=True)
    system = ImagePriorSystem(prior_on(base, config), config, tmp_path)
    batch = noise_photos()[DRAWS]
    first, again = system.denoising_loss.latents(batch), system.denoising_loss.latents(batch)
    assert torch.equal(first, again)
    assert not torch.allclose(first, system.denoising_loss.latents({**batch, "index": batch["index"] + 1}))
    moments = torch.stack([torch.ones(4000, 1, 2, 2), torch.full((4000, 1, 2, 2), 0.5)], 1)
    drawn = system.denoising_loss.latents({"latent": moments, "index": torch.arange(4000)})
    assert float(drawn.mean()) == pytest.approx(1.0, abs=0.02) and float(drawn.std()) == pytest.approx(0.5, abs=0.02)


def test_a_changed_weight_setting_or_photo_makes_new_files(base: Path, tmp_path: Path) -> None:
    prior, photos = prior_on(base), noise_photos()
    with_latents(photos, prior, False, "photos", tmp_path)
    with_latents(photos, prior, False, "other photos", tmp_path)
    with_latents(replace(photos, rows=photos.rows[:4], captions=[CAPTION] * 4), prior, False, "photos", tmp_path)
    with_latents(photos, prior, True, "photos", tmp_path)
    assert len(files(tmp_path / "latents")) == 4
    with torch.no_grad():
        next(prior.vae.parameters())[0, 0, 0, 0] += 1e-3
    with_latents(photos, prior, False, "photos", tmp_path)
    assert len(files(tmp_path / "latents")) == 5


def test_a_changed_text_encoder_tokenizer_or_caption_makes_new_files(base: Path, tmp_path: Path) -> None:
    prior = prior_on(base)
    cached_texts(prior, ["a"], tmp_path)
    cached_texts(prior, ["a", "a", ""], tmp_path)
    assert len(files(tmp_path / "texts")) == 1
    cached_texts(prior, ["b"], tmp_path)
    with torch.no_grad():
        next(prior.text_encoder.parameters())[0, 0] += 1e-3
    cached_texts(prior, ["a"], tmp_path)
    assert len(files(tmp_path / "texts")) == 3


def test_long_texts_are_cut_without_transformers_warning_of_errors(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    cached_texts(prior_on(base), ["zebra " * 200], tmp_path)
    make_preservation(prior_on(base), ["zebra " * 200], 1, 0, tmp_path)
    assert not [record for record in caplog.records if record.name.startswith("transformers")]


def test_the_key_follows_the_weights_and_the_configuration(prior: PlaceDiffusionPipeline, base: Path) -> None:
    other = prior_on(base)
    assert network_key(other.vae) == network_key(prior.vae)
    other.vae.register_to_config(scaling_factor=1.0)
    assert network_key(other.vae) != network_key(prior.vae)


def test_a_damaged_file_is_made_anew(prior: PlaceDiffusionPipeline, tmp_path: Path) -> None:
    photos = noise_photos()
    wanted = with_latents(photos, prior, False, "photos", tmp_path).latents.copy()
    (path,) = (tmp_path / "latents").iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    assert np.array_equal(with_latents(photos, prior, False, "photos", tmp_path).latents, wanted)


def test_a_training_from_files_learns_what_one_from_pixels_does(base: Path, few_photos: Path, tmp_path: Path) -> None:
    losses = []
    for cached in (False, True):
        config = base_config(base, few_photos, tmp_path, steps=2)
        config.data.cache_latents = config.data.cache_text = cached
        config.log.preview_every_steps = 2
        _, run = train(config)
        with open(run.metrics, newline="") as file:
            losses.append([float(row["loss"]) for row in csv.DictReader(file)])
    assert len(losses[0]) == 2 and losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert files(tmp_path / "cache" / "latents") and files(tmp_path / "cache" / "texts")


def test_a_compact_prior_has_nothing_frozen_to_keep(base: Path, tmp_path: Path) -> None:
    config = base_config(base, tmp_path, tmp_path)
    config.prior.base, config.data.cache_latents = "compact", True
    with pytest.raises(UserError, match=r"data\.cache_latents=True needs a pretrained model: set prior\.base"):
        check_together(config)


def test_the_spread_of_latents_is_the_vaes_standard_deviation(base: Path) -> None:
    prior = prior_on(base)
    with torch.no_grad():
        prior.vae.quant_conv.bias[4:] -= 4  # variances e^-4 times as large
    images = noise_photos()[[(0, 0), (1, 1)]]["image"]
    found, wanted = latent_moments(prior, images, True), prior.vae.encode(2 * images - 1).latent_dist
    scale = prior.vae.config.scaling_factor
    torch.testing.assert_close(found, torch.stack([wanted.mean, (0.5 * wanted.logvar).exp()], 1) * scale)
