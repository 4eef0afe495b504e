"""How far a long job has come: a bar with speed and time left on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from gpslift.wording import clock

LINE_SECONDS = 20.0
"""Seconds between two lines where there is no terminal."""
BAR_SECONDS = 1.0
"""What is done sooner shows no bar."""

Item = TypeVar("Item")


class JobProgress:
    """How many of `total` things are done.

    with JobProgress("making photos", 20000) as progress:
        progress.reach(300)
    """

    def __init__(self, title: str, total: int, console: Console | None = None) -> None:
        self.title, self.total = title, total
        self.console = console or Console()
        self._bar: Progress | None = None
        self._task: Any = None
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reach(self, done: int) -> None:
        """Shows that so many are done."""
        now = time.monotonic()
        speed = done / max(now - self._started, 1e-9)
        if self.console.is_terminal:
            if self._bar is None and now - self._started >= BAR_SECONDS:
                self._start_bar()
            if self._bar is not None:
                self._bar.update(self._task, completed=done, speed=speed)
        elif now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            left = clock((self.total - done) / max(speed, 1e-9))
            line = f"{self.title} {done}/{self.total}  {speed:.3g}/s  left {left}"
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _start_bar(self) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), _Speed())
        self._bar = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=self.console, transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self.title, total=self.total, speed=0.0)


def tracked(items: Iterable[Item], title: str, total: int, console: Console | None = None) -> Iterator[Item]:
    """The `total` items one by one, each counted as done when the next is asked for."""
    with JobProgress(title, total, console) as progress:
        for done, item in enumerate(items, start=1):
            yield item
            progress.reach(done)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['speed']:.3g}/s")
