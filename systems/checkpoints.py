"""Checkpoints that survive a kill and a full disk: written beside the old ones, put in place in one step.

A checkpoint is saved between two steps, after every hook of the step before, so that the weights, their moving average
and every counter belong to the same step. It holds plain types only and is read with `weights_only`.
"""

import os
import pickle
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import CheckpointIO

from gpslift.checkpoint_files import LAST, check_checkpoint, checkpoints_of
from gpslift.errors import UserError
from gpslift.runs import Run
from gpslift.storage import replace_text, saving


class AtomicCheckpointIO(CheckpointIO):
    """Writes to a temporary file in the same folder, then renames it; refuses to read what is damaged."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Either the whole checkpoint is at `path` afterwards, or what was there before and a UserError."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with saving(target.parent):
                _write(checkpoint, beside)
                os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = None) -> dict[str, Any]:
        """Reads a checkpoint of plain types. Raises UserError if it is missing, damaged, or holds anything else."""
        check_checkpoint(Path(path))
        try:
            return torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError) as error:
            raise UserError(f"checkpoint {path} was not written by this program: {error}") from error

    def remove_checkpoint(self, path: Any) -> None:
        """Removes a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


class StepCheckpoints(Checkpoint):
    """Saves every `every` optimiser steps, at the end, when stopped and on an error; keeps the newest `kept`.

    `last_good` is the newest checkpoint, or None. Nothing is saved after an error that says that the weights are
    worthless or cannot be written (a UserError: a loss that is not finite, a full disk), after a second Ctrl-C, nor
    inside an optimiser step or between its micro-batches. A checkpoint saved on any other error may hold parts of the
    step that failed.
    """

    def __init__(self, run: Run, every: int, kept: int) -> None:
        super().__init__()
        self.run, self.every, self.kept = run, every, kept
        self.last_good = run.resume_from
        self._saved_step = -1
        self._between_steps = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved_step, self._between_steps = trainer.global_step, True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every == 0:
            self.save(trainer)

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        self._between_steps = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._between_steps = not trainer.fit_loop._should_accumulate()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.save(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        # saving is a call of all processes together, and the others may not have failed: they would wait for ever
        alone = trainer.world_size == 1
        if alone and self._between_steps and not isinstance(exception, UserError | KeyboardInterrupt):
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Saves the present step, once; then drops the oldest checkpoints beyond the number to keep."""
        step = trainer.global_step
        if step == self._saved_step:
            return
        path = self.run.checkpoints / f"step_{step:08d}.ckpt"
        trainer.save_checkpoint(path)
        self._saved_step, self.last_good = step, path
        if not trainer.is_global_zero:
            return
        with saving(self.run.checkpoints):
            replace_text(self.run.checkpoints / LAST, path.name)
        for old in checkpoints_of(self.run.checkpoints)[: -self.kept]:
            old.unlink(missing_ok=True)


class _Writer:
    """A binary file that remembers the error of a failed write, which torch reports as something else."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """All of the data: one call of the system may take less (Linux takes 2 GiB at most), and torch asks no more."""
        left = memoryview(data).cast("B")
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:
            self.error = error
            raise
        return memoryview(data).nbytes

    def flush(self) -> None:
        self.file.flush()


def _write(checkpoint: dict[str, Any], path: Path) -> None:
    """Writes the file and waits until it is on the disk. Raises OSError where that fails."""
    with open(path, "wb", buffering=0) as file:
        writer = _Writer(file)
        try:
            torch.save(checkpoint, cast(BinaryIO, writer))
        except RuntimeError as error:
            if writer.error is not None:
                raise writer.error from error
            raise
        os.fsync(file.fileno())
