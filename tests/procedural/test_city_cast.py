"""Rays against boxes, cones and the ground: numbers worked out by hand."""

import numpy as np
import pytest

from gpslift.procedural.city.cast import first_hits, in_shadow
from gpslift.procedural.city.masses import CROWN, ROUND, axis_of, in_the_way, inside_any, shapes
from gpslift.procedural.city.meet_kernels import FACE_ROUND, FACE_TOP

EYE = np.array([0.0, 0.0, 1.6], np.float32)


def toward(*points: tuple[float, float, float]) -> np.ndarray:
    offset = np.array(points, np.float32) - EYE
    return offset / np.linalg.norm(offset, axis=1, keepdims=True)


def test_a_box_to_the_north_is_met_at_its_near_wall() -> None:
    box = shapes([[0.0, 20.0]], axis_of(90.0), (5.0, 4.0), (0.0, 10.0))
    hits, order = first_hits(EYE, toward((0, 20, 1.6), (30, 20, 1.6), (0, 10, 0)), box, 0.0)
    assert order.tolist() == [0] and hits.solid.tolist() == [0, -1, -1]
    assert hits.distance[0] == pytest.approx(16.0, rel=1e-5)
    assert hits.normal[0] == pytest.approx([0, -1, 0], abs=1e-6)  # faces south, towards the eye
    assert np.isinf(hits.distance[1])  # level: neither the box nor the ground
    assert hits.distance[2] == pytest.approx(np.hypot(10, 1.6), rel=1e-5) and hits.normal[2, 2] == 1


def test_a_turned_box_is_met_where_trigonometry_says() -> None:
    box = shapes([[20.0, 0.0]], axis_of(45.0), (5.0, 5.0), (0.0, 10.0))
    hits, _ = first_hits(EYE, toward((20, 0, 1.6), (20, 6, 1.6)), box, 0.0)
    assert hits.distance[0] == pytest.approx(20 - 5 * np.sqrt(2), rel=1e-4)  # the corner points at the eye
    assert hits.solid.tolist() == [0, 0]


def test_from_above_one_sees_the_top_and_the_nearer_of_two() -> None:
    boxes = shapes([[0.0, 30.0], [0.0, 12.0]], (1.0, 0.0), (5.0, 2.0), (0.0, [9.0, 1.0]))
    hits, order = first_hits(EYE, toward((0, 12, 1.0), (0, 30, 5.0)), boxes, 0.0)
    assert order[hits.solid].tolist() == [1, 0]
    assert hits.face[0] == FACE_TOP and hits.face[1] < 4


def test_tapering_sides_lean_back() -> None:
    pyramid = shapes([[0.0, 20.0]], (1.0, 0.0), (6.0, 6.0), (0.0, 12.0), (6.0, 6.0))
    hits, _ = first_hits(EYE, toward((0, 20, 1.6)), pyramid, 0.0)
    assert hits.distance[0] == pytest.approx(20 - 6 * (1 - 1.6 / 12), rel=1e-4)
    assert hits.normal[0] == pytest.approx(np.array([0, -1, 0.5]) / np.hypot(1, 0.5), abs=1e-5)


def test_cones_and_crowns_are_round() -> None:
    solids = shapes([[20.0, 0.0]], (1.0, 0.0), (4.0, 4.0), (0.0, 10.0), kind=ROUND)
    hits, _ = first_hits(EYE, toward((20, 0, 1.6), (20, 3.5, 1.6), (20, 6, 1.6)), solids, 0.0)
    assert hits.distance[0] == pytest.approx(16.0, rel=1e-4) and hits.face[0] == FACE_ROUND
    assert hits.solid.tolist() == [0, 0, -1]
    crown = shapes([[20.0, 0.0]], (1.0, 0.0), (4.0, 4.0), (0.0, 10.0), kind=CROWN)
    through = [first_hits(EYE, toward((20, 0, 5.0)), crown, bare)[0].solid[0] for bare in (0.0, 1.0)]
    assert through == [0, -1]


def test_a_shadow_falls_away_from_the_sun() -> None:
    box = shapes([[0.0, 0.0]], (1.0, 0.0), (2.0, 2.0), (0.0, 10.0))
    sun = np.array([0.0, -np.sqrt(0.5), np.sqrt(0.5)], np.float32)  # in the south, 45 degrees up
    points = np.array([[0, 8, 0], [0, 14, 0], [0, -8, 0], [8, 8, 0], [0, 8, 5]], np.float32)
    assert in_shadow(points, sun, box, 0.0).tolist() == [True, False, False, False, False]


def test_who_stands_in_a_wall() -> None:
    box = in_the_way(shapes([[10.0, 0.0], [30.0, 0.0]], axis_of(0.0), (3.0, 1.0), ([0.0, 20.0], 30.0)))
    assert len(box) == 1  # the second is overhead
    points = np.array([[10.0, 2.9], [10.0, 3.6], [12.0, 0.0], [30.0, 0.0]])
    assert inside_any(box, points, 0.0).tolist() == [True, False, False, False]
    assert inside_any(box, points, 1.1).tolist() == [True, True, True, False]
