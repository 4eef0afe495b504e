"""Only what can be seen from outside is sampled, evenly by area."""

import numpy as np
import pytest
import trimesh

from gpslift.metrics.outer_surface import cut_to_box, sample_outer_surface

LOW, HIGH = np.array([-2.0, -2.0, 0.0]), np.array([2.0, 2.0, 4.0])


def box(low: list[float], high: list[float]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=[low, high])


def test_faces_inside_other_solids_do_not_count() -> None:
    towers = trimesh.util.concatenate([box([-1, -1, 0], [1, 1, 2]), box([-0.5, -0.5, 0], [0.5, 0.5, 3])])
    samples = sample_outer_surface(towers, LOW, HIGH, 4000, 0)
    inner = (np.abs(samples.points[:, :2]).max(1) < 0.9) & (samples.points[:, 2] < 1.9)
    assert len(samples) == 4000
    # the whole outside and nothing else: 4 walls of 4, the ring of 3, 4 walls of 1, the top of 1; no floor
    assert inner.mean() < 0.005
    shares = [(samples.points[:, 2] > 2.99).mean(), (np.abs(samples.points[:, :2]).max(1) > 0.999).mean()]
    np.testing.assert_allclose(shares, [1 / 24, 16 / 24], atol=0.02)


def test_inside_of_an_open_mesh_counts_only_where_it_shows() -> None:
    wall = trimesh.creation.icosphere(subdivisions=4, radius=1.5)
    wall.apply_translation([0, 0, 1.0])  # cut open at the ground
    core = box([-0.3, -0.3, 0.5], [0.3, 0.3, 1.0])
    samples = sample_outer_surface(trimesh.util.concatenate([cut_to_box(wall, LOW, HIGH), core]), LOW, HIGH, 3000, 0)
    assert (np.linalg.norm(samples.points - [0, 0, 1], axis=1) > 1.4).mean() > 0.995


def test_underside_of_what_hangs_counts() -> None:
    lintel = box([-1.5, -1.5, 3.0], [1.5, 1.5, 3.2])
    samples = sample_outer_surface(lintel, LOW, HIGH, 3000, 0)
    assert (samples.normals[:, 2] < -0.9).mean() == pytest.approx(9 / (18 + 2.4), abs=0.03)


def test_cut_keeps_what_is_in_the_box_and_only_that() -> None:
    part = cut_to_box(box([-9, -1, -1], [9, 1, 1]), np.array([-2.0, -2, -0.5]), np.array([3.0, 2, 2]))
    np.testing.assert_allclose(part.bounds, [[-2, -1, -0.5], [3, 1, 1]])
    assert part.area == pytest.approx(5 * 2 + 2 * 5 * 1.5)  # the top and two sides; open at the cuts


def test_nothing_in_the_box_gives_no_samples() -> None:
    assert len(sample_outer_surface(box([5, 5, 5], [6, 6, 6]), LOW, HIGH, 100, 0)) == 0


def test_same_seed_same_samples() -> None:
    ball = trimesh.creation.icosphere(radius=1.0)
    one, same, other = (sample_outer_surface(ball, LOW, HIGH, 50, seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
