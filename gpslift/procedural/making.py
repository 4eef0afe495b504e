"""Making a folder of photos: on all cores, the same whatever their number, and either whole or not there."""

import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from gpslift.photos.files import made_once
from gpslift.progress import JobProgress

_UNFINISHED = "making-"
_ABANDONED_SECONDS = 3600.0

Record = dict[str, Any]
"""What is true of one photo, as JSON has it; `file` is the photo's name."""


def ensure_folder(folder: Path, make: Callable[[Path], None]) -> None:
    """Has `make` fill a work folder and gives it the name `folder` when it is whole; nothing if that is there.

    Of several processes one makes it, the others wait. Raises UserError where it cannot be written.
    """

    def make_whole() -> None:
        _remove_abandoned(folder.parent)
        work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
        try:
            make(work)
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    made_once(folder, lambda: folder if folder.is_dir() else None, make_whole)


def _remove_abandoned(parent: Path) -> None:
    """Removes what a killed process left behind: unfinished folders that have not grown for an hour."""
    for folder in parent.glob(f"{_UNFINISHED}*"):
        changed = max(path.stat().st_mtime for path in [folder, *folder.glob("photos")])
        if time.time() - changed > _ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def fill_folder(
    folder: Path, photos: int, work: Callable[[range], list[Record]], outings: int, at_once: int, truth: str
) -> None:
    """`photos` photos into `folder`/photos and what is true of them into `folder`/truth/`truth`.

    work: takes the photos of a range of outings into `folder`/photos and returns their records, in order of file name;
    it must be picklable. outings: enough to give `photos` photos. at_once: outings a task.
    """
    (folder / "photos").mkdir()
    (folder / "truth").mkdir()
    tasks = [range(start, min(start + at_once, outings)) for start in range(0, outings, at_once)]
    records: list[Record] = []
    with JobProgress("making photos", photos) as progress:
        for taken in _in_order(work, tasks):
            records += taken
            progress.reach(min(len(records), photos))
            if len(records) >= photos:
                break
    for surplus in sorted((folder / "photos").glob("*.jpg"))[photos:]:
        surplus.unlink()
    (folder / "truth" / truth).write_text(json.dumps(records[:photos]))


def _in_order(work: Callable[[range], list[Record]], tasks: list[range]) -> Iterator[list[Record]]:
    """What `work` gives for each task, in order; in processes where there are cores for them.

    When the caller has enough, tasks not yet begun are dropped and those at work are waited for.
    """
    workers = min(usable_cores(), len(tasks))
    if workers == 1:
        yield from map(work, tasks)
        return
    # spawn: a fork of a process whose torch threads are running can hang
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(work, tasks)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def usable_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
