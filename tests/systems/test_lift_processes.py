"""Two processes that share a step's views lift as one does: the same weights to rounding, also after a resume."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from gpslift.checkpoint_files import last_checkpoint
from gpslift.config import REPOSITORY
from tests.systems import tiny_lift_ddp
from tests.systems.leavings import only_run
from tests.systems.test_processes import STARTERS, files
from tests.systems.tiny_lift import write_prior

STEPS = tiny_lift_ddp.STEPS


def run_two(output: Path, prior: Path, name: str, objective: str, stop: int, resume: str = "") -> None:
    arguments = [str(output), str(prior), name, objective, "2", str(stop), resume]
    environment = {key: value for key, value in os.environ.items() if key not in STARTERS} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.systems.tiny_lift_ddp", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    """Step 5 lies between two uses of one target, of which each process keeps a part."""
    prior = write_prior(tmp_path / "prior")
    tiny_lift_ddp.main(tmp_path, prior, "one", "multistep", 1, STEPS, "")
    run_two(tmp_path, prior, "two", "multistep", 5)
    run_two(tmp_path, prior, "two", "multistep", STEPS, "last")
    one, two = only_run(tmp_path, "one"), only_run(tmp_path, "two")
    alone, together = (torch.load(last_checkpoint(run.checkpoints), weights_only=True) for run in (one, two))
    assert alone["global_step"] == together["global_step"] == STEPS
    start = torch.load(sorted(one.checkpoints.glob("*.ckpt"))[0], weights_only=True)["state_dict"]
    for name, weight in alone["state_dict"].items():
        torch.testing.assert_close(together["state_dict"][name], weight, rtol=0, atol=1e-5, msg=name)
    moved = max(float((alone["state_dict"][name] - start[name]).abs().max()) for name in start if "field" in name)
    assert moved > 1e-3  # so that the tolerance means something
    finished, shared = (checkpoint["objectives"]["finish"] for checkpoint in (alone, together))
    assert finished["learnt"] == shared["learnt"] == 2  # and led once
    for name, weight in finished["adapters"].items():
        torch.testing.assert_close(shared["adapters"][name], weight, rtol=0, atol=1e-4, msg=name)
    assert max(float(finished["adapters"][name].abs().max()) for name in shared["adapters"] if "up" in name) > 0.05
    stopped = {"previews/step_00000005.png", "checkpoints/step_00000005.ckpt"}  # it ended twice, and two are kept
    assert files(two) == files(one) - {"checkpoints/step_00000003.ckpt"} | stopped
