"""A landmark in a file of one's own: what follows from its height, what it may say, and what is wrong with it."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gpslift.errors import UserError
from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import Landmark, load_landmark

LUND = {"name": "Lund Cathedral", "latitude": 55.70406, "longitude": 13.19364, "height": 55}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Landmark]:
    """Writes a file of the four fields, changed and added to (None: without it), and loads it."""

    def load(**changes: object) -> Landmark:
        lines = [f"{field}: {value}" for field, value in {**LUND, **changes}.items() if value is not None]
        (tmp_path / "lund.yaml").write_text("\n".join(lines), encoding="utf-8")
        return load_landmark(str(tmp_path / "lund.yaml"))

    return load


def test_four_fields_are_enough(load: Callable[..., Landmark]) -> None:
    landmark = load()
    assert (landmark.name, landmark.title) == ("lund_cathedral", "Lund Cathedral")
    assert landmark.caption == "A photo of Lund Cathedral"
    assert (landmark.latitude, landmark.longitude, landmark.height_m) == (55.70406, 13.19364, 55.0)
    assert landmark.look_at_m == (0.0, 0.0, 27.5)
    assert landmark.box_max_m[2] > 55 > 0 > landmark.box_min_m[2] > -3
    assert landmark.radius_min_m == pytest.approx(11.0)
    assert landmark.radius_max_m == pytest.approx(660.0)


def test_the_height_of_the_statue_gives_nearly_the_entry_of_the_statue(load: Callable[..., Landmark]) -> None:
    ours, facts = load(height=93), load_landmark("statue_of_liberty")
    assert ours.half_extent_m == pytest.approx(facts.half_extent_m, rel=0.01)
    assert ours.box_min_m == pytest.approx(facts.box_min_m, abs=2)
    assert ours.box_max_m == pytest.approx(facts.box_max_m, abs=2)
    assert ours.look_at_m == pytest.approx(facts.look_at_m, abs=0.1)


@pytest.mark.parametrize(("height", "width"), [(55, 90), (170, 17), (2, 2)])
def test_volumes_nest_whatever_the_proportions(load: Callable[..., Landmark], height: float, width: float) -> None:
    landmark = load(height=height, width=width)
    for axis, side in enumerate((width, width, height)):
        assert landmark.box_min_m[axis] < landmark.own_volume_min_m[axis] < landmark.own_volume_max_m[axis]
        assert landmark.own_volume_max_m[axis] < landmark.box_max_m[axis]
        assert landmark.own_volume_max_m[axis] - landmark.own_volume_min_m[axis] >= 0.99 * side
    longest = max(high - low for low, high in zip(landmark.box_min_m, landmark.box_max_m, strict=True))
    assert 0.9 < longest / (2 * landmark.half_extent_m) < 1.1
    assert landmark.radius_min_m >= width / 2


def test_what_the_file_says_goes_before_what_follows(load: Callable[..., Landmark]) -> None:
    landmark = load(title="Domkyrkan", look_at_m="[1, 2, 30]", radius_min_m=40, ground_altitude_m=49.5)
    assert landmark.title == "Domkyrkan"
    assert landmark.look_at_m == (1.0, 2.0, 30.0)
    assert landmark.radius_min_m == 40.0
    assert landmark.ground_altitude_m == 49.5
    assert math.isnan(landmark.ground_ellipsoidal_m)
    assert landmark.globe_height_m == 49.5


def test_an_unknown_ground_lies_on_the_ellipsoid_for_maps(load: Callable[..., Landmark]) -> None:
    landmark = load()
    assert math.isnan(landmark.ground_altitude_m)
    again = replace(landmark, ground_altitude_m=float("nan"))
    assert again.world == landmark.world != replace(landmark, latitude=0.0).world
    assert landmark.globe_height_m == 0.0
    assert LocalFrame.of_landmark(landmark).to_local(55.70406, 13.19364, 3.0) == pytest.approx([0, 0, 3], abs=1e-6)


@pytest.mark.parametrize(("name", "folder"), [("St. Paul's", "st_paul_s"), ("no", "no"), ("Kölner Dom", "kölner_dom")])
def test_names_of_folders(load: Callable[..., Landmark], name: str, folder: str) -> None:
    landmark = load(name=name)
    assert (landmark.name, landmark.title) == (folder, name)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"height": None}, r"lund\.yaml: height missing; it takes name, latitude"),
        ({"name": None, "longitude": None}, "name, longitude missing"),
        ({"lattitude": 3}, r"unknown field lattitude; did you mean latitude\?"),
        ({"radius_max": 300}, r"unknown field radius_max; did you mean radius_max_m\?"),
        ({"zzz": 1}, "unknown field zzz; it may hold name, latitude, longitude, height, width, title, caption, ground"),
        (
            {"latitude": 95},
            r"lund\.yaml: landmark lund_cathedral: latitude 95.0, longitude 13.19364 is nowhere on Earth",
        ),
        ({"latitude": "north"}, "latitude cannot be read from 'north'"),
        ({"height": "55 m"}, "height=55 m must be a number of metres"),
        ({"height": 0}, "height=0 must be metres, above 0 and at most 9000"),
        ({"height": 55000}, "height=55000 must be metres, above 0 and at most 9000"),
        ({"height": "nan"}, "height=nan must be metres"),
        ({"width": -3}, "width=-3 must be metres"),
        ({"name": "Statue of Liberty"}, "is taken: landmark=statue_of_liberty is one of"),
        ({"name": "'!?'"}, "has no letters or digits"),
        ({"ground_altitude_m": "nan"}, "ground_altitude_m cannot be read"),
        ({"radius_min_m": 5000}, "radius_min_m must lie"),
        (
            {"box_max_m": "[9, 9, 10]"},
            r"up to its height .* does not lie in its box .* make box_min_m, box_max_m larger",
        ),
        ({"look_at_m": "[0, 0, 90]"}, "look_at_m .* does not lie in its box"),
        ({"own_volume_min_m": "[0, 0, 60]"}, "own_volume_min_m must be below own_volume_max_m"),
    ],
)
def test_a_bad_file_is_told_of(load: Callable[..., Landmark], changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(**changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: Mill\nlatitude: 48\nlatitude: 49", "duplicate key latitude"),
        ("- name\n- 3", "must consist of 'field: value' lines"),
        ("name: [", "is not readable as YAML"),
        ("", "consist"),
        ("3", "consist"),
    ],
)
def test_a_file_that_is_no_list_of_fields(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        load_landmark(str(tmp_path / "odd.yaml"))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"landmark=nowhere/tower\.yaml: there is no such file"):
        load_landmark("nowhere/tower.yaml")


def test_an_unknown_name_leads_to_the_file() -> None:
    with pytest.raises(UserError, match=r"landmark=<a YAML file with its name"):
        load_landmark("big_ben")
