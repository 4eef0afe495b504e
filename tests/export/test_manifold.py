"""Sheets that touch are taken apart: two faces at every edge, and the shape stays."""

import numpy as np
import pytest
import trimesh

from gpslift.export.cleanup import simplify
from gpslift.export.manifold import separate_sheets
from gpslift.export.surface import DensityGrid, extract_surface

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def tetrahedra_on_an_edge() -> tuple[np.ndarray, np.ndarray]:
    """Two tetrahedra of volume 1/6 that share the edge from (0, 0, 0) to (0, 0, 1)."""
    corners = np.array([[0.0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    one, other = np.array([0, 2, 3, 1]), np.array([0, 4, 5, 1])
    return corners, np.concatenate([one[TETRAHEDRON], other[TETRAHEDRON]])


def test_shared_edge_is_doubled() -> None:
    corners, faces = tetrahedra_on_an_edge()
    assert not trimesh.Trimesh(corners, faces, process=False).is_watertight
    mesh = trimesh.Trimesh(*separate_sheets(corners, faces), process=True)  # merging by position must not undo it
    assert mesh.is_watertight and mesh.is_winding_consistent and len(mesh.faces) == 8 and len(mesh.vertices) == 8
    assert mesh.body_count == 2
    assert mesh.volume == pytest.approx(2 / 6, rel=0.03)


def test_shared_vertex_is_doubled() -> None:
    corners, faces = tetrahedra_on_an_edge()
    corners = np.concatenate([corners, [[0, 0, 2.0]]])
    faces[4:][faces[4:] == 1] = 6  # the second one's top is a corner of its own: one vertex is shared
    vertices, faces = separate_sheets(corners, faces)
    assert len(vertices) == 8 and len(np.unique(vertices, axis=0)) == 8
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight


def test_faces_back_to_back_cancel() -> None:
    ball = trimesh.creation.icosphere(subdivisions=1)
    a, b = ball.faces[0], ball.faces[1]
    faces = np.concatenate([ball.faces, [a, a[::-1], b[[1, 0, 2]], b]])
    vertices, faces = separate_sheets(ball.vertices, faces)
    assert len(faces) == len(ball.faces)
    assert trimesh.Trimesh(vertices, faces, process=False).volume == pytest.approx(ball.volume)


def test_sheets_that_share_an_edge_and_hang_together_at_both_its_ends() -> None:
    # a ring whose hole is pinched: two vertical edges of its inner wall are pressed onto one another
    mesh = trimesh.creation.annulus(r_min=1, r_max=2, height=1, sections=8)
    inner = np.flatnonzero(np.linalg.norm(mesh.vertices[:, :2], axis=1) < 1.5)
    angle = np.arctan2(mesh.vertices[inner, 1], mesh.vertices[inner, 0])
    merged = np.arange(len(mesh.vertices))
    for height in (-0.5, 0.5):
        level = inner[np.isclose(mesh.vertices[inner, 2], height)]
        pressed = [level[np.argmin(np.abs(angle[np.isin(inner, level)] - at))] for at in (0.0, np.pi / 2)]
        merged[pressed[1]] = pressed[0]
    faces = merged[mesh.faces]
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    assert not trimesh.Trimesh(mesh.vertices, faces, process=False).is_watertight
    apart = trimesh.Trimesh(*separate_sheets(mesh.vertices, faces), process=True)
    assert apart.is_watertight and apart.is_winding_consistent


def test_open_mesh_is_refused() -> None:
    with pytest.raises(ValueError, match="not closed"):
        separate_sheets(np.eye(3), np.array([[0, 1, 2]]))


def test_rough_surface_is_simplified_to_its_budget_and_stays_watertight() -> None:
    noise = np.random.default_rng(0).random((24, 24, 24)).astype(np.float32)
    rough = extract_surface(DensityGrid(noise, np.zeros(3), np.ones(3) / 23), 0.6)
    assert len(rough.faces) > 20_000
    simple = simplify(rough, 4000)
    assert len(simple.faces) <= 4000
    assert simple.is_watertight and simple.is_winding_consistent
    merged = trimesh.Trimesh(simple.vertices, simple.faces, process=True)
    assert merged.is_watertight
