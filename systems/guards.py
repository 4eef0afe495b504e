"""What watches over a training: numbers that stay finite, and a Ctrl-C that waits for the end of the step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gpslift.errors import UserError
from gpslift.storage import short_path
from systems.checkpoints import StepCheckpoints
from systems.sharding import whole

SCALINGS = 20
"""Times that the loss scaler of fp16 may halve its scale, from 2^16, before that is not what is wrong."""


class FiniteGuard(pl.Callback):
    """Leaves out steps with a loss or gradient that is not a finite number, before it reaches the weights.

    How many were left out is logged as `skipped`, and kept in checkpoints. After more than `allowed` in a row it stops
    the training. In fp16 the loss scaler leaves out steps with such gradients, some of them on purpose, until its scale
    fits: those are not counted as skipped, and may be SCALINGS more in a row. Of several processes all leave out a step
    that one of them has to.
    """

    def __init__(self, checkpoints: StepCheckpoints, learning_rate: float, allowed: int) -> None:
        self.checkpoints, self.learning_rate, self.allowed = checkpoints, learning_rate, allowed
        self.skipped = self.in_a_row = 0
        self._bad_loss = ""

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        if not torch.isfinite(loss.detach()).all():
            self._bad_loss = f"the loss is {loss.detach().flatten()[0].item()}"

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        # looked at whatever the loss: it is a call of all processes together where they share the weights
        gradient = self._bad_gradient(pl_module, optimizer)
        problem, loss_is_bad, self._bad_loss = self._bad_loss or gradient, bool(self._bad_loss), ""
        bad = bool(problem)
        if trainer.world_size > 1:
            bad, loss_is_bad = (trainer.strategy.reduce_boolean_decision(one, all=False) for one in (bad, loss_is_bad))
        if not bad:
            self.in_a_row = 0
            return
        self.in_a_row += 1
        by_scaler = trainer.precision == "16-mixed" and not loss_is_bad
        if self.in_a_row > self.allowed + (SCALINGS if by_scaler else 0):
            raise UserError(self._message(trainer, problem or "another process had a number that is not finite"))
        if by_scaler:
            return
        self.skipped += 1
        optimizer.zero_grad(set_to_none=True)  # an optimiser leaves alone what has no gradient
        pl_module.log("skipped", float(self.skipped), prog_bar=True)

    def state_dict(self) -> dict[str, Any]:
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.skipped, self.in_a_row = state_dict["skipped"], state_dict["in_a_row"]

    def _bad_gradient(self, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer) -> str:
        """What is wrong with the gradients; '' if nothing is."""
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if torch.isfinite(whole(torch.nn.utils.get_total_norm(gradients))):
            return ""
        named = ((name, p.grad) for name, p in pl_module.named_parameters() if p.grad is not None)
        bad = [name for name, part in named if not whole(part).isfinite().all()]
        where = f"of {bad[0]}" + (f" and {len(bad) - 1} more" if len(bad) > 1 else "") if bad else "(too large)"
        return f"the gradient {where} is not finite"

    def _message(self, trainer: pl.Trainer, what: str) -> str:
        remedy = f"lower optim.lr (now {self.learning_rate:g}) or set optim.gradient_clip=1"
        if trainer.precision in ("16-mixed", "bf16-mixed"):
            remedy += ", or precision=32"
        if self.allowed:
            what += f", after {self.allowed} such steps in a row that were left out (skipped_steps)"
        good = self.checkpoints.last_good
        start = f"the last good checkpoint is resume={short_path(good)}" if good else "no checkpoint had been saved yet"
        if not trainer.is_global_zero:
            start = "the first process says where the last good checkpoint is"
        return f"step {trainer.global_step + 1}: {what}; {remedy}; {start}"


class StopAfterStep(pl.Callback):
    """Ends the training, in good order, after the step in which Ctrl-C was pressed, or SIGTERM came."""

    def __init__(self) -> None:
        self.requested = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning's handler of it stops between micro-batches, where nothing can be saved, and has several processes
        # wait for each other in the middle of a step, for ever; after the training it puts back what was before it
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._request)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.fit_loop._should_accumulate():
            return
        if trainer.world_size > 1:  # all processes stop after the same step, whichever heard of it
            self.requested = trainer.strategy.reduce_boolean_decision(self.requested, all=False)
        if self.requested:
            trainer.should_stop = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within it, the first Ctrl-C is a request, and a second one stops at once, without saving.

        Does nothing outside the main thread, where signals cannot be caught.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._request)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            if number == signal.SIGTERM:  # starters send it to a process and to its group
                return
            raise KeyboardInterrupt
        self.requested = True
        print("\nstopping after this step and saving (Ctrl-C again stops at once, without saving)", flush=True)
