"""The three parts: twins stay together, every side is in every part, the order of files does not matter."""

import numpy as np
import pyarrow as pa

from gpslift.photos import splits
from gpslift.photos.splits import BLOCK_M, PARTS, Groups, Shot, azimuth_strata, block_names, group_names, shots_of


def assign_parts(shots: list[Shot], azimuths: np.ndarray, judge_share: float, test_share: float) -> list[str]:
    """Parts of shots round a landmark."""
    names = group_names(shots)
    return splits.assign_parts(Groups(names, azimuth_strata(names, azimuths)), judge_share, test_share)


def crowd(count: int, seed: int = 0) -> tuple[list[Shot], np.ndarray]:
    """People round the landmark at 150 m, each with one to four photos of one outing, some metres apart."""
    rng = np.random.default_rng(seed)
    shots, azimuths = [], []
    while len(shots) < count:
        azimuth, person = rng.uniform(0, 360), len(shots)
        for number in range(rng.integers(1, 5)):
            jitter = rng.normal(0, 3, 2)
            east = 150 * np.sin(np.radians(azimuth)) + jitter[0]
            north = 150 * np.cos(np.radians(azimuth)) + jitter[1]
            shots.append(Shot(f"person {person}", f"2022-06-11T10:{person % 60:02d}:{number * 10:02d}", east, north))
            azimuths.append(np.degrees(np.arctan2(east, north)) % 360)
    return shots, np.array(azimuths)


def test_shares_and_sides() -> None:
    shots, azimuths = crowd(4000)
    parts = np.array(assign_parts(shots, azimuths, 0.15, 0.10))
    assert abs(np.mean(parts == "judges") - 0.15) < 0.03
    assert abs(np.mean(parts == "test") - 0.10) < 0.03
    for part in PARTS:
        assert len(np.unique(azimuths[parts == part] // 10)) == 36, part


def test_a_side_that_no_hash_chose_is_filled() -> None:
    """Ten people in each of two bins: by hash alone some bin would lack the test part for most sets of names."""
    for trial in range(20):
        shots = [Shot(f"{trial} {n}", "2022-06-11T10:00:00", 100.0 + n, 100.0 * (n % 2)) for n in range(20)]
        azimuths = np.array([95.0 if n % 2 else 45.0 for n in range(20)])
        parts = np.array(assign_parts(shots, azimuths, 0.15, 0.10))
        for azimuth in (45.0, 95.0):
            assert set(parts[azimuths == azimuth]) == set(PARTS)


def test_twins_stay_together() -> None:
    shots, azimuths = crowd(1000)
    parts = assign_parts(shots, azimuths, 0.15, 0.10)
    owners: dict[tuple[str, float, float], set[str]] = {}
    for shot, part in zip(shots, parts, strict=True):
        owners.setdefault((shot.who, shot.east_m // 10, shot.north_m // 10), set()).add(part)
    assert all(len(found) == 1 for found in owners.values())
    for (a, part_a), (b, part_b) in zip(
        zip(shots, parts, strict=True), list(zip(shots, parts, strict=True))[1:], strict=False
    ):
        if a.who == b.who and np.hypot(a.east_m - b.east_m, a.north_m - b.north_m) <= 10:
            assert part_a == part_b  # a burst, ten seconds apart, even across a cell's border


def test_groups_by_hand() -> None:
    base = Shot("Ann", "2022-06-11T10:00:00", 9.0, 0.0)
    names = group_names(
        [
            base,
            Shot("Ann", "2022-06-11T10:00:30", 11.0, 0.0),  # the next cell, in the same burst
            Shot("Ann", "2022-06-11T15:00:00", 8.0, 1.0),  # the first cell again, the same day
            Shot("Ann", "2022-06-12T10:00:00", 9.0, 0.0),  # another day
            Shot("Bob", "2022-06-11T10:00:10", 9.0, 0.0),  # another person
            Shot("Ann", "2022-06-11T10:01:00", 25.0, 0.0),  # the same minute, but 14 m on
            Shot("Ann", "", 9.0, 0.0),  # no time
        ]
    )
    assert names[0] == names[1] == names[2]
    assert len(set(names)) == 5


def test_order_of_files_does_not_matter() -> None:
    shots, azimuths = crowd(500)
    order = np.random.default_rng(1).permutation(len(shots))
    parts = np.array(assign_parts(shots, azimuths, 0.15, 0.10))
    shuffled = assign_parts([shots[i] for i in order], azimuths[order], 0.15, 0.10)
    assert shuffled == parts[order].tolist()


def test_most_photos_keep_their_part_when_others_join() -> None:
    shots, azimuths = crowd(2000)
    before = assign_parts(shots[:1500], azimuths[:1500], 0.15, 0.10)
    after = assign_parts(shots, azimuths, 0.15, 0.10)[:1500]
    assert np.mean(np.array(before) == np.array(after)) > 0.98


def test_small_sets() -> None:
    shots = [Shot(f"p{n}", "", 100.0 * n, 0.0) for n in range(3)]
    assert set(assign_parts(shots, np.array([10.0, 130.0, 250.0]), 0.15, 0.10)) == set(PARTS)
    for name in map(str, range(40)):
        assert assign_parts([Shot(name, "", 1.0, 1.0)], np.array([5.0]), 0.15, 0.10) == ["generator"]
    assert set(assign_parts(shots, np.zeros(3), 0.0, 0.0)) == {"generator"}


def test_a_block_of_a_city_is_in_one_part_whoever_took_the_photos() -> None:
    rng = np.random.default_rng(0)
    shots = [Shot(f"p{n % 300}", "", *rng.uniform(-6000, 6000, 2)) for n in range(8000)]
    names = block_names(shots)
    parts = splits.assign_parts(Groups(names, dict.fromkeys(names, 0)), 0.15, 0.10)
    found: dict[tuple[float, float], set[str]] = {}
    for shot, part in zip(shots, parts, strict=True):
        found.setdefault((shot.east_m // BLOCK_M, shot.north_m // BLOCK_M), set()).add(part)
    assert all(len(each) == 1 for each in found.values())
    shares = [np.mean(np.array(parts) == part) for part in PARTS]
    np.testing.assert_allclose(shares, [0.75, 0.15, 0.10], atol=0.03)


def test_a_burst_across_blocks_stays_together() -> None:
    shots = [
        Shot("Ann", "2022-06-11T10:00:00", BLOCK_M - 1, 5.0),
        Shot("Ann", "2022-06-11T10:00:20", BLOCK_M + 1, 5.0),  # over the border
        Shot("Ann", "2022-06-11T10:00:40", BLOCK_M + 3, 5.0),
        Shot("Ann", "2022-06-11T10:10:00", BLOCK_M + 3, 5.0),  # ten minutes later: no twin
        Shot("Bob", "2022-06-11T10:00:20", BLOCK_M + 1, 5.0),
    ]
    first, second = "0|0", "1|0"
    assert block_names(shots) == [first, first, first, second, second]
    assert block_names(shots[::-1])[::-1] == block_names(shots)


def test_who_took_a_photo_is_its_author_else_the_camera() -> None:
    table = {"author": ["Ann", "", ""], "make": ["Maker"] * 2 + [""], "model": ["One", "Two", ""], "time": [""] * 3}
    shots = shots_of(pa.table(table), np.arange(3.0), np.zeros(3))
    assert [shot.who for shot in shots] == ["Ann", "Maker Two", ""]
    assert [shot.east_m for shot in shots] == [0.0, 1.0, 2.0]
