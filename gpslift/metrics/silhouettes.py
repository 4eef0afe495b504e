"""Silhouettes of meshes, and how well two sets of them agree."""

import numpy as np
import trimesh
from numpy.typing import NDArray

from gpslift.cameras import Cameras
from gpslift.metrics.raster import rasterise

NEAR = 1e-6


def project(vertices: NDArray[np.float64], cameras: Cameras, view: int) -> NDArray[np.float64]:
    """Vertices [V, 3] as `rasterise` wants them, seen by camera `view`: (x, y, 1 / depth); NaN behind the camera."""
    matrix = cameras.camera_to_world[view].detach().cpu().double().numpy()
    local = (vertices - matrix[:3, 3]) @ matrix[:3, :3]
    depth = -local[:, 2]
    inverse = np.where(depth > NEAR, 1 / np.maximum(depth, NEAR), np.nan)
    focal = cameras.height / (2 * np.tan(float(cameras.fov_y[view]) / 2))
    x = cameras.width / 2 + focal * local[:, 0] * inverse
    y = cameras.height / 2 - focal * local[:, 1] * inverse
    return np.column_stack([x, y, inverse])


def silhouettes(mesh: trimesh.Trimesh, cameras: Cameras) -> NDArray[np.bool_]:
    """Where `mesh` (in the cameras' unit) is seen: [V, H, W], true where the ray through a pixel's centre meets it.

    Cameras must stand outside the mesh: triangles that reach behind a camera are left out.
    """
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    views = [
        rasterise(project(vertices, cameras, view), faces, cameras.height, cameras.width)
        for view in range(len(cameras))
    ]
    return np.isfinite(np.stack(views))


def silhouette_iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intersection over union of two sets of silhouettes [V, H, W], view by view [V]; 1 where both are empty."""
    both = (one & other).sum((1, 2))
    either = (one | other).sum((1, 2))
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))
