"""A refinement of seconds: of a ball that was never lifted, from a prior with random weights.

Run as a program it makes the prior and the ball's run, then refines once without a stop and once with a kill and a
resume, each in a forked child; see `tests.systems.tiny_lift`.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import launch
import systems.distillation
from gpslift.config import load_config
from gpslift.geo.landmarks import load_landmark
from gpslift.priors.loading import load_prior
from gpslift.runs import Run, start_run
from gpslift.schema.lift import LiftConfig
from systems.lifted import build_renderer
from systems.refine import RefineSystem
from tests.systems import tiny_lift
from tests.systems.toy import in_child

CONFIG = "configs/refine_statue_of_liberty.yaml"
STEPS, EVERY, KILL = 6, 3, 4
"""A checkpoint of step 3 lies between the two uses of one target."""
SMALL = {
    "device": "cpu",
    "precision": "32",
    "threads": "1",
    "guidance.ddim_steps": "2",
    "guidance.reuse": "2",
    "optim.steps": str(STEPS),
    "optim.batch_size": "2",
    "optim.size": "16",
    "log.every_steps": "2",
    "log.checkpoint_every_steps": str(EVERY),
    "export.resolution": "24",
    "export.faces": "600",
    "export.picture_size": "16",
    "export.turntable_frames": "4",
}


def make_ball(output: Path, name: str = "statue_of_liberty", *more: str) -> Run:
    """A run that looks like a finished lift: the ball that every lift starts from, a little denser."""
    small = [f"{key}={value}" for key, value in tiny_lift.SMALL.items()]
    overrides = [*small, f"output={output}", f"name={name}", "renderer.blob_scale=20", *more]
    config = load_config(tiny_lift.CONFIG, overrides)
    assert isinstance(config, LiftConfig)
    run = start_run(config)
    renderer = build_renderer(config, load_landmark(config.landmark))
    renderer.update(0, 1)
    state = {f"renderer.{key}": value for key, value in renderer.state_dict().items()}
    torch.save({"state_dict": state}, run.checkpoints / "step_00000001.ckpt")
    return run


def arguments(output: Path, name: str, prior: Path, *more: str) -> list[str]:
    """The command line of a tiny refinement."""
    small = [f"{key}={value}" for key, value in SMALL.items()]
    return ["--config", CONFIG, f"name={name}", f"output={output}", f"prior.path={prior}", *small, *more]


def killed_at(step: int) -> Callable[..., Tensor]:
    """A training step that ends the process at one step."""
    usual = RefineSystem.training_step

    def training_step(system: RefineSystem, batch: int, batch_idx: int) -> Tensor:
        loss = usual(system, batch, batch_idx)
        return tiny_lift.kill(loss) if system.global_step == step else loss

    return training_step


def main(output: Path) -> None:
    """All refinements, each in a forked child; prints the children's wait statuses."""
    prior = tiny_lift.write_prior(output / "prior")
    load_prior(str(prior))
    in_child(lambda: os._exit(make_ball(output).folder.is_dir() - 1))
    statuses: dict[str, int] = {}

    def start(name: str, *more: str) -> int:
        return in_child(lambda: os._exit(launch.main(arguments(output, name, prior, *more))))

    statuses["whole"] = start("whole")
    usual: Any = RefineSystem.training_step
    RefineSystem.training_step = killed_at(KILL)  # type: ignore[method-assign]
    statuses["killed"] = start("stopped")
    RefineSystem.training_step = usual  # type: ignore[method-assign]
    statuses["resumed"] = start("stopped", "resume=last")
    print(json.dumps(statuses))


if __name__ == "__main__":
    systems.distillation.PREVIEW_SIZE = 16
    main(Path(sys.argv[1]))
