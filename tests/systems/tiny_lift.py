"""A lift of seconds: a prior with random weights, made on the spot, and settings to match.

Run as a program it makes the prior and, for each objective, lifts once without a stop, and once for each step of
`KILLS` with a kill there and a resume; then once with Ctrl-C and the command that the program then names; see `main`.
"""

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import launch
import systems.distillation
from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.priors.compact import build_compact_prior
from gpslift.priors.loading import load_prior, save_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import BackboneConfig
from systems.lift import LiftSystem
from tests.systems.toy import in_child

CAPTION = "A photo of the Statue of Liberty"
CONFIG = "configs/statue_of_liberty.yaml"
STEPS, EVERY, REUSE = 12, 3, 2
KILLS = {"multistep": (3, 8, 11), "sds": (8,), "ism": (8,), "vsd": (8, 11)}
"""They go on from checkpoints 3, 6 and 9. Of these, 3 and 9 lie between the two uses of one target. Multi-step lifts
are finished variationally from step 4 on, led by the adapters at step 7 alone, and from step 8 on only colours are
learnt: so the second of these targets is one of those."""
OBJECTIVES = tuple(KILLS)
SAID = "said.txt"
STOPPED = "stopped after step 5; saved. Go on with: python launch.py "
CAMERAS = {
    "range_m": [150.0, 250.0, 200.0],
    "elevation_deg": [-5.0, 10.0, 11.0],
    "frame_width_m": [110.0, 130.0, 120.0],
}
"""Two of three from one bin of elevations, so that to even these out changes something."""
SMALL = {
    "device": "cpu",
    "precision": "32",
    "threads": "1",
    "renderer.grid.levels": "3",
    "renderer.grid.log2_table": "10",
    "renderer.grid.base_resolution": "4",
    "renderer.grid.finest_resolution": "16",
    "renderer.coarse_levels": "2",
    "renderer.hidden": "8",
    "renderer.background_hidden": "8",
    "renderer.samples": "24",
    "renderer.occupancy_resolution": "8",
    "renderer.occupancy_every_steps": "2",
    "renderer.occupancy_warmup_steps": "4",
    "guidance.ddim_steps": "2",
    "guidance.inversion_steps": "2",
    "guidance.adapter_lr": "0.01",
    "guidance.adapter_warmup": "0.25",
    "guidance.reuse": str(REUSE),
    "finish.share": "0.42",
    "coloring.share": "0.33",
    "optim.steps": str(STEPS),
    "optim.batch_size": "2",
    "optim.resolutions": "[8,16]",
    "optim.resolution_steps": "[0,0.5]",
    "log.every_steps": "2",
    "log.checkpoint_every_steps": str(EVERY),
    "export.resolution": "16",
    "export.faces": "500",
    "export.picture_size": "16",
    "export.turntable_frames": "4",
}


def tiny_prior() -> PlaceDiffusionPipeline:
    """A compact prior of 16 pixels with random weights."""
    torch.manual_seed(0)
    encoder = LandmarkPlaceEncoder(width=32, harmonics=2, log_width_mean=4.8, log_width_std=0.1)
    backbone = BackboneConfig(image_size=16, fold=4, channels=[32, 32], token_dim=32)
    return build_compact_prior(backbone, encoder, [CAPTION], CAPTION, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def write_prior(folder: Path, prior: PlaceDiffusionPipeline | None = None) -> Path:
    """Saves a prior, by default the tiny one, as the training does; returns its folder."""
    save_prior(prior or tiny_prior(), folder, CAMERAS, "A prior with random weights.")
    return folder


def arguments(output: Path, name: str, prior: Path, *more: str) -> list[str]:
    """The command line of a tiny lift."""
    small = [f"{key}={value}" for key, value in SMALL.items()]
    return ["--config", CONFIG, f"name={name}", f"output={output}", f"prior.path={prior}", *small, *more]


def at_step(step: int, act: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """A training step that does as ever, but has `act` change the loss of one step."""
    usual = LiftSystem.training_step

    def training_step(system: LiftSystem, batch: Any, batch_idx: int) -> Tensor:
        loss = usual(system, batch, batch_idx)
        return act(loss) if system.global_step == step else loss

    return training_step


def kill(loss: Tensor) -> Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    return loss


def interrupt(loss: Tensor) -> Tensor:
    signal.raise_signal(signal.SIGINT)
    return loss


def interrupted(command: list[str], said: Path) -> None:
    """Runs a command as if typed, with what it says on its standard error in a file; ends the process."""
    sys.argv = ["launch.py", *command]
    with said.open("w") as sys.stderr:
        status = launch.main(command)
    os._exit(status)


def main(output: Path) -> None:
    """All lifts, each in a forked child, so that PyTorch is imported once; prints the children's wait statuses.

    Runs are compared to the last bit, so all are made in the same surroundings.

    Run it with one OpenMP thread: a forked child has none of the others. Nothing is rendered before the forks, since
    numba's threads do not survive them either. The prior is loaded once for what its libraries prepare and keep.
    """
    prior = write_prior(output / "prior")
    load_prior(str(prior))
    statuses: dict[str, int] = {}

    def start(command: list[str]) -> int:
        return in_child(lambda: os._exit(launch.main(command)))

    def lift(name: str, objective: str, *more: str) -> int:
        return start(arguments(output, name, prior, f"guidance.objective={objective}", *more))

    usual = LiftSystem.training_step
    for objective in OBJECTIVES:
        statuses[objective] = lift(objective, objective)
        for step in KILLS[objective]:
            name = f"{objective}_{step}"
            LiftSystem.training_step = at_step(step, kill)  # type: ignore[method-assign]
            statuses[f"{name} killed"] = lift(name, objective)
            LiftSystem.training_step = usual  # type: ignore[method-assign]
            statuses[f"{name} resumed"] = lift(name, objective, "resume=last")
    LiftSystem.training_step = at_step(4, interrupt)  # type: ignore[method-assign]
    statuses["interrupted"] = in_child(lambda: interrupted(arguments(output, "interrupted", prior), output / SAID))
    LiftSystem.training_step = usual  # type: ignore[method-assign]
    said = (output / SAID).read_text().splitlines()[-1]
    statuses["gone on"] = start(shlex.split(said.removeprefix(STOPPED)))
    print(json.dumps(statuses))


if __name__ == "__main__":
    systems.distillation.PREVIEW_SIZE = 16
    main(Path(sys.argv[1]))
