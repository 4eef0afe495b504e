"""Where the time of a lifting step goes; `python -m benchmarks.lifting --profile` makes the table."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch

from gpslift.geo.landmarks import load_landmark
from gpslift.runs import start_run
from gpslift.schema.lift import LiftConfig
from systems.devices import prepare
from systems.distillation import load_prior_and_cameras
from systems.lift import LiftSystem
from systems.running import fit, make_trainer

PARTS = ("prior", "render, forward", "render, backward", "occupancy grid")


class StepClock(pl.Callback):
    """Adds up the seconds of each part over all steps but the first, in which kernels are compiled."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self.steps = 0
        self._started: dict[str, float] = {}

    def start(self, part: str) -> None:
        """A part begins."""
        self._started[part] = self._now()

    def stop(self, part: str) -> None:
        """It ends."""
        self.seconds[part] += self._now() - self._started[part]

    def timing(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed as that part."""

        def timed(*arguments: Any, **keywords: Any) -> Any:
            self.start(part)
            result = function(*arguments, **keywords)
            self.stop(part)
            return result

        return timed

    def on_train_batch_start(self, *_: Any) -> None:
        self.start("step")

    def on_before_backward(self, *_: Any) -> None:
        self.start("render, backward")

    def on_after_backward(self, *_: Any) -> None:
        self.stop("render, backward")

    def on_train_batch_end(self, *_: Any) -> None:
        self.stop("step")
        self.steps += 1
        if self.steps == 1:
            self.seconds.clear()

    def rows(self) -> list[list[str]]:
        """Rows of the table: part, seconds a step, share."""
        whole = self.seconds["step"]
        parts = {part: self.seconds[part] for part in PARTS}
        parts["rest: cameras, losses, optimiser, logging"] = whole - sum(parts.values())
        parts["whole step"] = whole
        return [
            [part, f"{seconds / (self.steps - 1):.4f}", f"{100 * seconds / whole:.0f} %"]
            for part, seconds in parts.items()
        ]

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def profile_lift(config: LiftConfig) -> list[list[str]]:
    """Lifts as the config says and returns the rows of the table. At least two steps are needed."""
    device = prepare(config)
    landmark, run = load_landmark(config.landmark), start_run(config)
    prior, cameras = load_prior_and_cameras(config, landmark, device)
    system, clock = LiftSystem(config, landmark, prior, cameras, run.previews), StepClock(device)
    prior.guidance_branches = clock.timing("prior", prior.guidance_branches)  # type: ignore[method-assign]
    prior.guided_noise = clock.timing("prior", prior.guided_noise)  # type: ignore[method-assign]
    renderer = system.renderer
    renderer.forward = clock.timing("render, forward", renderer.forward)  # type: ignore[method-assign]
    renderer.update = clock.timing("occupancy grid", renderer.update)  # type: ignore[method-assign]
    steps, rate = config.optim.steps, config.optim.lr
    fit(make_trainer(config, run, max_steps=steps, learning_rate=rate, callbacks=[clock]), system, None, run)
    return clock.rows()
