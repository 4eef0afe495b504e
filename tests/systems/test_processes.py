"""Two processes train as one does: the same weights to rounding, each photo once an epoch, one set of files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gpslift.checkpoint_files import last_checkpoint
from gpslift.config import REPOSITORY
from gpslift.config_checks import check_together
from gpslift.errors import UserError
from gpslift.ranks import is_first_process
from gpslift.runs import Run, start_run
from gpslift.schema.image_prior import ImagePriorConfig, OptimConfig
from gpslift.schema.lift import LiftConfig
from systems.devices import choose_devices
from systems.guards import StopAfterStep
from systems.image_prior import micro_batches
from tests.systems import tiny_ddp
from tests.systems.leavings import only_run
from tests.systems.tiny_prior import STEPS, tiny_config

STARTERS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def run_program(
    photos: Path, output: Path, name: str, devices: int, steps: int = STEPS, resume: str = "", strategy: str = "auto"
) -> None:
    done = started("tiny_ddp", str(photos), str(output), name, str(devices), str(steps), resume, strategy)
    assert done.returncode == 0, done.stderr[-3000:]


def started(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a program of this folder, which starts other processes, ended with."""
    environment = {key: value for key, value in os.environ.items() if key not in STARTERS} | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", f"tests.systems.{program}", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(few_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `one` process trained, and `two` that were stopped after half of the steps and went on."""
    output = tmp_path_factory.mktemp("processes")
    tiny_ddp.main(few_photos, output, "one", 1, STEPS, "")
    run_program(few_photos, output, "two", 2, STEPS // 2)
    run_program(few_photos, output, "two", 2, STEPS, "last")
    return output


@pytest.fixture(scope="module")
def shared(trained: Path, few_photos: Path) -> Path:
    """The same folder, in which two processes that share the weights trained too, and one went on from half-way."""
    run_program(few_photos, trained, "shared", 2, STEPS // 4, strategy="fsdp")
    run_program(few_photos, trained, "shared", 2, STEPS // 2, "last", "fsdp")
    for held in trained.glob("held_shared_*"):
        held.rename(trained / held.name.replace("shared", "part"))
    tiny_ddp.main(few_photos, trained, "shared", 1, STEPS, "last")
    return trained


def files(run: Run) -> set[str]:
    """Every file of the run, and of what else lies beside it; TensorBoard's are one, as their names hold the time."""
    found = [path.relative_to(run.folder.parent).parts for path in run.folder.parent.rglob("*") if path.is_file()]
    assert {parts[0] for parts in found} == {run.folder.name}
    return {"tensorboard" if parts[1] == "tensorboard" else "/".join(parts[1:]) for parts in found}


def test_two_processes_end_where_one_does(trained: Path) -> None:
    alone, together = (
        torch.load(last_checkpoint(only_run(trained, name).checkpoints), weights_only=True) for name in ("one", "two")
    )
    assert alone["global_step"] == together["global_step"] == STEPS
    for name, weight in alone["state_dict"].items():
        assert weight.dtype == torch.float64 or not weight.is_floating_point()
        torch.testing.assert_close(together["state_dict"][name], weight, rtol=0, atol=1e-10)


def test_processes_that_share_the_weights_end_where_one_does_and_one_may_go_on(shared: Path) -> None:
    alone, together = (
        torch.load(last_checkpoint(only_run(shared, name).checkpoints), weights_only=True) for name in ("one", "shared")
    )
    assert list(together["state_dict"]) == list(alone["state_dict"])
    torch.testing.assert_close(together["state_dict"], alone["state_dict"], rtol=0, atol=1e-10)
    torch.testing.assert_close(
        together["average"]["shadow_params"], alone["average"]["shadow_params"], rtol=0, atol=1e-10
    )
    assert files(only_run(shared, "shared")) == files(only_run(shared, "one"))


def test_each_of_them_holds_its_part_alone(shared: Path) -> None:
    parts = [json.loads((shared / f"held_part_{rank}.json").read_text()) for rank in (0, 1)]
    everything = json.loads((shared / "held_one_0.json").read_text())
    assert sum(parts) == everything and 0.45 < parts[0] / everything < 0.55


def test_each_photo_is_drawn_once_an_epoch_by_one_of_them(trained: Path) -> None:
    shares = [json.loads((trained / f"drawn_two_{rank}.json").read_text()) for rank in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == STEPS * 8 // 2
    together = sorted(shares[0] + shares[1])
    assert [index for index, _ in together] == list(range(STEPS * 8))
    assert together == sorted(json.loads((trained / "drawn_one_0.json").read_text()))
    count = 1 + max(photo for _, photo in together)
    for start in range(0, STEPS * 8 - count + 1, count):
        assert sorted(photo for _, photo in together[start : start + count]) == list(range(count))


def test_only_the_first_process_writes(trained: Path) -> None:
    one, two = only_run(trained, "one"), only_run(trained, "two")
    assert files(two) == files(one)
    assert json.loads(two.status.read_text())["state"] == "finished"
    assert len(json.loads((two.folder / "versions.json").read_text())) == 2  # started and resumed
    assert len(two.metrics.read_text().splitlines()) == 1 + STEPS


def test_the_others_end_where_the_first_fails_alone(tmp_path: Path) -> None:
    """Lightning would leave them waiting: on GPUs for half an hour, with all their memory."""
    done = started("tiny_failing", str(tmp_path))
    assert done.stdout.splitlines()[-1] == f"only here; the other: {-signal.SIGKILL}", done.stderr[-3000:]


def test_another_process_gets_a_run_that_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert not is_first_process()
    assert not start_run(tiny_config(tmp_path, tmp_path)).folder.exists() and not list(tmp_path.iterdir())
    monkeypatch.setenv("RANK", "0")
    assert is_first_process()


def test_a_sigterm_ends_the_step_of_several_processes() -> None:
    before, stop = signal.getsignal(signal.SIGTERM), StopAfterStep()
    try:
        stop.on_train_start(SimpleNamespace(world_size=2), None)  # type: ignore[arg-type]
        for _ in range(2):  # a second one, to the whole group, changes nothing
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
    finally:
        signal.signal(signal.SIGTERM, before)


def test_all_gpus_that_share_a_batch_alike_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 6)
    assert choose_devices(ImagePriorConfig(), 64) == 1  # Lightning would start all of pytest again
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(REPOSITORY / "launch.py"), raising=False)
    assert [choose_devices(ImagePriorConfig(), shares) for shares in (64, 6, 35, 1)] == [4, 6, 5, 1]
    assert choose_devices(ImagePriorConfig(devices=3), 64) == 3
    with pytest.raises(UserError, match="devices=7, but this PyTorch finds 6 CUDA GPUs"):
        choose_devices(ImagePriorConfig(devices=7), 64)
    assert choose_devices(ImagePriorConfig(device="cpu"), 64) == 1


def test_all_gpus_share_out_micro_batches_and_not_the_images_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(REPOSITORY / "launch.py"), raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def shared(gpus: int, batch_size: int, accumulate: int, **settings: Any) -> tuple[int, int]:
        """How many processes there are, and how many images each has at once."""
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        optim = OptimConfig(batch_size=batch_size, accumulate=accumulate)
        config = ImagePriorConfig(optim=optim, **settings)
        processes = choose_devices(config, batch_size) * config.nodes
        return processes, batch_size // (processes * micro_batches(config))

    assert [shared(gpus, 512, 64) for gpus in (1, 2, 6, 8)] == [(1, 8), (2, 8), (4, 8), (8, 8)]
    assert shared(8, 512, 4) == (8, 64) and shared(8, 512, 1) == (8, 64)  # fewer micro-batches than GPUs
    assert shared(4, 16, 16) == (4, 1) and shared(8, 512, 512) == (8, 1) and shared(8, 512, 256) == (8, 2)
    assert shared(8, 512, 64, nodes=2) == (16, 8)
    assert shared(6, 30, 5) == (6, 5)  # of 6 at most
    assert shared(8, 512, 64, devices=8) == (8, 1) and shared(8, 512, 64, device="cpu") == (1, 8)


def test_what_cannot_be_shared_is_refused_before_anything_starts() -> None:
    config = ImagePriorConfig(devices=3, nodes=2, optim=OptimConfig(batch_size=64, accumulate=4))
    with pytest.raises(UserError, match=r"batch_size=64 must be a multiple of 24: optim.accumulate=4 times devices=3"):
        check_together(config)
    with pytest.raises(UserError, match=r"optim.batch_size=4 must be a multiple of 3: devices=3 times nodes=1"):
        check_together(LiftConfig(devices=3))
