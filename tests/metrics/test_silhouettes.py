"""Silhouettes against ray casting, and the overlap of squares worked out by hand."""

import numpy as np
import pytest
import trimesh

from gpslift.export.views import framing_cameras, ring
from gpslift.metrics.silhouettes import silhouette_iou, silhouettes


def test_silhouettes_are_what_rays_meet() -> None:
    pytest.importorskip("embreex")
    mesh = trimesh.util.concatenate(
        [trimesh.creation.icosphere(radius=0.5), trimesh.creation.box(bounds=[[0.2, 0.3, 0.4], [0.9, 0.5, 0.8]])]
    )
    cameras = framing_cameras((-1, -1, -1), (1, 1, 1), ring(5), 20.0, 64)
    origins, directions = (rays.reshape(-1, 3).double().numpy() for rays in cameras.rays())
    expected = mesh.ray.intersects_any(origins, directions).reshape(5, 64, 64)
    assert 0.05 < expected.mean() < 0.5
    assert (silhouettes(mesh, cameras) != expected).mean() < 1e-3


def test_raised_arm_is_on_the_side_where_it_stands() -> None:
    arm = trimesh.creation.box(bounds=[[0.5, -0.1, 0.5], [0.9, 0.1, 0.9]])  # east and high
    north, east, south, _ = silhouettes(arm, framing_cameras((-1, -1, -1), (1, 1, 1), ring(4), 0.0, 64))
    assert north[:32, :32].any() and not north[:, 32:].any() and not north[32:].any()  # from the north, east is left
    assert south[:32, 32:].any() and not south[:, :32].any()
    assert east[:, 30].any() and east[:, 33].any()


def test_triangles_behind_the_camera_are_not_seen() -> None:
    cameras = framing_cameras((-1, -1, -1), (1, 1, 1), [0.0], 0.0, 32)
    behind = trimesh.creation.icosphere()
    behind.apply_translation([0, 50, 0])
    assert not silhouettes(behind, cameras).any()


def test_overlap_of_squares() -> None:
    one, other = np.zeros((3, 8, 8), bool), np.zeros((3, 8, 8), bool)
    one[:2, 0:4, 0:4] = True
    other[0, 2:6, 2:6] = True
    np.testing.assert_allclose(silhouette_iou(one, other), [4 / 28, 0, 1])
