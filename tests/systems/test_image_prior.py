"""Training of the image prior: what is learnt, averaged, saved, previewed; killed and resumed; not finite."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import REPOSITORY
from gpslift.errors import UserError
from gpslift.geo.landmarks import load_landmark
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.loading import load_cameras, load_prior
from gpslift.priors.training import prior_from_photos
from gpslift.runs import Run
from gpslift.schema.image_prior import ImagePriorConfig
from systems.prior_system import ImagePriorSystem
from tests.systems.card import run_card
from tests.systems.leavings import only_run, rows_of
from tests.systems.tiny_prior import EVERY, PREVIEW, STEPS, Watched, tiny_config, train


@pytest.fixture(scope="module")
def finished(few_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Watched, Run]:
    return train(tiny_config(few_photos, tmp_path_factory.mktemp("finished")))


@pytest.fixture(scope="module")
def config(finished: tuple[Watched, Run]) -> ImagePriorConfig:
    return finished[0].config


@pytest.fixture
def batch(config: ImagePriorConfig) -> dict[str, Any]:
    """The second step's batch: samples 8 to 15."""
    photos = PhotoDataModule(config.data, load_landmark(config.landmark), 16, 8, 0).photos("generator")
    return photos[[(8 + row, row) for row in range(8)]]


def fresh(config: ImagePriorConfig, photos: PhotoSet, tmp_path: Path) -> ImagePriorSystem:
    return ImagePriorSystem(prior_from_photos(config, photos, torch.device("cpu")), config, tmp_path)


def test_what_is_saved_is_the_average_and_not_the_last_weights(finished: tuple[Watched, Run]) -> None:
    _, run = finished
    checkpoint = torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)
    raw = checkpoint["state_dict"]
    saved = load_prior(str(run.folder)).unet.state_dict()
    names = [name for name in raw if name.startswith("networks.")]
    trained = [name for name in names if not name.startswith("networks.vae.")]
    average = dict(zip(trained, checkpoint["average"]["shadow_params"], strict=True))
    name = "conv_in.weight"
    assert torch.equal(saved[name], average[f"networks.unet.{name}"].half().float())
    assert not torch.allclose(saved[name], raw[f"networks.unet.{name}"], atol=1e-4)


def test_sizes_that_do_not_fit_are_refused_before_photos_are_read(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("systems.image_prior.PhotoDataModule", lambda *_: pytest.fail("photos were read"))
    config = tiny_config(few_photos, tmp_path)
    config.backbone.channels = [100, 200]
    with pytest.raises(UserError, match=r"backbone\.channels holds 100; each must be a multiple of 32"):
        train(config)


def test_the_run_folder_holds_prior_previews_metrics_and_how_to_go_on(
    finished: tuple[Watched, Run], few_photos: Path
) -> None:
    _, run = finished
    assert [path.name for path in sorted(run.previews.iterdir())] == ["step_00000005.png", "step_00000010.png"]
    rows = rows_of(run)
    assert [int(row["step"]) for row in rows] == list(range(1, STEPS + 1))
    held_out = {int(row["step"]) for row in rows if row["held_out_loss"]}
    assert held_out == {PREVIEW, 2 * PREVIEW}
    assert all(float(row["images_per_s"]) > 0 for row in rows[1:])
    cameras = load_cameras(str(run.folder))
    assert len(cameras["range_m"]) <= len(list(few_photos.iterdir()))
    assert cameras["range_m"].min() > 60 and cameras["range_m"].max() < 450
    assert json.loads(run.status.read_text())["state"] == "finished"
    assert [picture.size for picture in run_card(run.folder / "prior")] == [(16, 16)] * 2


def test_it_learns_a_few_photos_by_heart(few_photos: Path, tmp_path: Path) -> None:
    config = tiny_config(few_photos, tmp_path, steps=80, lr=3e-3)
    config.log.preview_every_steps = config.log.checkpoint_every_steps = 1000
    config.data.augment = config.backbone.dropout = 0.0
    _, run = train(config)
    losses = [float(row["loss"]) for row in rows_of(run)]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])


def test_the_held_out_loss_draws_the_same_noise_each_time(finished: tuple[Watched, Run]) -> None:
    system, _ = finished
    assert system.held_out is not None and len(system.held_out) > 2
    first, again = system.held_out_loss(system.held_out), system.held_out_loss(system.held_out)
    assert first == again and 0 < first < 5


def test_killed_at_any_step_and_resumed_it_ends_as_if_never_stopped(few_photos: Path, tmp_path: Path) -> None:
    kills = [5, 8, 11]  # just after a preview, at a checkpoint, in the last step
    command = [sys.executable, "-m", "tests.systems.tiny_prior", str(few_photos), str(tmp_path), *map(str, kills)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["statuses"] == [0, *[signal.SIGKILL, 0] * 3]
    assert results["whole"]["step"] == str(STEPS)
    for step in kills:
        assert results[f"killed_{step}"] == results["whole"], step
        run = only_run(tmp_path, f"killed_{step}")
        assert len(list(run.previews.iterdir())) == STEPS // PREVIEW
        assert [int(row["step"]) for row in rows_of(run)] == list(range(1, STEPS + 1))


def test_cut_into_more_parts_at_a_resume_every_step_still_sees_its_own_samples(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, list[int]] = {}
    training_step = ImagePriorSystem.training_step

    def watched(system: ImagePriorSystem, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        seen.setdefault(system.global_step, []).extend(batch["index"].tolist())
        return training_step(system, batch, batch_idx)

    monkeypatch.setattr(ImagePriorSystem, "training_step", watched)
    train(tiny_config(few_photos, tmp_path, "cut", steps=3))
    config = tiny_config(few_photos, tmp_path, "cut", resume="last", steps=6, accumulate=2)
    train(config)
    size = config.optim.batch_size
    assert seen == {step: list(range(step * size, (step + 1) * size)) for step in range(6)}


def test_a_loss_that_is_no_number_stops_with_a_remedy(few_photos: Path, tmp_path: Path) -> None:
    config = tiny_config(few_photos, tmp_path)
    config.skipped_steps = 0
    with pytest.raises(
        UserError, match=rf"step 7: the loss is nan; lower optim\.lr .*resume=.*step_0000000{EVERY}\.ckpt"
    ):
        train(config, (6, lambda loss: loss * float("nan")))
    run = only_run(tmp_path, "tiny")
    assert [path.stem for path in checkpoints_of(run.checkpoints)] == [f"step_0000000{EVERY}"]
    assert not (run.folder / "prior").exists()


def test_the_loss_by_hand(finished: tuple[Watched, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Min-SNR for velocity: at snr = 9 and gamma = 5 the weight is 5 / 10; at snr = 1/9 it is (1/9) / (10/9) = 0.1."""
    system, _ = finished
    alphas = system.prior.alphas_cumprod
    timesteps = torch.stack([(alphas - 0.9).abs().argmin(), (alphas - 0.1).abs().argmin()])
    clean, noise = torch.full((2, 1, 1, 1), 2.0), torch.full((2, 1, 1, 1), 1.0)
    a = alphas[timesteps].view(-1, 1, 1, 1)
    velocity = a.sqrt() * noise - (1 - a).sqrt() * clean
    assert float(system.denoising_loss.weighted_error(velocity, clean, noise, timesteps)) == 0
    assert float(system.denoising_loss.weighted_error(velocity + 1, clean, noise, timesteps)) == 1, (
        "the plain loss is the default"
    )
    monkeypatch.setattr(system.config.optim, "min_snr_gamma", 5.0)
    got = float(system.denoising_loss.weighted_error(velocity + 1, clean, noise, timesteps))
    assert got == pytest.approx((0.5 + 0.1) / 2, rel=0.02)


def test_slices_of_a_batch_draw_what_the_whole_draws(
    config: ImagePriorConfig, finished: tuple[Watched, Run], batch: dict[str, Any]
) -> None:
    """Two micro-batches, or two ranks, have together the noise, timesteps and dropout of one batch."""
    system, _ = finished
    system.config.dropout.text = system.config.dropout.place = 0.3
    halves = [{name: value[rows] for name, value in batch.items()} for rows in (slice(0, 4), slice(4, 8))]
    whole_text, whole_place = system._dropped(batch)
    parts = [system._dropped(half) for half in halves]
    system.config.dropout.text = system.config.dropout.place = 0.05
    assert parts[0][0] + parts[1][0] == whole_text and "" in whole_text
    for name, values in whole_place.items():
        joined = torch.cat([part[1][name] for part in parts])
        assert torch.equal(joined.nan_to_num(-1), values.nan_to_num(-1))
    nowhere = whole_place["azimuth_deg"].isnan()
    assert nowhere.any() and not whole_place["elevation_deg"][nowhere].isnan().all()  # what guidance compares with
    text, place = batch["caption"], {name: batch[name] for name in system.prior.place_encoder.inputs}
    with torch.no_grad():
        loss = float(system.denoising_loss(batch, text, place))
        split = [
            float(system.denoising_loss(half, half["caption"], {name: half[name] for name in place})) for half in halves
        ]
    assert loss == pytest.approx(np.mean(split), rel=1e-5)


def test_another_draw_is_another_loss(finished: tuple[Watched, Run], batch: dict[str, Any]) -> None:
    system, _ = finished
    place = {name: batch[name] for name in system.prior.place_encoder.inputs}
    with torch.no_grad():
        losses = {float(system.denoising_loss(batch, batch["caption"], place, draw)) for draw in ("", "held out ")}
    assert len(losses) == 2 and all(math.isfinite(loss) for loss in losses)


def test_only_what_is_trained_with_the_prior_is_trained(
    config: ImagePriorConfig, few_photos: Path, tmp_path: Path
) -> None:
    photos = PhotoDataModule(config.data, load_landmark(config.landmark), 16, 8, 0).photos("generator")
    system = fresh(config, photos, tmp_path)
    parts = {name.split(".")[0] for name, p in system.networks.named_parameters() if p.requires_grad}
    assert parts == {"unet", "place_encoder", "text_encoder"}
    assert len(system.average.shadow_params) == len(system._trained())


def test_adamw_in_one_kernel_as_on_a_gpu_clips_in_16_bits(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fused(torch.optim.AdamW):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **{**settings, "fused": True})

    monkeypatch.setattr(torch.optim, "AdamW", Fused)
    config = tiny_config(few_photos, tmp_path, steps=2, optimizer="adamw", gradient_clip=1.0)
    config.precision = "bf16"
    system, _ = train(config)
    assert system.trainer.optimizers[0].param_groups[0]["fused"] and system.trainer.global_step == 2
