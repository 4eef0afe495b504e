"""Colours against true ones: figures worked out by hand, on solids and on bare numbers."""

import numpy as np
import pytest
import trimesh

from gpslift.metrics import outer_surface
from gpslift.metrics.mesh_colors import compare, compare_colors
from gpslift.procedural.solids import block

LOW, HIGH = np.array([-3.0, -3.0, 0.0]), np.array([3.0, 3.0, 6.0])
TRUTH = np.array([[0.0, 0.2, 0.4], [1.0, 0.6, 0.8]])


@pytest.fixture(autouse=True)
def few_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outer_surface, "PIXELS", 400)
    monkeypatch.setattr(outer_surface, "DIRECTIONS", 12)


def test_a_dull_copy_is_right_but_for_its_light() -> None:
    figures = compare(TRUTH / 2 + 0.1, TRUTH)
    # differences: (0.1, 0, -0.1) and (-0.4, -0.2, -0.3), their squares 0.02 and 0.29
    assert figures.as_they_are == pytest.approx(np.sqrt((0.02 + 0.29) / 2))
    assert figures.fitted == pytest.approx(0, abs=1e-12)
    assert (figures.explained, figures.contrast) == pytest.approx((1.0, 0.5))


def test_one_color_for_all_explains_nothing() -> None:
    figures = compare(np.full((2, 3), 0.3), TRUTH)
    assert (figures.explained, figures.contrast) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert figures.fitted == pytest.approx(np.sqrt(0.25 + 0.04 + 0.04))  # the truth's own deviation


def test_shade_does_not_change_chromaticity_and_grey_is_far_from_it() -> None:
    truth = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2]])
    shaded = compare(truth * [[1.0], [0.3]], truth)
    assert (shaded.chromaticity, shaded.chromatic_contrast) == pytest.approx((0.0, 1.0), abs=1e-9)
    grey = compare(np.array([[0.4, 0.4, 0.4], [0.2, 0.2, 0.2]]), truth)
    # (0.6, 0.2, 0.2) to (1/3, 1/3, 1/3): 0.0711 + 2 x 0.0178
    assert grey.chromaticity == pytest.approx(np.sqrt(0.1067), abs=1e-3) and grey.chromatic_contrast < 1e-6


def test_colors_that_have_nothing_to_do_with_the_truth_are_no_better_than_one() -> None:
    truth = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1.0]])
    assert compare(np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1.0]]), truth).explained == pytest.approx(0)


def tower(upper: tuple[float, float, float], lower: tuple[float, float, float]) -> trimesh.Trimesh:
    """Two cubes of 2 m, one on the other, from 1 m on."""
    return trimesh.util.concatenate([block((0, 0, 2), (2, 2, 2), lower), block((0, 0, 4), (2, 2, 2), upper)])


def test_solids_are_compared_at_nearest_points_of_the_surfaces_that_show() -> None:
    truth = tower((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    same = compare_colors(truth, truth, LOW, HIGH, count=4000)
    assert same.as_they_are < 0.25 and same.explained > 0.9  # some points near the seam meet the other cube
    swapped = compare_colors(tower((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)), truth, LOW, HIGH, count=4000)
    assert swapped.as_they_are == pytest.approx(np.sqrt(2), abs=0.1)
    assert swapped.explained > 0.9  # a gain of -1: the figure without the fit tells them apart


def test_hidden_colors_do_not_count() -> None:
    truth = tower((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    hidden = trimesh.util.concatenate([truth, block((0, 0, 2), (1, 1, 1), (1.0, 0.0, 0.0))])
    assert compare_colors(hidden, truth, LOW, HIGH, count=1000).as_they_are < 0.01


def test_colors_may_stand_at_vertices() -> None:
    truth = tower((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    fine = truth.subdivide_to_size(0.3)
    red = fine.vertices[:, 2] > 3
    colors = np.where(red[:, None], [255, 0, 0, 255], [0, 0, 255, 255]).astype(np.uint8)
    painted = trimesh.Trimesh(fine.vertices, fine.faces, vertex_colors=colors, process=False)
    assert compare_colors(painted, truth, LOW, HIGH, count=4000).explained > 0.8


def test_nothing_to_compare_is_an_error() -> None:
    truth = tower((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    away = truth.copy()
    away.apply_translation([50, 0, 0])
    with pytest.raises(ValueError, match="no visible surface"):
        compare_colors(away, truth, LOW, HIGH, count=100)
