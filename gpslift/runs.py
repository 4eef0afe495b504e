"""The run folder: `<output>/<name>/<time>`, what lies in it, and which run to go on from. Imports no torch.

config.yaml     every key of the run; a config like any other
versions.json   one entry per start: time, command, seed, package versions, git commit
status.json     running, finished, interrupted or failed, and at which step
checkpoints/    step_00000400.ckpt and so on; the file `last` names the newest
metrics.csv, tensorboard/, previews/, samples/, export/
"""

import contextlib
import errno
import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gpslift.config import REPOSITORY, differences, load_config, resolve_path, save_config
from gpslift.errors import UserError
from gpslift.schema import RunConfig

LAST = "last"
FOLDER_PATTERN = re.compile(r"(\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2})(?:_(\d+))?")
CHECKPOINT_PATTERN = re.compile(r"step_(\d+)\.ckpt")
PACKAGES = ("torch", "pytorch-lightning", "diffusers", "transformers", "numpy", "numba", "nerfacc", "trimesh")
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space left, quota used up, and larger than the limit on one file."""


class Interrupted(Exception):
    """Training stopped because the user asked for it (Ctrl-C) and was saved; `run` is where."""

    def __init__(self, run: "Run", step: int) -> None:
        super().__init__(f"stopped after step {step}")
        self.run, self.step = run, step


@dataclass(frozen=True)
class Run:
    """One run folder. `resume_from` is the checkpoint that training goes on from, or None at a fresh start."""

    folder: Path
    resume_from: Path | None = None

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def previews(self) -> Path:
        return self.folder / "previews"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    @property
    def export(self) -> Path:
        return self.folder / "export"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.csv"

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def status(self) -> Path:
        return self.folder / "status.json"


def start_run(config: RunConfig, notify: Any = print) -> Run:
    """The run that a training works in: a new folder, or, with `config.resume`, an existing one.

    Writes config.yaml and adds to versions.json. `notify` is called with lines about what was resumed and which keys
    differ from those that the run was started with. Raises UserError for a resume that cannot be and for a full disk.
    """
    run = _resumed(config, notify) if config.resume else _created(config)
    with saving(run.folder):
        for folder in (run.checkpoints, run.previews):
            folder.mkdir(parents=True, exist_ok=True)
        save_config(replace(config, resume=""), run.config)
        _add_start(run, config)
    return run


def open_run(path: str | Path) -> Run:
    """The run in an existing folder. Raises UserError if the folder is none."""
    run = Run(resolve_path(path).absolute())
    if not run.folder.is_dir():
        raise UserError(f"no run folder {path}")
    if not run.config.is_file():
        raise UserError(f"{path} is not a run folder: it has no config.yaml; it holds {_names(run.folder)}")
    return run


def runs_of(output: str, name: str) -> list[Run]:
    """All runs of that name, oldest first."""
    parent = Path(output).expanduser() / name
    found = [(match.groups("0"), path) for path in _children(parent) if (match := FOLDER_PATTERN.fullmatch(path.name))]
    found = [(key, path) for key, path in found if (path / "config.yaml").is_file()]
    return [Run(path.absolute()) for _, path in sorted(found, key=lambda item: (item[0][0], int(item[0][1])))]


def last_run(output: str, name: str, *, with_checkpoint: bool = True) -> Run:
    """The newest run of that name (that has a checkpoint). Raises UserError if there is none."""
    runs = runs_of(output, name)
    for run in reversed(runs):
        if not with_checkpoint or checkpoints_of(run):
            return run
    parent = Path(output).expanduser() / name
    if runs:
        raise UserError(f"none of the {len(runs)} runs in {parent} has a checkpoint yet; train first, without resume=")
    others = ", ".join(path.name for path in _children(parent.parent) if runs_of(output, path.name)) or "none at all"
    raise UserError(f"no run named '{name}' in {parent.parent} (runs there: {others}); --train makes one")


def checkpoints_of(run: Run) -> list[Path]:
    """Its checkpoints, oldest first: by step, but the one that the pointer `last` names comes last."""
    found = [(int(match[1]), path) for path in _children(run.checkpoints) if (match := _checkpoint(path))]
    pointer = run.checkpoints / LAST
    newest = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
    return [path for _, path in sorted(found, key=lambda item: (item[1].name == newest, item[0]))]


def last_checkpoint(run: Run) -> Path:
    """The newest checkpoint of a run. Raises UserError if it has none, or if that one is damaged."""
    paths = checkpoints_of(run)
    if not paths:
        raise UserError(f"{run.folder} has no checkpoint; train it first")
    check_checkpoint(paths[-1])
    return paths[-1]


def is_whole(path: Path) -> bool:
    """Whether a checkpoint (a zip archive) can be read to its end and all its checksums are right."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError):
        return False


def check_checkpoint(path: Path) -> None:
    """Raises UserError if the checkpoint is missing or damaged, and names an earlier one that is whole."""
    if not path.is_file():
        raise UserError(f"no checkpoint {path}; {path.parent} holds {_names(path.parent)}")
    if is_whole(path):
        return
    run = Run(path.parent.parent)
    whole = [other for other in checkpoints_of(run) if other != path and is_whole(other)]
    remedy = (
        f"go on from an earlier one with resume={_short(whole[-1])}" if whole else "no other one is whole: start anew"
    )
    raise UserError(f"checkpoint {_short(path)} is damaged (cut short or overwritten); {remedy}")


def write_status(run: Run, state: str, step: int, steps: int, message: str = "") -> None:
    """Writes status.json: `state` is running, finished, interrupted or failed; `step` of `steps` are done."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    status = {"state": state, "step": step, "steps": steps, "message": message, "time": now}
    with saving(run.folder):
        replace_text(run.status, json.dumps(status, indent=1))


def replace_text(path: Path, text: str) -> None:
    """Writes a small file so that, whatever happens, either the old or the new text is there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


@contextlib.contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turns a full disk or a folder that may not be written into a UserError that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            raise UserError(f"the disk is full: {folder} cannot be written; free some space, or set output=") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"{folder} may not be written to; set output= to a folder of yours") from error
        raise


def go_on_command(run: Run, arguments: list[str] | None = None) -> str:
    """The shell command that goes on with a run: the command line of now (`sys.argv`) with another `resume=`."""
    script, *given = sys.argv if arguments is None else arguments
    kept = [argument for argument in given if not argument.startswith("resume=")]
    return shlex.join(["python", script, *kept, f"resume={_short(run.folder)}"])


def _created(config: RunConfig) -> Run:
    parent = Path(config.output).expanduser() / config.name
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    with saving(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            folder = parent / (now if number == 1 else f"{now}_{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return Run(folder.absolute())
    raise UserError(f"{parent} has a thousand runs of this second")


def _resumed(config: RunConfig, notify: Any) -> Run:
    if config.resume == LAST:
        run = last_run(config.output, config.name)
        checkpoint = _newest_whole(run, notify)
    else:
        path = resolve_path(config.resume)
        run = open_run(path.parent.parent if path.suffix == ".ckpt" else path)
        checkpoint = path.absolute() if path.suffix == ".ckpt" else last_checkpoint(run)
        check_checkpoint(checkpoint)
    before = load_config(run.config)
    if before.system != config.system:
        raise UserError(f"{_short(run.folder)} is a run of system={before.system}, this config is {config.system}")
    for line in differences(before, replace(config, resume="")):
        notify(f"warning: unlike the run so far: {line}")
    notify(f"going on from {_short(checkpoint)}")
    return replace(run, resume_from=checkpoint)


def _newest_whole(run: Run, notify: Any) -> Path:
    paths = checkpoints_of(run)
    for path in reversed(paths):
        if is_whole(path):
            return path
        notify(f"warning: checkpoint {_short(path)} is damaged (cut short or overwritten); trying an earlier one")
    raise UserError(f"every checkpoint of {_short(run.folder)} is damaged; start anew, without resume=")


def _add_start(run: Run, config: RunConfig) -> None:
    path = run.folder / "versions.json"
    starts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    starts.append(
        {
            "time": datetime.now().astimezone().isoformat(timespec="seconds"),
            "command": shlex.join(sys.argv),
            "resumed_from": run.resume_from.name if run.resume_from else "",
            "seed": config.seed,
            "git_commit": _git_commit(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {name: version for name in PACKAGES if (version := _version(name))},
        }
    )
    replace_text(path, json.dumps(starts, indent=1))


def _git_commit() -> str:
    """The repository's commit, with '+' if files differ from it; '' without git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _checkpoint(path: Path) -> re.Match[str] | None:
    return CHECKPOINT_PATTERN.fullmatch(path.name)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _names(folder: Path) -> str:
    return ", ".join(path.name for path in _children(folder)) or "nothing"


def _short(path: Path) -> str:
    """The path from the working directory where it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
