"""Distances between point sets, worked out by hand."""

import numpy as np
import pytest

from gpslift.metrics.distances import chamfer, surface_distances
from gpslift.metrics.outer_surface import SurfaceSamples

UP = [0.0, 0.0, 1.0]


def samples(points: list[list[float]], normals: list[list[float]] | None = None) -> SurfaceSamples:
    return SurfaceSamples(np.array(points).reshape(-1, 3), np.array(normals or [UP] * len(points)).reshape(-1, 3))


def test_both_directions_count() -> None:
    one, other = samples([[0, 0, 0], [1, 0, 0]]), samples([[0, 0, 0], [1, 0, 0], [1, 4, 0]])
    distances = surface_distances(one, other)
    np.testing.assert_allclose(distances.forward, [0, 0])
    np.testing.assert_allclose(distances.backward, [0, 0, 4])
    assert distances.chamfer == pytest.approx(2 / 3)
    assert chamfer(one.points, other.points) == pytest.approx(2 / 3)
    assert distances.f_score(1.0) == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert distances.f_score(4.0) == 1.0


def test_normals_agree_up_to_their_sign() -> None:
    slanted = [0.0, 0.6, 0.8]
    distances = surface_distances(samples([[0, 0, 0]], [[0.0, 0.0, -1.0]]), samples([[0, 0, 0]], [slanted]))
    assert distances.normal_consistency == pytest.approx(0.8)


def test_nothing_is_infinitely_far() -> None:
    distances = surface_distances(samples([]), samples([[0, 0, 0]]))
    assert distances.chamfer == float("inf")
    assert distances.f_score(1e9) == 0.0
    assert distances.normal_consistency == 0.0
    assert chamfer(np.zeros((0, 3)), np.zeros((2, 3))) == float("inf")
