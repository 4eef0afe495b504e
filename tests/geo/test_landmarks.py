"""The landmark file: complete, consistent, and clear about what is missing."""

from dataclasses import asdict

import numpy as np
import pytest

from gpslift.errors import UserError
from gpslift.geo.landmarks import landmark_from_entry, landmark_names, load_landmark


def entry(**changes: object) -> dict[str, object]:
    fields = asdict(load_landmark("stonehenge"))
    fields.pop("name")
    return {key: value for key, value in {**fields, **changes}.items() if value is not None}


def test_the_six_landmarks_of_the_paper() -> None:
    papers = {"statue_of_liberty", "leaning_tower_of_pisa", "arc_de_triomphe", "washington_monument"}
    assert set(landmark_names()) == papers | {"stonehenge", "space_needle"}


@pytest.mark.parametrize("name", landmark_names())
def test_volumes_nest_and_heights_agree(name: str) -> None:
    landmark = load_landmark(name)
    for axis in range(3):
        assert landmark.box_min_m[axis] <= landmark.own_volume_min_m[axis] < landmark.own_volume_max_m[axis]
        assert landmark.own_volume_max_m[axis] <= landmark.box_max_m[axis]
        assert landmark.box_min_m[axis] < landmark.look_at_m[axis] < landmark.box_max_m[axis]
    longest = max(high - low for low, high in zip(landmark.box_min_m, landmark.box_max_m, strict=True))
    assert 0.9 < longest / (2 * landmark.half_extent_m) < 1.1
    assert -110 < landmark.ground_ellipsoidal_m - landmark.ground_altitude_m < 90  # the geoid's range on Earth
    assert landmark.radius_min_m < landmark.radius_max_m


def test_world_units() -> None:
    landmark = load_landmark("statue_of_liberty")
    assert landmark.look_at == pytest.approx((0, 0, 0.93))
    assert landmark.box_max == pytest.approx((0.96, 0.96, 1.94))
    assert landmark.own_volume == ((-47, -47, 1), (47, 47, 96))


def test_who_comes_closer_than_the_whole_aims_higher_and_keeps_its_top() -> None:
    statue, stones = load_landmark("statue_of_liberty"), load_landmark("stonehenge")
    assert statue.aim_rise_m(94.0) == 0  # all of it fits in
    assert statue.aim_rise_m(60.0) == pytest.approx(96 - 46.5 - 0.53 * 60)
    assert 93 < 46.5 + statue.aim_rise_m(50.0) + 25 < 96  # the torch ends at 93 m
    assert stones.aim_rise_m(20.0) == 0  # wide and low: its top is in every picture
    several = np.array([94.0, 60.0])
    assert statue.aim_rise_m(several).tolist() == pytest.approx([statue.aim_rise_m(width) for width in several])


def test_a_frame_holds_a_landmark_from_top_to_foot_and_from_side_to_side() -> None:
    """The statue is 96 m high, and aimed at 46.5 m up; the stones stand in a ring of 37 m."""
    statue, stones = load_landmark("statue_of_liberty"), load_landmark("stonehenge")
    assert [statue.fits_into(width) for width in (93.0, 94.0, 200.0)] == [False, True, True]
    assert stones.fits_into(np.array([20.0, 34.8, 35.0, 60.0])).tolist() == [False, False, True, True]


def test_unknown_landmark_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'big_ben'.*statue_of_liberty.*landmarks\.yaml"):
        load_landmark("big_ben")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"latitude": None}, "missing latitude"),
        ({"height": 3}, "unknown field height"),
        ({"latitude": "north"}, "latitude cannot be read"),
        ({"latitude": 95}, "nowhere on Earth"),
        ({"look_at_m": [0, 0]}, "look_at_m cannot be read"),
        ({"half_extent_m": float("nan")}, "half_extent_m cannot be read"),
        ({"box_min_m": [0, 0, 9]}, "box_min_m must be below"),
        ({"radius_max_m": 1}, "radius_min_m must lie"),
    ],
)
def test_a_bad_entry_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        landmark_from_entry("mine", entry(**changes))
