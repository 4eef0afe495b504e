"""What is removed from a raw surface, and what must stay."""

import numpy as np
import pytest
import trimesh

from gpslift.export import cleanup
from gpslift.export.cleanup import cleaned, part_labels, remove_floaters, simplify


def box(center: tuple[float, float, float], size: tuple[float, float, float]) -> trimesh.Trimesh:
    mesh = trimesh.creation.box(extents=size)
    mesh.apply_translation(center)
    return mesh


def join(*parts: trimesh.Trimesh) -> trimesh.Trimesh:
    return trimesh.util.concatenate(list(parts))


def stonehenge() -> trimesh.Trimesh:
    """Five stones of 4 m, one low stump, and a lintel that hangs in the air."""
    stones = [box((6 * np.cos(angle), 6 * np.sin(angle), 2), (1, 1, 4)) for angle in np.linspace(0, 5, 5)]
    return join(*stones, box((0, 0, 0.05), (0.2, 0.2, 0.1)), box((0, 0, 4.5), (3, 1, 1)))


def test_parts_are_told_apart() -> None:
    assert len(np.unique(part_labels(stonehenge()))) == 7
    assert len(np.unique(part_labels(trimesh.creation.icosphere()))) == 1


def test_standing_stones_and_hanging_lintel_stay_and_the_speck_goes() -> None:
    henge = stonehenge()
    speck = box((3, 0, 3), (0.1, 0.1, 0.1))
    clean, removed = remove_floaters(join(henge, speck), 0.02, ground=0.0, height=6.0)
    assert (removed.floaters, removed.cavities) == (1, 0)
    assert removed.area_share == pytest.approx(0.06 / (henge.area + 0.06))
    assert clean.area == pytest.approx(henge.area)
    assert clean.is_watertight
    assert "1 floaters" in str(removed)


def test_share_zero_removes_nothing() -> None:
    speck = box((3, 0, 3), (0.1, 0.1, 0.1))
    clean, removed = remove_floaters(join(stonehenge(), speck), 0.0, ground=0.0, height=6.0)
    assert removed.floaters == 0 and len(clean.faces) == 8 * 12
    assert str(removed) == "nothing removed"


def test_bubble_inside_a_solid_goes() -> None:
    bubble = trimesh.creation.icosphere(radius=0.5)
    bubble.invert()
    clean, removed = remove_floaters(join(box((0, 0, 0), (4, 4, 4)), bubble), 0.02, ground=-2.0, height=4.0)
    assert removed.cavities == 1
    assert clean.volume == pytest.approx(64)


def test_simplified_mesh_keeps_budget_shape_and_closure() -> None:
    dense = join(trimesh.creation.icosphere(subdivisions=5), box((0, 0, 3), (1, 1, 1)).subdivide().subdivide())
    simple = simplify(dense, 1000)
    assert len(simple.faces) <= 1010
    assert simple.is_watertight and simple.is_winding_consistent
    assert simple.volume == pytest.approx(dense.volume, rel=0.03)


def test_mesh_within_the_budget_is_returned_as_it_is() -> None:
    mesh = trimesh.creation.icosphere()
    assert simplify(mesh, len(mesh.faces)) is mesh


def test_what_simplification_leaves_hanging_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ball, first = trimesh.creation.icosphere(subdivisions=4), box((0, 0, 2), (0.1, 0.1, 0.1))
    left_behind = box((2, 0, 0), (0.1, 0.1, 0.1))
    monkeypatch.setattr(cleanup, "simplify", lambda mesh, faces: join(simplify(mesh, faces), left_behind))
    mesh, removed = cleaned(join(ball, first), 1000, 0.02, ground=-1.0, height=3.0)
    assert len(np.unique(part_labels(mesh))) == 1 and len(mesh.faces) <= 1000
    assert (removed.floaters, removed.cavities) == (2, 0)
    assert removed.area_share == pytest.approx(2 * 0.06 / (ball.area + 0.06), rel=0.02)


def test_what_lies_in_the_lowest_twentieth_stands() -> None:
    low, high = (box((3, 0, bottom + 0.05), (0.1, 0.1, 0.1)) for bottom in (0.28, 0.32))  # 0.3 is 5 % of 6
    assert remove_floaters(join(stonehenge(), low), 0.02, ground=0.0, height=6.0)[1].floaters == 0
    assert remove_floaters(join(stonehenge(), high), 0.02, ground=0.0, height=6.0)[1].floaters == 1
