"""Progress of long jobs: lines without a terminal, a bar on one, nothing for what is done at once."""

import io
import re

import pytest
from rich.console import Console

from gpslift.progress import JobProgress, tracked


def test_without_a_terminal_it_is_lines_with_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpslift.progress.LINE_SECONDS", 0.0)
    text = io.StringIO()
    assert list(tracked("abc", "reading", 3, Console(file=text))) == ["a", "b", "c"]
    first, _, last = text.getvalue().splitlines()
    assert re.fullmatch(r"reading 1/3  \S+/s  left \d+:\d\d", first)
    assert last.startswith("reading 3/3  ") and last.endswith("  left 0:00")


def test_speed_and_time_left_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 110.0, 130.0, 131.0])
    monkeypatch.setattr("gpslift.progress.time.monotonic", lambda: next(times))
    text = io.StringIO()
    with JobProgress("making photos", 1000, Console(file=text)) as progress:
        for done in (20, 60, 62):  # after 10, 30 and 31 seconds: one line, as the others come too soon
            progress.reach(done)
    assert text.getvalue() == "making photos 60/1000  2/s  left 7:50\n"


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpslift.progress.BAR_SECONDS", 0.0)
    text = io.StringIO()
    list(tracked(range(40), "reading", 40, Console(file=text, force_terminal=True, width=100)))
    assert "reading" in text.getvalue() and "40/40" in text.getvalue() and "left" in text.getvalue()


def test_what_is_done_at_once_shows_nothing() -> None:
    for terminal in (False, True):
        text = io.StringIO()
        list(tracked(range(3), "reading", 3, Console(file=text, force_terminal=terminal)))
        assert text.getvalue() == ""
