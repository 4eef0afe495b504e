"""Cache files that are either whole or not there: written beside their place, then moved into it."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gpslift.errors import UserError


def key_of(*parts: Any) -> str:
    """A file name that changes with any of the parts, which are what JSON can hold."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, moved to `path` if the block ends well and removed if not, whatever kills the block.

    UserError if the disk is full or the folder cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error} (data.cache sets where it goes)") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


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
