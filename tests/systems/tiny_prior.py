"""A tiny image prior that trains in seconds on a few embedded photos, and a training of it that is killed and resumed.

Run as a program it trains once without a stop and once for each kill, and prints what each ended with: see `main`.
"""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from gpslift.checkpoint_files import checkpoints_of
from gpslift.runs import Run, start_run
from gpslift.schema.image_prior import BackboneConfig, DataConfig, ImagePriorConfig, OptimConfig
from gpslift.schema.run import LogConfig
from systems import image_prior, previews
from systems.prior_system import ImagePriorSystem
from tests.systems.toy import in_child

STEPS, EVERY, PREVIEW = 12, 4, 5


def tiny_config(photos: Path, output: Path, name: str = "tiny", resume: str = "", **optim: Any) -> ImagePriorConfig:
    """Twelve steps of eight images of 16 pixels, on the CPU with 32 bits, one thread and Muon."""
    settings = {
        "steps": STEPS,
        "batch_size": 8,
        "optimizer": "muon",
        "warmup_steps": 2,
        "ema_decay": 0.9,
        "patience": 0,
    }
    settings |= optim
    return ImagePriorConfig(
        name=name,
        output=str(output),
        resume=resume,
        device="cpu",
        precision="32",
        threads=1,
        log=LogConfig(every_steps=1, preview_every_steps=PREVIEW, checkpoint_every_steps=EVERY),
        data=DataConfig(photos=str(photos), cache=str(output / "cache"), judge_share=0.0, test_share=0.3),
        backbone=BackboneConfig(image_size=16, fold=4, channels=[32, 32], token_dim=32),
        optim=OptimConfig(**settings),
    )


class Watched(ImagePriorSystem):
    """An image prior of which the last one made is kept, and that may do something at a step."""

    last: "Watched"
    at_step: tuple[int, Callable[[Tensor], Tensor]] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Watched.last = self

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        if self.at_step and self.global_step == self.at_step[0]:
            return self.at_step[1](loss)
        return loss


def train(
    config: ImagePriorConfig, at_step: tuple[int, Callable[[Tensor], Tensor]] | None = None
) -> tuple[Watched, Run]:
    """One training, or what is left of it."""
    run = start_run(config, notify=lambda line: None)
    with (
        patch.object(image_prior, "ImagePriorSystem", Watched),
        patch.object(previews, "STEPS", 2),
        patch.object(Watched, "at_step", at_step),
    ):
        image_prior.train(config, run)
    return Watched.last, run


def fingerprint(run: Run) -> dict[str, str]:
    """Of the saved prior's files, and of the last checkpoint's weights, averages and optimiser state; bit for bit."""
    checkpoint = torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)
    state = [
        checkpoint["state_dict"],
        checkpoint["average"],
        checkpoint["optimizer_states"],
        checkpoint["lr_schedulers"],
    ]
    files = sorted((run.folder / "prior").rglob("*.safetensors"))
    return {
        "checkpoint": hashlib.sha256(repr(digits(state)).encode()).hexdigest(),
        "prior": hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest(),
        "step": str(checkpoint["global_step"]),
    }


def digits(state: Any) -> Any:
    """A nested state with its tensors as exact text."""
    if isinstance(state, Tensor):
        return hashlib.sha256(state.contiguous().flatten().view(torch.uint8).numpy().tobytes()).hexdigest()
    if isinstance(state, dict):
        return {str(name): digits(value) for name, value in state.items()}
    return [digits(value) for value in state] if isinstance(state, list | tuple) else repr(state)


def kill(loss: Tensor) -> Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    return loss


def main(photos: Path, output: Path, kills: list[int]) -> None:
    """Trains without a stop, and for each given step with a kill there and a resume; prints all fingerprints.

    Everything runs in forked children, so that PyTorch is imported once. Run it with one OpenMP thread.
    """

    def write(name: str, resume: str = "") -> None:
        _, run = train(tiny_config(photos, output, name, resume))
        (output / f"{name}.json").write_text(json.dumps(fingerprint(run)))

    statuses = [in_child(partial(write, "whole"))]
    for step in kills:
        config = tiny_config(photos, output, f"killed_{step}")
        statuses.append(in_child(partial(train, config, (step, kill))))
        statuses.append(in_child(partial(write, config.name, "last")))
    names = ["whole", *(f"killed_{step}" for step in kills)]
    results = {name: json.loads((output / f"{name}.json").read_text()) for name in names}
    print(json.dumps({"statuses": statuses, **results}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [int(step) for step in sys.argv[3:]])
