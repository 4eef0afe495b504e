"""What is seen of a training: metrics and trackers, progress, the summary at the end."""

import io
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gpslift.errors import UserError
from systems.metrics_file import MetricsFile
from systems.progress import StepProgress
from systems.running import show_summary
from tests.systems.leavings import logged_steps
from tests.systems.toy import STEPS, train


def test_metrics_gain_columns_and_drop_what_came_after_the_resumed_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    metrics = MetricsFile(path)
    metrics.log_metrics({"loss": 1.0}, 4)
    metrics.log_metrics({"loss": 0.5, "epoch": 0.0}, 8)
    metrics.log_metrics({"speed": 2.0}, 8)
    metrics.log_metrics({"loss": 0.25}, 12)
    metrics.save()
    assert path.read_text() == "step,loss,speed\n4,1,\n8,0.5,2\n12,0.25,\n"
    resumed = MetricsFile(path, first_step=8)
    resumed.log_metrics({"loss": 0.3}, 12)
    resumed.finalize("success")
    assert path.read_text() == "step,loss,speed\n4,1,\n8,0.5,2\n12,0.3,\n"


def test_progress_without_a_terminal_is_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("systems.progress.LINE_SECONDS", 0.0)
    text = io.StringIO()
    progress = StepProgress("toy", Console(file=text))
    monkeypatch.setattr("systems.running.StepProgress", lambda description: progress)
    train(tmp_path, "toy")
    lines = text.getvalue().splitlines()
    assert lines[0] == "toy: 20 steps"
    assert len(lines) == 1 + STEPS
    assert lines[-1].startswith("toy 20/20  ")
    assert "steps/s" in lines[-1] and "left 0:00" in lines[-1] and "loss " in lines[-1]
    assert re.search(r"memory \d+\.\d GB$", lines[-1])


def test_the_bar_shows_steps_and_figures_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    progress = StepProgress("toy", Console(file=text, force_terminal=True, width=120))
    monkeypatch.setattr("systems.running.StepProgress", lambda description: progress)
    train(tmp_path, "toy")
    assert "20/20" in text.getvalue()
    assert "loss" in text.getvalue()


def test_the_summary_says_where_everything_is(tmp_path: Path) -> None:
    _, run = train(tmp_path, "toy")
    text = io.StringIO()
    show_summary(run, {"prior": tmp_path / "prior"}, Console(file=text))
    shown = text.getvalue()
    for part in (f"prior: {tmp_path / 'prior'}", str(run.folder), "step_00000020.ckpt", "tensorboard --logdir"):
        assert part in shown


def test_metrics_go_to_no_tracker_where_none_is_named(tmp_path: Path) -> None:
    _, run = train(tmp_path, "toy", trackers=())
    assert logged_steps(run) and not (run.folder / "tensorboard").exists()
    text = io.StringIO()
    show_summary(run, {}, Console(file=text))
    assert "metrics.csv" in text.getvalue() and "tensorboard" not in text.getvalue()


def test_metrics_go_to_wandb_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    _, run = train(tmp_path, "toy", trackers=("wandb",))
    assert list(run.folder.glob("wandb/offline-run-*/*.wandb")) and logged_steps(run)


def test_a_tracker_that_is_not_installed_is_named_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="names wandb, which is not installed; pip install wandb, or leave it out"):
        train(tmp_path, "toy", trackers=("wandb",))
