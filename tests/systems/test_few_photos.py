"""Training on few photos: the best weights by held-out loss are kept, saved, resumed with, and end the training."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gpslift.checkpoint_files import checkpoints_of
from gpslift.photos.dataset import PhotoSet
from gpslift.runs import Run
from systems.best_average import BestAverage
from systems.prior_system import ImagePriorSystem
from tests.systems.settings import settings_kept
from tests.systems.tiny_prior import fingerprint, tiny_config, train


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    with settings_kept():
        yield


def test_the_lowest_loss_is_kept_and_patience_counts_what_follows() -> None:
    best, weights = BestAverage(patience=2), [torch.zeros(3)]
    for step, loss in enumerate([5.0, 4.0, 4.5], start=1):
        weights[0].fill_(step)
        best.offer(loss, step, weights)
        assert not best.exhausted
    resumed = BestAverage(patience=2)
    resumed.load_state_dict(best.state_dict())
    resumed.offer(4.0, 4, weights)  # no lower
    assert resumed.exhausted and (resumed.step, resumed.loss) == (2, 4.0)
    resumed.put_into(weights)
    assert weights[0].tolist() == [2.0, 2.0, 2.0]


def test_without_patience_nothing_stops_and_without_an_offer_weights_stay() -> None:
    best, weights = BestAverage(patience=0), [torch.ones(2)]
    best.put_into(weights)
    assert weights[0].tolist() == [1.0, 1.0] and not best.exhausted


def losses(monkeypatch: pytest.MonkeyPatch, *sequence: float) -> None:
    """Has held-out losses be these, one after the other."""
    given = iter(sequence)
    monkeypatch.setattr(ImagePriorSystem, "held_out_loss", lambda system, photos: next(given))


def saved_weight(run: Run) -> torch.Tensor:
    """The first weights of the U-Net in a run's saved prior."""
    weights = load_file(run.folder / "prior" / "unet" / "diffusion_pytorch_model.safetensors")
    return weights["conv_in.weight"]


def test_training_ends_after_patience_and_saves_the_best(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    averages: list[torch.Tensor] = []
    choose = ImagePriorSystem.choose_best

    def watched(system: ImagePriorSystem, loss: float | None, step: int) -> None:
        averages.append(system.average.shadow_params[0].clone())
        choose(system, loss, step)

    monkeypatch.setattr(ImagePriorSystem, "choose_best", watched)
    losses(monkeypatch, 3.0, 1.0, 2.0, 2.5)
    settings = {"patience": 2, "held_out_every_steps": 2}
    config = tiny_config(few_photos, tmp_path, "stops", **settings)
    config.log.preview_every_steps = 100
    system, run = train(config)
    state = torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)
    assert state["global_step"] == 8 and (state["best"]["step"], state["best"]["loss"]) == (4, 1.0)
    names = [name for name, _ in system.networks.named_parameters()]
    first = names.index("unet.conv_in.weight")
    assert torch.equal(saved_weight(run), state["best"]["weights"][first].half())
    assert torch.equal(averages[1], state["best"]["weights"][0]) and not torch.equal(averages[1], averages[3])
    card = (run.folder / "prior" / "README.md").read_text()
    assert "the best by held-out loss: those of step 4, held-out loss 1.0000" in card


def test_held_out_losses_are_those_of_the_average_whatever_was_best_before(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: dict[str, list[float]] = {}
    held_out_loss = ImagePriorSystem.held_out_loss

    def watched(system: ImagePriorSystem, photos: PhotoSet) -> float:
        measured[system.config.name].append(held_out_loss(system, photos))
        return measured[system.config.name][-1]

    monkeypatch.setattr(ImagePriorSystem, "held_out_loss", watched)
    for name, patience in (("with_patience", 100), ("without", 0)):
        measured[name] = []
        config = tiny_config(few_photos, tmp_path, name, patience=patience, held_out_every_steps=2)
        config.log.preview_every_steps = 100 if patience else 2
        train(config)
    assert measured["with_patience"] == measured["without"] and len(set(measured["without"])) == 6


def test_a_resumed_training_remembers_the_best(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"patience": 3, "held_out_every_steps": 2}
    losses(monkeypatch, 1.0, 2.0)
    first = tiny_config(few_photos, tmp_path, "goes_on", **settings | {"steps": 4})
    train(first)
    losses(monkeypatch, 3.0, 9.0)
    again = tiny_config(few_photos, tmp_path, "goes_on", resume="last", **settings)
    again.log.preview_every_steps = first.log.preview_every_steps = 100
    system, run = train(again)
    assert (system.best.step, system.best.loss, system.best.stale) == (2, 1.0, 3)
    assert torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)["global_step"] == 8


def test_a_training_that_patience_ended_trains_no_more(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"patience": 1, "held_out_every_steps": 2}
    losses(monkeypatch, 1.0, 2.0)
    _, run = train(tiny_config(few_photos, tmp_path, "ended", **settings))
    before = fingerprint(run)
    losses(monkeypatch)  # none is asked for
    system, run = train(tiny_config(few_photos, tmp_path, "ended", resume="last", **settings))
    assert fingerprint(run) == before and system.trainer.global_step == 4
    assert "no lower 1 times in a row; raise optim.patience" in capsys.readouterr().out


def test_what_is_cut_out_does_not_count_in_the_loss(few_photos: Path, tmp_path: Path) -> None:
    system, _ = train(tiny_config(few_photos, tmp_path, "counted", steps=1))
    clean, noise = torch.randn(2, 48, 4, 4), torch.randn(2, 48, 4, 4)
    timestep = torch.tensor([300, 700])
    alpha = system.prior.alphas_cumprod[timestep].view(-1, 1, 1, 1)
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
    counted = torch.ones(2, 1, 4, 4)
    counted[:, :, :2] = 0
    wrong_there = velocity + 1 - counted
    system.denoising_loss.weights = torch.ones(1)
    assert float(system.denoising_loss.weighted_error(wrong_there, clean, noise, timestep)) == pytest.approx(0.5)
    assert float(system.denoising_loss.weighted_error(wrong_there, clean, noise, timestep, counted)) < 1e-12
    error = system.denoising_loss.weighted_error(velocity + 2 * counted, clean, noise, timestep, counted)
    assert float(error) == pytest.approx(4.0)
