"""Small helpers for files: writing in one step, full disks, and paths and folders in words."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from gpslift.errors import UserError

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space left, quota used up, and larger than the limit on one file."""
NAMED = 12
"""So many names of a folder are told."""


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
        if error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise UserError(f"{folder} is, or lies in, a file and no folder; set output= to a folder") from error
        raise


def children(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is no such folder."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def names(folder: Path) -> str:
    """What lies in a folder, or the first of it, as one line."""
    found = [path.name for path in children(folder)]
    more = [f"... ({len(found)} in all)"] if len(found) > NAMED else []
    return ", ".join([*found[:NAMED], *more]) or "nothing"


def short_path(path: Path) -> str:
    """The path from the working directory where it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
