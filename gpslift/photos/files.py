"""Cache files that are either whole or not there: written beside their place by one process, then moved into it."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from gpslift.errors import UserError
from gpslift.ranks import is_first_process

T = TypeVar("T")


def key_of(*parts: Any) -> str:
    """A file name that changes with any of the parts, which are what JSON can hold."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def made_once(path: Path, find: Callable[[], T | None], make: Callable[[], None]) -> T:
    """What `find` finds at `path`, or does once `make` has made it; of several processes one makes it, the others wait.

    Raises UserError where the folder cannot be written, and where what was made is not found.
    """
    found = find()
    if found is None:
        with _writing(path), _lock(path):
            found = find()
            if found is None:
                make()
                found = find()
    if found is None:
        raise UserError(f"cannot read back {path}: the disk that holds data.cache seems damaged or full")
    return found


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Held by one process at a time, the one that makes `path`; who waits is told what for."""
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        if is_first_process():
            print(f"waiting for another process, which is making {path}")
        lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            file.unlink()  # who waits for it looks for `path` again
        lock.release()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, moved to `path` if the block ends well and removed if not, whatever kills the block.

    UserError if the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    with _writing(path):
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Makes the folder that `path` goes to, and has a UserError say why it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error} (data.cache sets where it goes)") from error


def write_table(table: pa.Table, path: Path) -> None:
    """Saves a table as parquet."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary)


def read_table(path: Path) -> pa.Table | None:
    """A cached table, or None if there is none or if it is damaged."""
    try:
        return pq.read_table(path, partitioning=None) if path.is_file() else None
    except (OSError, pa.ArrowException):
        return None
