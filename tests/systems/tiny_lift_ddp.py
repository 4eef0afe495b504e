"""A tiny lift by one process or by several. Run as a program: see `main`.

Lightning starts the other processes with this program's own command line. Steps, those of
adapters too, go down the gradient itself: Adam would blow up the rounding of gradients that are almost zero.
"""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from gpslift.config import REPOSITORY, load_config
from gpslift.runs import start_run
from gpslift.schema.lift import LiftConfig
from systems import distillation, lift
from tests.systems.tiny_lift import CONFIG, arguments

STEPS = 6
USED = ["optim.batch_size=4", "optim.lr=0.5", "guidance.reuse=2", "losses.ramp=[0,0.1]", "losses.orientation=0"]
LED = ["guidance.adapter_warmup=0.1", "guidance.adapter_lr=0.5"]
"""Multi-step lifts are finished in steps 2 and 3: in the second of these the adapters lead."""


def main(output: Path, prior: Path, name: str, objective: str, devices: int, stop: int, resume: str) -> None:
    """Lifts to step `stop` of `STEPS`."""
    words = arguments(output, name, prior, f"guidance.objective={objective}", f"optim.steps={STEPS}", *USED, *LED)[2:]
    config = load_config(REPOSITORY / CONFIG, [*words, f"devices={devices}", f"resume={resume}"])
    assert isinstance(config, LiftConfig)
    make = distillation.make_trainer

    def make_trainer(*given: Any, **settings: Any) -> Any:
        return make(*given, **{**settings, "max_steps": stop})

    def configure_optimizers(system: lift.LiftSystem) -> Any:
        return torch.optim.SGD(system.renderer.parameters(), config.optim.lr)

    with (
        patch.object(distillation, "make_trainer", make_trainer),
        patch.object(distillation, "PREVIEW_SIZE", 16),
        patch.object(lift.LiftSystem, "configure_optimizers", configure_optimizers),
        patch.object(torch.optim, "AdamW", torch.optim.SGD),
    ):
        lift.train(config, start_run(config, notify=lambda line: None))


if __name__ == "__main__":
    output, prior, name, objective, devices, stop, resume = sys.argv[1:]
    main(Path(output), Path(prior), name, objective, int(devices), int(stop), resume)
