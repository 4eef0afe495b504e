"""Finds and reads the photos of a folder, once: what they say is cached until a file's name, size or time changes."""

import hashlib
import importlib.util
import json
import os
import stat
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from gpslift.errors import UserError
from gpslift.photos.exif import PhotoMetadata, metadata_of_image
from gpslift.photos.files import key_of, made_once, read_table, write_table
from gpslift.photos.images import DECODE_ERRORS, PHOTO_SUFFIXES, difference_hash, open_image
from gpslift.progress import tracked

_THREADS_FROM_MEAN_BYTES = 150_000
_VERSION = 4  # raise with every change of what is read from a photo
_ARROW_TYPES: dict[Any, pa.DataType] = {float | None: pa.float64(), str: pa.string(), int: pa.int32()}
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("modified_ns", pa.int64()),
        ("error", pa.string()),
        ("sha256", pa.string()),
        ("dhash", pa.binary()),
    ]
    + [(field.name, _ARROW_TYPES[field.type]) for field in fields(PhotoMetadata)]
)

Entry = tuple[str, int, int]
"""Path relative to the folder (with '/'), bytes, modification time in nanoseconds (its caption's, if that is later)."""

CAPTION_BYTES = 2000


def scan_folder(folder: Path, cache: Path, megapixels_max: float, hash_all: bool = False) -> pa.Table:
    """One row a photo of `folder` and its sub-folders, ordered by path: where, size, and the fields of PhotoMetadata.

    caption: of a file photo.txt beside photo.jpg if there is one, else what the photo itself says.

    error: why a photo could not be read, '' where it could. sha256: of the file, in hexadecimal; null where unreadable.
    dhash: 16 bytes (`difference_hash`), null without position unless `hash_all`.
    The table's metadata holds "ignored", a JSON list (see `list_photos`).
    UserError if there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"data.photos: there is no folder {folder}")
    entries, ignored = list_photos(folder)
    cached = cache / "scans" / f"{_scan_key(folder, entries, megapixels_max, hash_all)}.parquet"

    def read() -> None:
        table = pa.Table.from_pylist(_read_all(folder, entries, megapixels_max, hash_all), schema=_SCHEMA)
        write_table(table.replace_schema_metadata({"ignored": json.dumps(ignored)}), cached)

    table = made_once(cached, partial(read_table, cached), read)
    return _errors_again(table, folder, entries, megapixels_max, hash_all)


def _errors_again(
    table: pa.Table, folder: Path, entries: list[Entry], megapixels_max: float, hash_all: bool
) -> pa.Table:
    """The table with the rows of photos that could not be read, read again: what was in the way may be gone."""
    rows = table.to_pylist()
    failed = [number for number, row in enumerate(rows) if row["error"]]
    for number in failed:
        rows[number] = _read_photo(folder, entries[number], megapixels_max=megapixels_max, hash_all=hash_all)
    return pa.Table.from_pylist(rows, schema=table.schema) if failed else table


def list_photos(folder: Path) -> tuple[list[Entry], list[str]]:
    """Photos by suffix, ordered by path; and what is ignored: links that lead nowhere or out of the folder, names that
    are not UTF-8, what may not be read.

    Hidden files and folders are passed over; linked folders are not entered, wherever they lead.
    """
    root, entries, ignored = folder.resolve(), [], []

    def ignore(path: str | Path) -> None:
        ignored.append(Path(path).relative_to(root).as_posix().encode(errors="replace").decode())

    for directory, folders, names in os.walk(root, onerror=lambda error: ignore(error.filename)):
        here = Path(directory)
        for name in [name for name in folders if (here / name).is_symlink()]:
            if not (here / name).resolve().is_relative_to(root):
                ignore(here / name)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.startswith(".") or os.path.splitext(name)[1].lower() not in PHOTO_SUFFIXES:
                continue
            path = here / name
            relative = path.relative_to(root).as_posix()
            if not _is_text(relative) or (path.is_symlink() and not path.resolve().is_relative_to(root)):
                ignore(path)
                continue
            try:
                status = path.stat()
            except OSError:  # a link that leads nowhere; a folder that may be listed and not entered
                ignore(path)
                continue
            if stat.S_ISREG(status.st_mode):
                changed = max(status.st_mtime_ns, _modified_ns(_caption_file(path)))
                entries.append((relative, status.st_size, changed))
    return sorted(entries), sorted(ignored)


def _caption_file(photo: Path) -> Path:
    """Where a caption may stand beside a photo, as trainers of image models are used to: photo.txt for photo.jpg."""
    return photo.with_suffix(".txt")


def _modified_ns(path: Path) -> int:
    """Modification time, 0 where there is no such file."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _caption_beside(photo: Path) -> str:
    """The caption in the file beside a photo, '' where there is none. Links out of the photo's folder do not count."""
    file = _caption_file(photo)
    if not file.is_file() or file.resolve().parent != photo.parent.resolve():
        return ""
    return " ".join(file.read_bytes()[:CAPTION_BYTES].decode("utf-8", errors="replace").split())


def _is_text(name: str) -> bool:
    return name == name.encode(errors="replace").decode()


def _scan_key(folder: Path, entries: list[Entry], megapixels_max: float, hash_all: bool) -> str:
    has_heic = any(path.lower().endswith((".heic", ".heif")) for path, _, _ in entries)
    plugin = has_heic and importlib.util.find_spec("pillow_heif") is not None
    return key_of(_VERSION, str(folder.resolve()), megapixels_max, plugin, entries, *["all"] * hash_all)


def _read_all(folder: Path, entries: list[Entry], megapixels_max: float, hash_all: bool) -> list[dict[str, Any]]:
    read = partial(_read_photo, folder, megapixels_max=megapixels_max, hash_all=hash_all)
    rows = run_over_photos(read, entries, entries, "reading photos")
    return list(rows)


def _read_photo(folder: Path, entry: Entry, megapixels_max: float, hash_all: bool) -> dict[str, Any]:
    """A row of the table. Whatever is wrong with one photo is told in its row."""
    row: dict[str, Any] = dict(zip(("path", "bytes", "modified_ns"), entry, strict=True))
    try:
        with open_image(folder / entry[0], megapixels_max) as image:
            metadata = metadata_of_image(image)
            row |= vars(metadata) | {"error": ""}
            row["caption"] = _caption_beside(folder / entry[0]) or metadata.caption
            row["dhash"] = difference_hash(image) if hash_all or metadata.latitude is not None else None
        row["sha256"] = _file_hash(folder / entry[0])
    except UserError as error:
        row["error"] = str(error)
    except DECODE_ERRORS as error:
        row["error"] = f"cannot read {folder / entry[0]}: {error or type(error).__name__}"
    return row


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_over_photos(work: Any, items: Any, entries: list[Entry], title: str) -> Iterator[Any]:
    """`work` of each item, in order, with progress where it takes long, and in threads where they pay.

    Decoding large photos leaves Python's lock alone, so threads share the work; small ones are mostly Python.
    entries: the same photos, for their sizes.
    """
    total = sum(size for _, size, _ in entries)
    threads = min(8, os.cpu_count() or 1) if entries and total / len(entries) > _THREADS_FROM_MEAN_BYTES else 1
    with _quiet(), ThreadPoolExecutor(threads) as pool:
        results = pool.map(work, items) if threads > 1 else map(work, items)
        yield from tracked(results, title, len(entries))


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of every odd tag; what matters of it is told once, in the report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield
