"""What both systems share: the trainer, fitting with resume, and the summary at the end.

    prepare(config)                                     # systems.devices: before a model is made
    trainer = make_trainer(config, run, max_steps=...)
    fit(trainer, system, datamodule_or_None, run)       # goes on from run.resume_from, where that is set
    show_summary(run, {"prior": folder})

A system draws its randomness from (seed, step) and reads its data by step. Then a training that was killed and resumed
ends in the same weights, bit for bit on the CPU with the same number of threads, as one never stopped.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.strategies import DDPStrategy, Strategy
from pytorch_lightning.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from gpslift.checkpoint_files import CHECKPOINT_PATTERN, checkpoints_of
from gpslift.errors import UserError
from gpslift.ranks import is_first_process
from gpslift.runs import Interrupted, Run, record_start, write_status
from gpslift.schema.run import RunConfig
from systems.checkpoints import AtomicCheckpointIO, StepCheckpoints
from systems.devices import choose_device, choose_devices, choose_precision
from systems.guards import FiniteGuard, StopAfterStep
from systems.loggers import make_loggers
from systems.memory import is_out_of_memory, out_of_memory
from systems.progress import StepProgress
from systems.rates import ConfiguredRates
from systems.sharding import ShardedStrategy


class Steps:
    """The data loader of a system without data: yields 0 for ever. What a step does follows from its number."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 0


def make_trainer(
    config: RunConfig,
    run: Run,
    *,
    max_steps: int,
    learning_rate: float,
    description: str = "",
    callbacks: Sequence[pl.Callback] = (),
    accumulate: int = 1,
    gradient_clip: float = 0.0,
    shares: int = 1,
) -> pl.Trainer:
    """A trainer with checkpoints, progress bar, metrics, finite checks and an orderly Ctrl-C.

    learning_rate: named in the remedy when losses are not finite. accumulate: micro-batches per step. gradient_clip:
    largest norm, 0 = never. shares: into how many equal parts a step's batch can be cut; 1: the system knows of one
    process only.
    """
    checkpoints = StepCheckpoints(run, config.log.checkpoint_every_steps, config.log.checkpoints_kept)
    watchers = [
        FiniteGuard(checkpoints, learning_rate, config.skipped_steps),
        ConfiguredRates(),
        StopAfterStep(),
        _RecordsResume(run, config),
        _StepNumbers(),
        StepProgress(description or config.name),
    ]
    devices = choose_devices(config, shares)
    return pl.Trainer(
        accelerator="gpu" if choose_device(config).type == "cuda" else "cpu",
        devices=devices,
        num_nodes=config.nodes,
        strategy=_strategy(config, devices),
        precision=choose_precision(config),  # type: ignore[arg-type]
        max_epochs=-1,
        max_steps=max_steps,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=gradient_clip or None,
        logger=make_loggers(config, run, _step_of(run)),
        log_every_n_steps=config.log.every_steps,
        callbacks=[*callbacks, *watchers, checkpoints],
        plugins=[AtomicCheckpointIO()],
        default_root_dir=run.folder,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def fit(
    trainer: pl.Trainer,
    system: pl.LightningModule,
    datamodule: pl.LightningDataModule | None,
    run: Run,
    remedies: str = "lower optim.batch_size, or the sizes of images and model",
) -> None:
    """Trains to the trainer's `max_steps`, from `run.resume_from` on where that is set; keeps status.json.

    Raises Interrupted after Ctrl-C or SIGTERM (a checkpoint is saved), and UserError for a loss that is not finite, too
    little memory, a full disk, or a checkpoint of another model. remedies: what to do about too little memory.
    """
    stop = next(callback for callback in trainer.callbacks if isinstance(callback, StopAfterStep))  # type: ignore[attr-defined]
    resume = str(run.resume_from) if run.resume_from else None
    write_status(run, "running", _step_of(run), trainer.max_steps)
    _say_if_done(run, trainer.max_steps)
    try:
        with stop.listening():
            trainer.fit(system, datamodule=datamodule, ckpt_path=resume, weights_only=True)
    except SIGTERMException:
        stop.requested = True
    except (SystemExit, KeyboardInterrupt):  # Lightning turns a second Ctrl-C into an exit
        write_status(run, "interrupted", _last_step(run), trainer.max_steps)
        raise KeyboardInterrupt from None
    except Exception as error:
        write_status(run, "failed", _last_step(run), trainer.max_steps, str(error))
        _end_others(trainer)
        if is_out_of_memory(error):
            raise out_of_memory(error, remedies) from error
        advice = _advice(error, system)
        raise (UserError(advice) if advice else error) from error
    if stop.requested and trainer.global_step < trainer.max_steps:
        write_status(run, "interrupted", trainer.global_step, trainer.max_steps)
        raise Interrupted(run, trainer.global_step)
    write_status(run, "finished", trainer.global_step, trainer.max_steps)


def show_summary(run: Run, results: Mapping[str, object], console: Console | None = None) -> None:
    """Prints where everything is: the results first, then the run folder's own parts."""
    checkpoints = checkpoints_of(run.checkpoints)
    rows = dict(results) | {
        "run folder": run.folder,
        "checkpoint": checkpoints[-1] if checkpoints else "none",
        "metrics": _metrics_of(run),
        "previews": run.previews,
    }
    table = Table.grid(padding=(0, 2))
    for label, value in rows.items():
        table.add_row(label, str(value))
    console = console or Console()
    if console.is_terminal:
        console.print(Panel(table, title="done", expand=False))
        return
    for label, value in rows.items():
        console.print(f"{label}: {value}", highlight=False, markup=False, soft_wrap=True)


def _metrics_of(run: Run) -> str:
    board = run.folder / "tensorboard"
    return f"{run.metrics}, or: tensorboard --logdir {board}" if board.is_dir() else str(run.metrics)


def _strategy(config: RunConfig, devices: int) -> Strategy | str:
    """How the processes of a training work together. Gradients lie in DDP's buckets and nowhere else."""
    if config.strategy == "fsdp":
        return ShardedStrategy()
    if config.strategy == "ddp" or devices * config.nodes > 1:
        return DDPStrategy(gradient_as_bucket_view=True)
    return "auto"


class _RecordsResume(pl.Callback):
    """Records that a run goes on, once its checkpoint is loaded: one that does not fit leaves config.yaml as it was."""

    def __init__(self, run: Run, config: RunConfig) -> None:
        self.run, self.config = run, config

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.run.resume_from is not None:
            record_start(self.run, self.config)


class _StepNumbers(pl.Callback):
    """Has rows of metrics fall on the same steps after a resume, and carry the number of optimiser steps done.

    Lightning numbers them from 0, and counts one step too many after a resume from a checkpoint made between steps.
    """

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        pl_module.log("step", float(trainer.global_step))


def _step_of(run: Run) -> int:
    """The step that the run goes on from; 0 at a fresh start."""
    match = CHECKPOINT_PATTERN.fullmatch(run.resume_from.name) if run.resume_from else None
    return int(match[1]) if match else 0


def _say_if_done(run: Run, steps: int) -> None:
    """A run that is resumed at its end has nothing to train: no error, as what comes after may not have been saved."""
    if _step_of(run) >= steps and is_first_process():
        print(
            f"nothing to train: this run is at step {_step_of(run)} already, and optim.steps is {steps}; raise "
            "optim.steps to go on, or use the run as it is: 'next' below says how"
        )


def _end_others(trainer: pl.Trainer) -> None:
    """Ends the processes that Lightning has started beside this one.

    It leaves them where they are when this one fails: waiting for it in a call of all of them, for half an hour, on
    their GPUs. Those that torchrun or a cluster has started are ended by these.
    """
    if trainer.world_size > 1 and trainer.strategy.launcher is not None:
        trainer.strategy.launcher.kill(signal.SIGKILL)


def _last_step(run: Run) -> int:
    checkpoints = checkpoints_of(run.checkpoints)
    return _step_of(Run(run.folder, checkpoints[-1])) if checkpoints else 0


def _advice(error: Exception, system: pl.LightningModule) -> str:
    """What to tell the user about an error of torch; '' where it is none that we know a remedy for."""
    text = str(error)
    if "loading state_dict" in text:
        name = type(system).__name__
        return f"the checkpoint does not fit this config's {name}; undo the changes to it, or start anew: {text[:300]}"
    return ""
