"""The checkpoint files of a run: which there are, which is the newest, and whether it can be read. Imports no torch."""

import math
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from gpslift.errors import UserError
from gpslift.storage import children, names, short_path

CHECKPOINT_PATTERN = re.compile(r"step_(\d+)\.ckpt")
LAST = "last"
"""The file in the checkpoints' folder that names the newest."""


def checkpoints_of(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first: by step, but the one that the pointer `last` names comes last.

    Those of later steps than that one are of a course that was given up, and come first.
    """
    found = {path: CHECKPOINT_PATTERN.fullmatch(path.name) for path in children(folder)}
    steps = {path: int(match[1]) for path, match in found.items() if match}
    pointer = folder / LAST
    newest = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
    last = steps.get(folder / newest, math.inf)
    return sorted(steps, key=lambda path: (steps[path] <= last, steps[path]))


def last_checkpoint(folder: Path) -> Path:
    """The newest checkpoint in a folder. Raises UserError if there is none, or if that one is damaged."""
    paths = checkpoints_of(folder)
    if not paths:
        raise UserError(f"{short_path(folder)} holds no checkpoint; train first")
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
        raise UserError(f"no checkpoint {path}; {path.parent} holds {names(path.parent)}")
    if is_whole(path):
        return
    whole = [other for other in checkpoints_of(path.parent) if other != path and is_whole(other)]
    remedy = (
        f"go on from an earlier one with resume={short_path(whole[-1])}"
        if whole
        else "no other one is whole: start anew"
    )
    raise UserError(f"checkpoint {short_path(path)} is damaged (cut short or overwritten); {remedy}")


def newest_whole(folder: Path, notify: Callable[[str], object]) -> Path:
    """The newest checkpoint that can be read; `notify` is told of each damaged one. Raises UserError if none can."""
    paths = checkpoints_of(folder)
    for path in reversed(paths):
        if is_whole(path):
            return path
        notify(f"warning: checkpoint {short_path(path)} is damaged (cut short or overwritten); trying an earlier one")
    raise UserError(f"every checkpoint in {short_path(folder)} is damaged; start anew, without resume=")
