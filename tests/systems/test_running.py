"""Training with resume: killed, stopped, out of disk, not finite."""

import csv
import errno
import io
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor

from gpslift.checkpoint_files import checkpoints_of, is_whole
from gpslift.config import REPOSITORY
from gpslift.errors import UserError
from gpslift.runs import Interrupted, Run
from systems import checkpoints as checkpoints_module
from systems import guards
from systems.checkpoints import AtomicCheckpointIO
from systems.running import fit, make_trainer
from tests.systems.leavings import logged_steps, only_run
from tests.systems.toy import EVERY, STEPS, Toy, digits, limit_file_size, toy_config, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a training that nothing stops ends with."""
    return digits(train(tmp_path_factory.mktemp("whole"), "whole")[0])


def steps_saved(run: Run) -> list[str]:
    return [path.stem for path in checkpoints_of(run.checkpoints)]


def state_of(run: Run) -> tuple[str, int]:
    status = json.loads(run.status.read_text())
    return status["state"], status["step"]


def fail_with(error: BaseException) -> Callable[[Tensor], Tensor]:
    def fail(loss: Tensor) -> Tensor:
        raise error

    return fail


def test_killed_at_any_step_and_resumed_it_ends_as_if_never_stopped(tmp_path: Path) -> None:
    kills = [7, 10, 18]  # between two checkpoints, just after one, in the last stretch
    command = [sys.executable, "-m", "tests.systems.toy", str(tmp_path), *map(str, kills)]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["statuses"] == [signal.SIGKILL] * 3
    for step in kills:
        assert results[f"killed_{step}"] == results["whole"]
        assert logged_steps(only_run(tmp_path, f"killed_{step}")) == [4, 8, 12, 16, 20]


def test_checkpoints_are_kept_to_their_number(tmp_path: Path) -> None:
    _, run = train(tmp_path, "toy")
    assert steps_saved(run) == ["step_00000015", "step_00000020"]
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [
        "last",
        "step_00000015.ckpt",
        "step_00000020.ckpt",
    ]
    assert state_of(run) == ("finished", STEPS)
    assert logged_steps(run) == [4, 8, 12, 16, 20]
    assert any((run.folder / "tensorboard").iterdir())


def test_going_on_with_a_finished_run_says_so_and_changes_nothing(
    tmp_path: Path, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, "toy")
    assert "nothing to train" not in capsys.readouterr().out
    system, run = train(tmp_path, "toy", "last")
    assert f"this run is at step {STEPS} already, and optim.steps is {STEPS}; raise" in capsys.readouterr().out
    assert digits(system) == whole
    assert steps_saved(run) == ["step_00000015", "step_00000020"]
    assert state_of(run) == ("finished", STEPS)
    assert logged_steps(run) == [4, 8, 12, 16, 20]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_between_micro_batches_ends_the_step_and_saves(tmp_path: Path, number: int) -> None:
    def stop(loss: Tensor) -> Tensor:  # in each of the step's: starters send SIGTERM twice
        if number == signal.SIGTERM or not seen:
            signal.raise_signal(number)
        seen.append(number)
        return loss

    seen: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as stopped:
        train(tmp_path, "toy", toy=Toy((12, stop)), accumulate=4)
    assert stopped.value.step == 13 and len(seen) == 4
    assert steps_saved(only_run(tmp_path, "toy"))[-1] == "step_00000013"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_the_step_saves_and_can_be_gone_on_from(tmp_path: Path, whole: list[str], number: int) -> None:
    def stop(loss: Tensor) -> Tensor:
        signal.raise_signal(number)
        return loss

    with pytest.raises(Interrupted) as stopped:
        train(tmp_path, "toy", toy=Toy((12, stop)))
    assert stopped.value.step == 13
    run = only_run(tmp_path, "toy")
    assert steps_saved(run)[-1] == "step_00000013"
    assert state_of(run) == ("interrupted", 13)
    assert digits(train(tmp_path, "toy", "last")[0]) == whole
    assert state_of(run) == ("finished", STEPS)


def test_a_second_ctrl_c_stops_at_once_and_saves_nothing(tmp_path: Path) -> None:
    def twice(loss: Tensor) -> Tensor:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return loss

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "toy", toy=Toy((12, twice)))
    assert steps_saved(only_run(tmp_path, "toy")) == ["step_00000005", "step_00000010"]
    assert signal.getsignal(signal.SIGINT) == before


def test_an_error_keeps_what_was_learnt_until_then(tmp_path: Path, whole: list[str]) -> None:
    with pytest.raises(RuntimeError, match="oops"):
        train(tmp_path, "toy", toy=Toy((13, fail_with(RuntimeError("oops")))))
    run = only_run(tmp_path, "toy")
    assert steps_saved(run) == ["step_00000010", "step_00000013"]
    assert state_of(run) == ("failed", 13)
    assert digits(train(tmp_path, "toy", "last")[0]) == whole


@pytest.mark.parametrize(
    ("step", "start"), [(13, r"resume=.*step_00000010\.ckpt"), (3, "no checkpoint had been saved")]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_it_does_harm(
    tmp_path: Path, step: int, start: str, value: float
) -> None:
    with pytest.raises(
        UserError, match=rf"step {step + 1}: the loss is {value}; lower optim\.lr \(now 0\.01\).*{start}"
    ):
        train(tmp_path, "toy", toy=Toy((step, lambda loss: loss * value)))
    run = only_run(tmp_path, "toy")
    assert steps_saved(run) == (["step_00000005", "step_00000010"] if step > EVERY else [])
    assert state_of(run)[0] == "failed"


def test_a_gradient_that_is_not_finite_is_named(tmp_path: Path, whole: list[str]) -> None:
    toy = Toy()

    def spoil(loss: Tensor) -> Tensor:  # finite, with an infinite slope: d sqrt(x) / dx at 0
        return loss + (toy.net.bias[0] - toy.net.bias[0].detach()).sqrt()

    toy.at_step = (13, spoil)
    with pytest.raises(UserError, match=r"step 14: the gradient of net\.bias is not finite; lower optim\.lr"):
        train(tmp_path, "toy", toy=toy)
    assert steps_saved(only_run(tmp_path, "toy")) == ["step_00000005", "step_00000010"]
    assert digits(train(tmp_path, "toy", "last")[0]) == whole


def spoilt_at(*steps: int) -> Toy:
    """A toy whose loss is no number at these steps."""
    toy = Toy()
    usual = toy.training_step

    def training_step(batch: Any, batch_idx: int) -> Tensor:
        return usual(batch, batch_idx) * (float("nan") if toy.global_step in steps else 1.0)

    toy.training_step = training_step  # type: ignore[method-assign]
    return toy


def test_a_step_that_is_not_finite_is_left_out_and_counted(tmp_path: Path) -> None:
    states: list[dict[str, Tensor]] = []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
            states.append({name: value.clone() for name, value in pl_module.net.state_dict().items()})

    toy, run = train(tmp_path, "toy", toy=spoilt_at(3, 4, 9), skipped=2, callbacks=[Watch()])
    stood = [torch.equal(before["weight"], after["weight"]) for before, after in pairwise(states)]
    assert [step for step, still in enumerate(stood, 1) if still] == [3, 4, 9]
    assert all(value.isfinite().all() for value in toy.state_dict().values())
    assert state_of(run) == ("finished", STEPS)
    with open(run.metrics, newline="") as file:
        counted = {int(row["step"]): row["skipped"] for row in csv.DictReader(file)}
    assert counted[12] == counted[20] == "3"
    saved = torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)["callbacks"]
    assert saved["FiniteGuard"] == {"skipped": 3, "in_a_row": 0}


def test_too_many_of_them_in_a_row_stop_with_advice(tmp_path: Path) -> None:
    message = (
        r"step 6: the loss is nan, after 2 such steps in a row that were left out .*; lower optim\.lr \(now 0\.01\)"
    )
    with pytest.raises(UserError, match=message):
        train(tmp_path, "toy", toy=spoilt_at(3, 4, 5), skipped=2)


@pytest.fixture
def fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainers compute as in fp16 on a GPU: gradients are scaled, and scaled back before they are used."""
    usual = pl.Trainer

    def trainer(**settings: Any) -> pl.Trainer:
        scaled = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=256.0))  # type: ignore[attr-defined]
        return usual(**{**settings, "precision": None, "plugins": [*settings["plugins"], scaled]})

    monkeypatch.setattr(pl, "Trainer", trainer)
    monkeypatch.setattr(guards, "SCALINGS", 4)


def with_slope(steps: range) -> Toy:
    """A toy whose loss is finite, with a slope at these steps that is no number."""
    toy = Toy()
    usual = toy.training_step

    def training_step(batch: Any, batch_idx: int) -> Tensor:
        loss = usual(batch, batch_idx)
        zero = (toy.net.bias[0] - toy.net.bias[0].detach()).sqrt()
        return loss + zero if toy.global_step in steps else loss

    toy.training_step = training_step  # type: ignore[method-assign]
    return toy


def test_in_fp16_the_scaler_may_leave_out_a_few_steps(tmp_path: Path, fp16: None) -> None:
    toy, run = train(tmp_path, "toy", toy=with_slope(range(3, 7)))
    assert state_of(run) == ("finished", STEPS) and all(value.isfinite().all() for value in toy.state_dict().values())
    saved = torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)["callbacks"]
    assert saved["FiniteGuard"] == {"skipped": 0, "in_a_row": 0}


def test_in_fp16_gradients_that_no_scale_helps_stop_with_advice(tmp_path: Path, fp16: None) -> None:
    with pytest.raises(UserError, match=r"step \d+: the gradient of net\.bias is not finite.*precision=32"):
        train(tmp_path, "toy", toy=with_slope(range(3, 20)))
    assert state_of(only_run(tmp_path, "toy"))[0] == "failed"


def test_a_full_disk_halfway_through_a_checkpoint_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[str]
) -> None:
    written = 0
    real = checkpoints_module._Writer.write

    def write(self: Any, data: Any) -> int:
        nonlocal written
        written += len(data)
        if "00000010" in self.file.name and written > 2000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(checkpoints_module._Writer, "write", write)
    with pytest.raises(UserError, match=r"the disk is full: .*checkpoints cannot be written; free some space"):
        train(tmp_path, "toy")
    run = only_run(tmp_path, "toy")
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["last", "step_00000005.ckpt"]
    assert is_whole(checkpoints_of(run.checkpoints)[0])
    monkeypatch.undo()
    assert digits(train(tmp_path, "toy", "last")[0]) == whole


def test_a_write_that_takes_a_part_at_a_time_ends_whole(tmp_path: Path) -> None:
    class Short(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(data[:1000])

    file = Short()
    torch.save({"weights": torch.arange(5000.0)}, cast(BinaryIO, checkpoints_module._Writer(file)))
    file.seek(0)
    assert torch.equal(torch.load(file)["weights"], torch.arange(5000.0))


def test_a_write_that_the_system_refuses_leaves_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "step_00000005.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.ones(10)}, path)
    try:
        limit_file_size(20_000)
        with pytest.raises(UserError, match="the disk is full"):
            AtomicCheckpointIO().save_checkpoint({"weights": torch.ones(100_000)}, path)
    finally:
        limit_file_size(None)
    assert torch.equal(AtomicCheckpointIO().load_checkpoint(path)["weights"], torch.ones(10))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_truncated_checkpoint_is_refused_with_the_one_to_use(tmp_path: Path, whole: list[str]) -> None:
    _, run = train(tmp_path, "toy")
    early, late = checkpoints_of(run.checkpoints)
    late.write_bytes(late.read_bytes()[:-500])
    with pytest.raises(UserError, match=rf"{late.name} is damaged.*resume=.*{early.name}"):
        train(tmp_path, "toy", str(run.folder))
    with pytest.raises(UserError, match="is damaged"):
        AtomicCheckpointIO().load_checkpoint(late)
    assert digits(train(tmp_path, "toy", str(early))[0]) == whole


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("true",)

    path = tmp_path / "evil.ckpt"
    torch.save({"weights": Evil()}, path, pickle_module=pickle)
    with pytest.raises(UserError, match=r"evil\.ckpt was not written by this program"):
        AtomicCheckpointIO().load_checkpoint(path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    _, run = train(tmp_path, "toy")

    class Wider(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.more = torch.nn.Linear(2, 2)

    resumed = Run(run.folder, checkpoints_of(run.checkpoints)[-1])
    trainer = make_trainer(toy_config(tmp_path, "toy"), resumed, max_steps=STEPS + 1, learning_rate=1e-2)
    with pytest.raises(UserError, match="does not fit this config's Wider"):
        fit(trainer, Wider(), None, resumed)


def test_too_little_memory_names_what_bounds_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"out of memory, with \d+\.\d GB taken at most; lower optim\.batch_size"):
        train(tmp_path, "toy", toy=Toy((3, fail_with(torch.OutOfMemoryError("CUDA out of memory.")))))


def test_micro_batches_are_saved_and_stopped_at_whole_steps_only(tmp_path: Path) -> None:
    class Stop(pl.Callback):
        batches = 0

        def on_train_batch_start(self, *args: Any) -> None:
            self.batches += 1
            if self.batches == 8:  # the second of the three micro-batches of step 3
                signal.raise_signal(signal.SIGINT)

    expected = digits(train(tmp_path, "whole", accumulate=3)[0])
    with pytest.raises(Interrupted) as stopped:
        train(tmp_path, "toy", accumulate=3, callbacks=[Stop()])
    assert stopped.value.step == 3
    assert digits(train(tmp_path, "toy", "last", accumulate=3)[0]) == expected
