"""A toy system whose randomness follows from (seed, step), as in the real ones, and ways to make it fail.

Run as a program it trains once and prints what it ended with as JSON: see `main`.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gpslift.errors import UserError
from gpslift.runs import Run, start_run
from gpslift.schema.lift import LiftConfig
from gpslift.schema.run import LogConfig
from systems.devices import prepare
from systems.running import Steps, fit, make_trainer

STEPS, EVERY = 20, 5


class Toy(pl.LightningModule):
    """Learns to reverse four numbers; keeps a moving average that is updated after each step.

    at_step: (step, what to do then); it gets the loss and returns the one to go on with.
    """

    def __init__(self, at_step: tuple[int, Callable[[Tensor], Tensor]] | None = None) -> None:
        super().__init__()
        self.net = torch.nn.Linear(4, 4)
        self.at_step = at_step
        self.register_buffer("average", torch.zeros(4, 4))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.global_step)
        x = torch.randn(8, 4, generator=generator)
        loss = (self.net(x) - x.flip(-1)).square().mean()
        if self.at_step and self.global_step == self.at_step[0]:
            loss = self.at_step[1](loss)
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_train_batch_end(self, *args: Any) -> None:
        self.average.lerp_(self.net.weight.detach(), 0.1)

    def train_dataloader(self) -> Steps:
        return Steps()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), 1e-2)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 50)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def toy_config(
    output: Path, name: str, resume: str = "", trackers: tuple[str, ...] = ("tensorboard",), skipped: int = 0
) -> LiftConfig:
    """A config for `STEPS` steps. skipped: how many in a row may be left out."""
    log = LogConfig(every_steps=4, checkpoint_every_steps=EVERY, trackers=list(trackers))
    return LiftConfig(
        name=name,
        output=str(output),
        resume=resume,
        precision="32",
        threads=1,
        device="cpu",
        log=log,
        skipped_steps=skipped,
    )


def train(
    output: Path,
    name: str,
    resume: str = "",
    toy: Toy | None = None,
    trackers: tuple[str, ...] = ("tensorboard",),
    skipped: int = 0,
    **arguments: Any,
) -> tuple[Toy, Run]:
    """One training of `STEPS` steps, or what is left of it."""
    config = toy_config(output, name, resume, trackers, skipped)
    run = start_run(config, notify=lambda line: None)
    prepare(config)
    system = Toy()
    if toy is not None:
        toy.load_state_dict(system.state_dict())  # the same start for all: the toy was made before the seed was set
        system = toy
    fit(make_trainer(config, run, max_steps=STEPS, learning_rate=1e-2, **arguments), system, None, run)
    return system, run


def digits(system: Toy) -> list[str]:
    """Every number that the system ended with, exactly."""
    return [value.hex() for tensor in system.state_dict().values() for value in tensor.double().flatten().tolist()]


def kill(loss: Tensor) -> Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    return loss


def in_child(work: Callable[[], object]) -> int:
    """Runs `work` in a forked child; returns its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # a forked child must not run the parent's code: it leaves, and its status tells
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main(output: Path, kills: list[int]) -> None:
    """Trains once without a stop, and once for each given step with a kill there and a resume; prints all results.

    What is to be killed, and what goes on from it, runs in forked children, so that PyTorch is imported once. Run it
    with one OpenMP thread: a forked child has none of the others.
    """

    def write(name: str, resume: str = "") -> None:
        (output / f"{name}.json").write_text(json.dumps(digits(train(output, name, resume)[0])))

    def kill_at(step: int, name: str) -> int:
        status = in_child(lambda: train(output, name, toy=Toy((step, kill))))
        in_child(lambda: write(name, "last"))
        return status

    write("whole")
    results: dict[str, Any] = {"statuses": [kill_at(step, f"killed_{step}") for step in kills]}
    for name in ["whole", *(f"killed_{step}" for step in kills)]:
        results[name] = json.loads((output / f"{name}.json").read_text())
    print(json.dumps(results))


def limit_file_size(size: int | None) -> None:
    """From now on no file may grow beyond `size` bytes: what a full disk looks like to a program."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), [int(step) for step in sys.argv[2:]])
    except UserError as error:
        sys.exit(str(error))
