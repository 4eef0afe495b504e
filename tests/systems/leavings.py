"""What a program of tiny trainings, some killed and resumed, leaves behind, and how it is compared."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import REPOSITORY
from gpslift.runs import Run, runs_of


@dataclass(frozen=True)
class Leavings:
    """Runs in a folder, and what `os.wait` said of the processes that made them."""

    output: Path
    statuses: dict[str, int]

    @property
    def prior(self) -> Path:
        return self.output / "prior"

    def run(self, name: str) -> Run:
        return only_run(self.output, name)


def leavings_of(program: str, output: Path) -> Leavings:
    """Runs a module that takes a folder, and prints the wait statuses of its children as its last line."""
    done = subprocess.run(
        [sys.executable, "-m", program, str(output)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return Leavings(output, json.loads(done.stdout.splitlines()[-1]))


def only_run(output: Path, name: str) -> Run:
    (run,) = runs_of(str(output), name)
    return run


def saved(run: Run) -> dict[str, Any]:
    """A run's last checkpoint."""
    return torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)


def assert_equal(found: Any, expected: Any, where: str = "checkpoint") -> None:
    """Whether two checkpoints are the same to the last bit."""
    assert type(found) is type(expected), where
    if isinstance(expected, Tensor):
        assert torch.equal(found, expected), where
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_equal(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            assert_equal(found[index], value, f"{where}[{index}]")
    else:
        assert found == expected, where


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that bad input prints."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def rows_of(run: Run) -> list[dict[str, str]]:
    """The rows of the run's metrics."""
    with open(run.metrics, newline="") as file:
        return list(csv.DictReader(file))


def logged_steps(run: Run) -> list[int]:
    """The steps that have one."""
    return [int(row["step"]) for row in rows_of(run)]
