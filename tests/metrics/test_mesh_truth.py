"""Figures of a mesh against the truth, on a shape whose turned, mirrored and scaled copies are known."""

from copy import copy

import numpy as np
import pytest
import trimesh

from gpslift.metrics import mesh_truth, outer_surface
from gpslift.metrics.mesh_truth import (
    FIGURES,
    MeshComparison,
    TruthComparison,
    markdown_table,
    reference_meshes,
    reflection,
    rotation,
)

VOLUME = ([-20.0, -20.0, 1.0], [20.0, 20.0, 60.0])


def landmark() -> trimesh.Trimesh:
    """A 30 m base, a pillar on it, facing north, an arm raised to its right (east), a board to its left front."""
    base = trimesh.creation.cylinder(radius=10, segment=[[0, 0, 0], [0, 0, 30]])
    pillar = trimesh.creation.cylinder(radius=3, segment=[[0, 0, 29], [0, 0, 50]])
    arm = trimesh.creation.box(bounds=[[2, -1, 42], [9, 1, 58]])
    board = trimesh.creation.box(bounds=[[-8, 2, 36], [-2, 6, 44]])
    return trimesh.util.concatenate([base, pillar, arm, board])


def moved(linear: np.ndarray) -> trimesh.Trimesh:
    mesh = landmark()
    faces = mesh.faces if np.linalg.det(linear) > 0 else mesh.faces[:, ::-1]
    return trimesh.Trimesh(mesh.vertices @ linear.T, faces, process=False)


@pytest.fixture(scope="module", autouse=True)
def few_samples() -> None:
    """Enough for the differences tested here, and fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh_truth, "SAMPLES", 4000)
        patch.setattr(mesh_truth, "SEARCH_SAMPLES", 2000)
        patch.setattr(mesh_truth, "YAW_SAMPLES", 1000)
        patch.setattr(mesh_truth, "VIEW_SIZE", 96)
        patch.setattr(outer_surface, "PIXELS", 160)
        patch.setattr(outer_surface, "DIRECTIONS", 32)
        yield


@pytest.fixture(scope="module")
def comparison(few_samples: None) -> TruthComparison:
    return TruthComparison(landmark(), VOLUME, mirror_deg=0.0, upper_from_m=30.0)


def test_truth_against_itself(comparison: TruthComparison) -> None:
    same = comparison.compare(landmark())
    assert same.iou == 1.0 and same.f_2 > 0.99 and same.f_5 == 1.0
    assert same.best_yaw_deg == pytest.approx(0, abs=1) and same.best_scale == pytest.approx(1, abs=0.011)
    assert same.sides_right and same.yaw_contrast > 2 and same.normal_consistency > 0.9
    assert same.diagonal_m == pytest.approx(np.linalg.norm([20, 20, 57]), rel=0.01)
    assert same.chamfer_m < 0.8


def test_of_a_truth_that_quarter_turns_leave_as_it_is_the_yaw_is_within_an_eighth(comparison: TruthComparison) -> None:
    quartered = copy(comparison)
    quartered.turns = 4
    assert quartered.compare(moved(rotation(-80.0))).best_yaw_deg == pytest.approx(-10, abs=1)  # 80 is 90 - 10


@pytest.mark.parametrize("yaw", [10.0, -10.0, 90.0])
def test_turned_truth_is_turned_back(comparison: TruthComparison, yaw: float) -> None:
    turned = comparison.compare(moved(rotation(yaw)))
    assert turned.best_yaw_deg == pytest.approx(-yaw, abs=1)
    assert not turned.sides_right
    if abs(yaw) == 10:
        left_right = [turned.upper_turned_back_m, turned.upper_turned_m]
        assert min(left_right) == left_right[int(yaw > 0)] < turned.upper_m < max(left_right)


def test_mirrored_truth_is_told_apart(comparison: TruthComparison) -> None:
    mirrored = comparison.compare(moved(reflection(0.0)))
    assert mirrored.upper_mirrored_m < 0.5 * mirrored.upper_m
    assert not mirrored.sides_right
    assert mirrored.f_5 > 0.8  # the whole mesh's figures hardly show it


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_scaled_truth_is_scaled_back(comparison: TruthComparison, scale: float) -> None:
    assert comparison.compare(moved(scale * np.eye(3))).best_scale == pytest.approx(1 / scale, abs=0.015)


def test_what_lies_outside_the_own_volume_does_not_count(comparison: TruthComparison) -> None:
    ground = trimesh.creation.box(bounds=[[-50, -50, -1], [50, 50, 0.5]])
    with_ground = comparison.compare(trimesh.util.concatenate([landmark(), ground]))
    assert with_ground.iou == 1.0 and with_ground.f_2 > 0.99


def test_mesh_outside_the_own_volume_fails_everything(comparison: TruthComparison) -> None:
    away = landmark()
    away.apply_translation([500, 0, 0])
    figures = comparison.compare(away)
    assert (figures.iou, figures.f_5, figures.chamfer_m, figures.yaw_contrast) == (0.0, 0.0, float("inf"), 1.0)
    assert FIGURES["Chamfer m"](figures) == "none"
    assert not figures.sides_right


def test_solid_of_revolution_has_the_mean_width_and_no_contrast(comparison: TruthComparison) -> None:
    solid = dict(reference_meshes(comparison, landmark()))["truth revolved"]
    assert solid.is_watertight and solid.volume > 0
    low = solid.vertices[(solid.vertices[:, 2] > 5) & (solid.vertices[:, 2] < 25)]
    np.testing.assert_allclose(np.linalg.norm(low[:, :2], axis=1), 10, atol=0.2)
    assert comparison.compare(solid).yaw_contrast < 1.1


def test_rotation_is_clockwise_and_reflection_keeps_the_facing() -> None:
    np.testing.assert_allclose(rotation(90) @ [0, 1, 0], [1, 0, 0], atol=1e-12)  # north goes to east
    south_east, north_east = np.array([1, -1, 3.0]), np.array([1, 1, 3.0])
    np.testing.assert_allclose(reflection(135.0) @ south_east, south_east, atol=1e-12)
    np.testing.assert_allclose(reflection(135.0) @ north_east, [-1, -1, 3], atol=1e-12)
    assert np.linalg.det(reflection(20.0)) == pytest.approx(-1)


def test_each_figure_of_a_table_stands_below_its_heading() -> None:
    figures = MeshComparison(
        iou=0.8765,
        f_2=0.7,
        f_5=0.951,
        chamfer_m=1.2,
        normal_consistency=0.6,
        upper_m=2.0,
        upper_mirrored_m=3.456,
        upper_turned_back_m=float("inf"),
        upper_turned_m=4.0,
        best_yaw_deg=-3.0,
        yaw_contrast=1.5,
        best_scale=1.02,
        diagonal_m=60.0,
        upper_from_m=30.0,
    )
    assert markdown_table([("one", figures)]).splitlines() == [
        "| mesh | IoU | F 2 % | F 5 % | Chamfer m | normals | upper: to truth m | to mirrored | to turned -10° "
        "| to turned +10° | best yaw ° | yaw contrast | best scale |",
        "| --- " * 13 + "|",
        "| one | 0.876 | 0.700 | 0.951 | 1.20 | 0.600 | 2.00 | 3.46 | none | 4.00 | -3 | 1.50 | 1.02 |",
    ]


def test_what_stands_just_outside_the_own_volume_does_not_count(comparison: TruthComparison) -> None:
    """Within the box that smaller scales would bring into it."""
    beside = trimesh.creation.box(bounds=[[21, -5, 5], [24, 5, 25]])
    figures = comparison.compare(trimesh.util.concatenate([landmark(), beside]))
    assert figures.iou == 1.0 and figures.f_5 > 0.99
