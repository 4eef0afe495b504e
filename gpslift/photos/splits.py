"""The three parts of the photos: for the generator, for the judges of its pictures, for the test.

Round a landmark, photos that one person took on one day within one cell of 10 m are a group, in a city those of one
block; so are those of a burst that crosses a border: twins never part. A group's part follows from a hash of its name,
so that it depends neither on the order of the files nor (but for a few groups that are moved so that every side is in
every part) on the other photos.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from gpslift.geo.azimuth_bins import azimuth_bins

PARTS = ("generator", "judges", "test")
CELL_M = 10.0
BLOCK_M = 300.0
BURST_SECONDS = 60.0


@dataclass(frozen=True)
class Shot:
    """What decides a photo's group. who: author, else camera, or ''. time: ISO 8601, or ''. Metres of any one point."""

    who: str
    time: str
    east_m: float
    north_m: float


def shots_of(table: pa.Table, east_m: NDArray[np.float64], north_m: NDArray[np.float64]) -> list[Shot]:
    """The shots of a manifest's photos, taken at these places [N]."""
    people = zip(*(table[name].to_pylist() for name in ("author", "make", "model", "time")), strict=True)
    return [
        Shot(author or f"{make} {model}".strip(), time, float(east_m[row]), float(north_m[row]))
        for row, (author, make, model, time) in enumerate(people)
    ]


@dataclass(frozen=True)
class Groups:
    """What parting goes by: the name of each shot's group, and the stratum of each group.

    Every stratum, if it has groups enough, gets groups of every part.
    """

    names: list[str]
    strata: dict[str, int]


def group_names(shots: Sequence[Shot]) -> list[str]:
    """The name of each shot's group: person, day and cell of 10 m."""
    return _joined(shots, [f"{s.who}|{s.time[:10]}|{s.east_m // CELL_M:.0f}|{s.north_m // CELL_M:.0f}" for s in shots])


def block_names(shots: Sequence[Shot]) -> list[str]:
    """The name of each shot's group in a city: its block, a square of BLOCK_M metres, whoever took it.

    A burst across a border belongs to the block where it began.
    """
    names = [f"{s.east_m // BLOCK_M:.0f}|{s.north_m // BLOCK_M:.0f}" for s in shots]
    for before, row in _following(shots):
        if _is_burst(shots[before], shots[row]):
            names[row] = names[before]
    return names


def _joined(shots: Sequence[Shot], cells: list[str]) -> list[str]:
    """Cells with those that a burst crosses joined under the first of their names."""
    parent = {cell: cell for cell in cells}

    def root(cell: str) -> str:
        while parent[cell] != cell:
            parent[cell] = cell = parent[parent[cell]]
        return cell

    for before, row in _following(shots):
        if _is_burst(shots[before], shots[row]):
            low, high = sorted((root(cells[before]), root(cells[row])))
            parent[high] = low
    return [root(cell) for cell in cells]


def _following(shots: Sequence[Shot]) -> Iterator[tuple[int, int]]:
    """Rows of each shot with a time and of the next one of the same person."""
    order = sorted((s.who, s.time, s.east_m, s.north_m, row) for row, s in enumerate(shots) if s.time)
    return ((a[-1], b[-1]) for a, b in itertools.pairwise(order) if a[0] == b[0])


def _is_burst(a: Shot, b: Shot) -> bool:
    seconds = (datetime.fromisoformat(b.time) - datetime.fromisoformat(a.time)).total_seconds()
    return seconds <= BURST_SECONDS and float(np.hypot(a.east_m - b.east_m, a.north_m - b.north_m)) <= CELL_M


def azimuth_strata(names: Sequence[str], azimuth_deg: NDArray[np.float64]) -> dict[str, int]:
    """The 10-degree bin of each group, by the circular mean of its azimuths."""
    azimuths: dict[str, list[float]] = defaultdict(list)
    for name, azimuth in zip(names, azimuth_deg, strict=True):
        azimuths[name].append(float(azimuth))
    return {name: _azimuth_bin(values) for name, values in azimuths.items()}


def assign_parts(groups: Groups, judge_share: float, test_share: float) -> list[str]:
    """The part of each shot, 'generator', 'judges' or 'test', by groups.

    A stratum that lacks a part gets one group moved into it, if it has so many groups that one of them is at most
    twice that part's share; and no part is left empty as long as there are groups enough.
    """
    shares = {"generator": 1 - judge_share - test_share, "judges": judge_share, "test": test_share}
    parts = {name: _part_of(_share_of(name), shares) for name in groups.strata}
    members_of: dict[int, list[str]] = defaultdict(list)
    for name in sorted(groups.strata):
        members_of[groups.strata[name]].append(name)
    for _, members in sorted(members_of.items()):
        for part, share in shares.items():
            if share > 0 and len(members) * 2 * share >= 1:
                _ensure(part, members, parts, spare=1)
    for part in ("test", "judges", "generator"):
        if shares[part] > 0:
            _ensure(part, sorted(groups.strata), parts, spare=0 if part == "generator" else 1)
    return [parts[name] for name in groups.names]


def _share_of(name: str) -> float:
    """A number in [0, 1) that depends on the name alone, evenly spread."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def _part_of(number: float, shares: dict[str, float]) -> str:
    if number < shares["test"]:
        return "test"
    return "judges" if number < shares["test"] + shares["judges"] else "generator"


def _azimuth_bin(azimuths: list[float]) -> int:
    """The 10-degree bin of the circular mean."""
    radians = np.radians(azimuths)
    mean = np.degrees(np.arctan2(np.sin(radians).sum(), np.cos(radians).sum())) % 360.0
    return int(azimuth_bins(torch.tensor(mean)))


def _ensure(part: str, members: list[str], parts: dict[str, str], spare: int) -> None:
    """Moves one group into `part` if it has none of `members`, from the part with most, which keeps `spare` or more."""
    owned: dict[str, list[str]] = {each: [name for name in members if parts[name] == each] for each in PARTS}
    donor = max(PARTS, key=lambda each: len(owned[each]))
    if not owned[part] and len(owned[donor]) > spare:
        moved = min(owned[donor], key=lambda name: _share_of(f"{part} {name}"))
        parts[moved] = part
