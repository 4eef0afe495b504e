"""The three parts of the photos: for the generator, for the judges of its pictures, for the test.

Photos that one person took on one day within one cell of 10 m are a group, and so are those of a burst that crosses a
cell's border: twins never part. A group's part follows from a hash of its name, so that it depends neither on the order
of the files nor (but for a few groups that are moved so that every side is in every part) on the other photos.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

PARTS = ("generator", "judges", "test")
CELL_M = 10.0
BURST_SECONDS = 60.0
AZIMUTH_BINS = 36


@dataclass(frozen=True)
class Shot:
    """What decides a photo's group. who: author, else camera, or ''. time: ISO 8601, or ''. Metres of the landmark."""

    who: str
    time: str
    east_m: float
    north_m: float


def group_names(shots: Sequence[Shot]) -> list[str]:
    """The name of each shot's group: person, day and cell; of a burst across cells, the first of its cells' names."""
    cells = [f"{s.who}|{s.time[:10]}|{s.east_m // CELL_M:.0f}|{s.north_m // CELL_M:.0f}" for s in shots]
    parent = {cell: cell for cell in cells}

    def root(cell: str) -> str:
        while parent[cell] != cell:
            parent[cell] = cell = parent[parent[cell]]
        return cell

    dated = sorted((s.who, s.time, s.east_m, s.north_m, cell) for s, cell in zip(shots, cells, strict=True) if s.time)
    for a, b in itertools.pairwise(dated):
        if a[0] == b[0] and _is_burst(a, b):
            low, high = sorted((root(a[4]), root(b[4])))
            parent[high] = low
    return [root(cell) for cell in cells]


def _is_burst(a: tuple[str, str, float, float, str], b: tuple[str, str, float, float, str]) -> bool:
    seconds = (datetime.fromisoformat(b[1]) - datetime.fromisoformat(a[1])).total_seconds()
    return seconds <= BURST_SECONDS and float(np.hypot(a[2] - b[2], a[3] - b[3])) <= CELL_M


def assign_parts(
    shots: Sequence[Shot], azimuth_deg: NDArray[np.float64], judge_share: float, test_share: float
) -> list[str]:
    """The part of each shot, 'generator', 'judges' or 'test', by groups.

    A 10-degree bin that lacks a part gets one group moved into it, if it has so many groups that one of them is at most
    twice that part's share; and no part is left empty as long as there are groups enough.
    """
    shares = {"generator": 1 - judge_share - test_share, "judges": judge_share, "test": test_share}
    names = group_names(shots)
    azimuths: dict[str, list[float]] = defaultdict(list)
    for name, azimuth in zip(names, azimuth_deg, strict=True):
        azimuths[name].append(float(azimuth))
    parts = {name: _part_of(_share_of(name), shares) for name in azimuths}
    bins: dict[int, list[str]] = defaultdict(list)
    for name in sorted(azimuths):
        bins[_azimuth_bin(azimuths[name])].append(name)
    for _, members in sorted(bins.items()):
        for part, share in shares.items():
            if share > 0 and len(members) * 2 * share >= 1:
                _ensure(part, members, parts, spare=1)
    for part in ("test", "judges", "generator"):
        if shares[part] > 0:
            _ensure(part, sorted(azimuths), parts, spare=0 if part == "generator" else 1)
    return [parts[name] for name in names]


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
    return int(mean // (360 / AZIMUTH_BINS)) % AZIMUTH_BINS


def _ensure(part: str, members: list[str], parts: dict[str, str], spare: int) -> None:
    """Moves one group into `part` if it has none of `members`, from the part with most, which keeps `spare` or more."""
    owned: dict[str, list[str]] = {each: [name for name in members if parts[name] == each] for each in PARTS}
    donor = max(PARTS, key=lambda each: len(owned[each]))
    if not owned[part] and len(owned[donor]) > spare:
        moved = min(owned[donor], key=lambda name: _share_of(f"{part} {name}"))
        parts[moved] = part
