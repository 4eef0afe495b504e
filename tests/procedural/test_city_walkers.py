"""Walkers: where they stand, what they look at, what stands before them; over many shots, without taking pictures."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from gpslift.geo.cities import City
from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.dataset import shots_of_outing
from gpslift.procedural.city.standpoints import on_deck
from gpslift.procedural.city.things import COUNTS, KINDS
from gpslift.procedural.city.walkers import TRIES, Shot
from gpslift.procedural.tourists import ACCURACY_TO_SIGMA

OUTINGS = 400


@pytest.fixture(scope="module")
def outings(city: City) -> list[list[Shot]]:
    return [shots_of_outing(city, 5, index) for index in range(OUTINGS)]


@pytest.fixture(scope="module")
def shots(outings: list[list[Shot]]) -> list[Shot]:
    return [shot for outing in outings for shot in outing]


def areas(built: BuiltCity, shots: list[Shot]) -> np.ndarray:
    at = np.array([(shot.east_m, shot.north_m) for shot in shots])
    return built.terrain.area(at[:, 0], at[:, 1])


def test_an_outing_depends_on_its_number_alone(city: City, outings: list[list[Shot]]) -> None:
    assert shots_of_outing(city, 5, 17) == outings[17]
    assert shots_of_outing(city, 6, 17) != outings[17]


def test_outings_are_short_walks_in_one_weather(outings: list[list[Shot]]) -> None:
    lengths = [len(outing) for outing in outings]
    assert min(lengths) == 1 and max(lengths) == 8 and np.mean(lengths) == pytest.approx(4.5, abs=0.4)
    for outing in outings:
        assert len({(shot.conditions, shot.author, shot.tells) for shot in outing}) == 1
        assert (outing[-1].time - outing[0].time).total_seconds() < 20 * 60
        steps = [np.hypot(b.east_m - a.east_m, b.north_m - a.north_m) for a, b in itertools.pairwise(outing)]
        assert max(steps, default=0) < 81


def test_nobody_stands_in_a_house_or_in_the_water(built: BuiltCity, city: City, shots: list[Shot]) -> None:
    bridges = built.terrain.facts.bridges
    on_bridges = 0
    for shot in shots:
        at = np.array([shot.east_m, shot.north_m])
        assert city.contains(*city.to_geodetic(*at))
        if shot.floor_m > 0:
            assert any(on_deck(bridge, at[None], 1.0)[0] for bridge in bridges)
            on_bridges += 1
        else:
            assert not built.blocked(at[None], 1.0, built.obstacles(at[0], at[1], 5.0))[0]
    assert 0.01 < on_bridges / len(shots) < 0.10


def test_they_are_all_over_the_city(built: BuiltCity, shots: list[Shot]) -> None:
    counts = np.bincount(areas(built, shots), minlength=len(built.terrain.area_names))
    assert counts[:-1].min() > 0.01 * len(shots)  # on the water one is on bridges only
    near = [
        min(np.hypot(s.east_m - m.at[0], s.north_m - m.at[1]) for m in built.terrain.facts.monuments) for s in shots
    ]
    assert np.mean(np.array(near) < 400) > 0.15


def same_in_all(words: list[str], areas: np.ndarray) -> float:
    """The p value of a chi-square test that `words` do not depend on `areas`."""
    kinds, places = sorted(set(words)), np.unique(areas)
    table = np.array(
        [[sum(w == k for w, a in zip(words, areas, strict=True) if a == p) for k in kinds] for p in places]
    )
    return float(chi2_contingency(table[:, table.sum(0) > 0]).pvalue)


def test_things_and_captions_know_nothing_of_the_place(built: BuiltCity, outings: list[list[Shot]]) -> None:
    """One shot an outing, as shots of one outing share weather and place; districts joined into four by number."""
    firsts = [outing[0] for outing in outings]
    where = areas(built, firsts) % 4
    assert same_in_all([str(len(shot.things)) for shot in firsts], where) > 1e-3
    assert same_in_all([shot.conditions.time for shot in firsts], where) > 1e-3
    assert same_in_all([shot.conditions.weather for shot in firsts], where) > 1e-3
    things = [(thing.kind, place) for shot, place in zip(firsts, where, strict=True) for thing in shot.things]
    assert same_in_all([kind for kind, _ in things], np.array([place for _, place in things])) > 1e-3
    assert same_in_all([str(len(shot.caption.split()) // 4) for shot in firsts], where) > 1e-3


def test_things_are_as_often_as_meant_and_side_by_side(shots: list[Shot]) -> None:
    numbers = np.bincount([len(shot.things) for shot in shots], minlength=4) / len(shots)
    assert numbers == pytest.approx(np.array(COUNTS), abs=0.05)
    kinds = Counter(thing.kind for shot in shots for thing in shot.things)
    assert set(kinds) == set(KINDS) and min(kinds.values()) > 0.5 * max(kinds.values())
    for shot in shots:
        places = sorted(thing.aside / (thing.distance * shot.half_short) for thing in shot.things)
        assert all(b - a > 0.3 for a, b in itertools.pairwise(places))
        assert all(abs(place) < 0.75 for place in places)  # within the centred square
        for thing in shot.things:
            foot = np.arctan2(shot.height_m - shot.floor_m, thing.distance) + np.deg2rad(shot.pitch_deg)
            assert np.tan(foot) < 0.97 * shot.half_short


def test_captions_name_the_things(shots: list[Shot]) -> None:
    for shot in shots:
        assert all(thing.kind in shot.caption for thing in shot.things)
        absent = set(KINDS) - {thing.kind for thing in shot.things}
        assert not [kind for kind in absent if re.search(rf"\b{kind}\b", shot.caption)]


def test_phones_err_as_much_as_they_say(shots: list[Shot]) -> None:
    error = np.array([np.hypot(s.measured[0] - s.east_m, s.measured[1] - s.north_m) / s.accuracy_m for s in shots])
    assert np.mean(error < 1) == pytest.approx(0.68, abs=0.04)
    assert error.max() < 4 * ACCURACY_TO_SIGMA
    tags = Counter(shot.tag for shot in shots)
    assert tags["none"] / len(shots) == pytest.approx(0.02, abs=0.012)
    wrong = tags["zero"] + tags["swapped"] + tags["elsewhere"]
    assert wrong / len(shots) == pytest.approx(0.01, abs=0.009)


def test_many_look_along_the_street_and_some_at_monuments(built: BuiltCity, shots: list[Shot]) -> None:
    at = np.array([(shot.east_m, shot.north_m) for shot in shots])
    off = (np.array([shot.heading_deg for shot in shots]) - built.terrain.bearing(at[:, 0], at[:, 1]) + 45) % 90 - 45
    assert np.mean(np.abs(off) < 15) > 0.45
    assert TRIES > 1 and np.mean([shot.pitch_deg > 8 for shot in shots]) > 0.005
