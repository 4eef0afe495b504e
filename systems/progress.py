"""The progress of a training: step, speed, time left and the main figures; plain lines where there is no terminal."""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from gpslift.progress import LINE_SECONDS
from gpslift.wording import clock, counted
from systems.memory import peak_memory_gb


class StepProgress(ProgressBar):
    """Shows `step / steps`, steps a second, time spent, time left, and what the system logs with `prog_bar=True`."""

    def __init__(self, description: str, console: Console | None = None) -> None:
        super().__init__()
        self.description = description
        self.console = console or Console()
        self._bar: Progress | None = None
        self._task: Any = None
        self._first_step = 0
        self._started = self._last_line = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._first_step, self._started = trainer.global_step, time.monotonic()
        self._last_line = self._started
        if self.console.is_terminal:
            self._bar = _bar(self.console)
            self._bar.start()
            self._task = self._bar.add_task(self.description, total=trainer.max_steps, speed=0.0, figures="")
        else:
            self.console.print(f"{self.description}: {counted(trainer.max_steps, 'step')}", highlight=False)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        speed = (trainer.global_step - self._first_step) / max(now - self._started, 1e-9)
        if self._bar is not None:
            figures = self.figures(trainer, pl_module)
            self._bar.update(self._task, completed=trainer.global_step, speed=speed, figures=figures)
        elif now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            self.console.print(self.line(trainer, pl_module, speed), highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._close()

    def figures(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> str:
        """The main figures, and the most memory that was taken: 'loss 0.0123  level 2  memory 1.4 GB'."""
        metrics = self.get_metrics(trainer, pl_module)
        pairs = ((name, value) for name, value in metrics.items() if name != "v_num")
        shown = [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in pairs]
        return "  ".join([*shown, f"memory {peak_memory_gb(pl_module.device):.1f} GB"])

    def line(self, trainer: pl.Trainer, pl_module: pl.LightningModule, speed: float) -> str:
        """One line for a log file: 'lift 400/2400  5.1 steps/s  left 6:32  loss 0.0123'."""
        left = (trainer.max_steps - trainer.global_step) / max(speed, 1e-9)
        return (
            f"{self.description} {trainer.global_step}/{trainer.max_steps}  {speed:.3g} steps/s  "
            f"left {clock(left)}  {self.figures(trainer, pl_module)}"
        )

    def disable(self) -> None:
        """Shows nothing from now on (Lightning calls it on all ranks but the first)."""
        self.console = Console(quiet=True)

    def enable(self) -> None:
        """Shows the bar again."""
        self.console = Console()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.fields["speed"]
        return Text(f"{speed:.3g} steps/s" if speed >= 1 or speed == 0 else f"{1 / speed:.3g} s/step")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        _Speed(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=console,
        refresh_per_second=4,
    )
