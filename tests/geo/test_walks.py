"""Walks: equal steps along the ground, corners and all."""

import numpy as np
import pytest

from gpslift.errors import UserError
from gpslift.geo.geodesy import azimuth_and_distance, destination
from gpslift.geo.walks import places_along


def test_equal_steps_round_a_corner() -> None:
    """300 m east, then 600 m north, in ten places: a hundred metres apart, the corner is the fourth."""
    start = (48.86, 2.34)
    corner = tuple(float(value) for value in destination(*start, 90.0, 300.0))
    end = tuple(float(value) for value in destination(*corner, 0.0, 600.0))
    latitude, longitude, along_m = places_along(*zip(start, corner, end, strict=True), 10)
    assert along_m == pytest.approx(np.arange(10) * 100.0)
    steps = [
        float(azimuth_and_distance(latitude[n], longitude[n], latitude[n + 1], longitude[n + 1])[1]) for n in range(9)
    ]
    assert steps == pytest.approx([100.0] * 9, abs=1e-3)
    for number, corner_there in ((0, start), (3, corner), (9, end)):
        assert (latitude[number], longitude[number]) == pytest.approx(corner_there, abs=1e-9)


def test_a_corner_given_twice_changes_nothing() -> None:
    once = places_along([48.86, 48.87], [2.34, 2.35], 5)
    twice = places_along([48.86, 48.86, 48.87, 48.87], [2.34, 2.34, 2.35, 2.35], 5)
    assert np.allclose(once, twice)


def test_a_walk_without_a_length_is_refused() -> None:
    with pytest.raises(UserError, match="a walk needs a length"):
        places_along([48.86, 48.86], [2.34, 2.34], 5)
