"""Texels and the triangles that they show, against positions worked out by hand and by trimesh."""

import numpy as np
import pytest
import trimesh

from gpslift.export import texels
from gpslift.export.texels import nearest_points, nearest_triangles

RIGHT_ANGLE = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


@pytest.mark.parametrize("corners", [RIGHT_ANGLE, RIGHT_ANGLE[::-1]])
def test_texels_inside_have_their_own_place(corners: np.ndarray) -> None:
    shown = nearest_triangles(corners[None], 8, 0.0)
    rows, columns = shown.index // 8, shown.index % 8
    assert {(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)} == {
        (row, column) for row in range(4) for column in range(4) if row + column <= 3
    }
    np.testing.assert_allclose(shown.weights @ corners, np.column_stack([columns, rows]) + 0.5, atol=1e-12)


def test_texels_outside_show_the_border() -> None:
    shown = nearest_triangles(RIGHT_ANGLE[None], 8, 1.5)
    places = dict(zip(shown.index.tolist(), (shown.weights @ RIGHT_ANGLE).tolist(), strict=True))
    assert places[8 * 2 + 2] == pytest.approx([2, 2])  # centre (2.5, 2.5), onto the long side
    assert places[8 * 0 + 4] == pytest.approx([4, 0])  # onto the corner
    assert 8 * 7 + 7 not in places


def test_nearest_points_agree_with_trimesh() -> None:
    generator = np.random.default_rng(0)
    corners, points = generator.normal(size=(500, 3, 2)), 2 * generator.normal(size=(500, 2))
    weights, distance = nearest_points(points, corners)
    flat = [np.concatenate([values, np.zeros((*values.shape[:-1], 1))], -1) for values in (corners, points)]
    expected = trimesh.triangles.closest_point(*flat)[:, :2]
    np.testing.assert_allclose((weights[..., None] * corners).sum(1), expected, atol=1e-9)
    np.testing.assert_allclose(distance, np.linalg.norm(points - expected, axis=1), atol=1e-9)
    assert (weights >= 0).all() and np.allclose(weights.sum(1), 1)


def test_triangles_thinner_than_a_texel_are_shown() -> None:
    needle = np.array([[2.1, 2.1], [2.2, 2.1], [6.1, 2.2]])
    point = np.full((3, 2), 5.3)
    assert set(nearest_triangles(np.stack([needle, point]), 8, 1.0).triangle) == {0, 1}


def test_triangles_taken_few_at_a_time_show_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    corners = np.random.default_rng(1).uniform(0, 32, size=(60, 3, 2))
    at_once = nearest_triangles(corners, 32, 1.5)
    monkeypatch.setattr(texels, "CANDIDATES", 200)
    in_parts = nearest_triangles(corners, 32, 1.5)
    for one, other in zip(vars(at_once).values(), vars(in_parts).values(), strict=True):
        np.testing.assert_array_equal(one, other)
