"""Samples of the surface that can be seen from outside, so that overlapping solids and inner shells do not count.

A shape put together from solids has faces inside other solids, and a mesh from a NeRF may have bubbles; neither shows
in a photo. A sample counts if some direction sees it: parallel projections of the whole mesh from 96 directions, from
35 degrees below the horizon to the zenith, are drawn into z-buffers, and the sample must lie on the nearest surface of
one. The bottom of the volume is plugged, so that nobody looks into an open mesh from below. What lies within about two
pixels (0.3 % of the volume) under the surface cannot be told from it.
"""

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from gpslift.metrics.raster import rasterise

DIRECTIONS, LOWEST, PIXELS = 96, -0.57, 640
LEAST_COSINE = 0.25
OVERSAMPLING = 3
Array = NDArray[np.float64]


@dataclass(frozen=True)
class SurfaceSamples:
    """Points [N, 3] on a surface, evenly by area, and its unit normals there [N, 3]."""

    points: Array
    normals: Array

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: slice | NDArray[np.bool_]) -> "SurfaceSamples":
        return SurfaceSamples(self.points[index], self.normals[index])

    def inside(self, low: Array, high: Array) -> "SurfaceSamples":
        """The samples in the box from `low` to `high` [3]."""
        return self[np.all((self.points >= low) & (self.points <= high), axis=1)]

    def transformed(self, linear: Array) -> "SurfaceSamples":
        """The samples under a rotation, reflection or even scaling [3, 3] about the origin."""
        normals = self.normals @ linear.T
        return SurfaceSamples(self.points @ linear.T, normals / np.linalg.norm(normals, axis=1, keepdims=True))


def cut_to_box(mesh: trimesh.Trimesh, low: Array, high: Array) -> trimesh.Trimesh:
    """The part of the mesh in the box, open where the box cuts it; may have no faces."""
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    for axis in range(3):
        for bound, sign in ((low[axis], 1.0), (high[axis], -1.0)):
            if len(faces):
                normal = np.zeros(3)
                normal[axis] = sign
                vertices, faces, _ = trimesh.intersections.slice_faces_plane(
                    vertices, faces, normal, bound * abs(normal)
                )
    return trimesh.Trimesh(vertices, faces, process=False)


def sample_outer_surface(mesh: trimesh.Trimesh, low: Array, high: Array, count: int, seed: int) -> SurfaceSamples:
    """About `count` samples of the mesh's outer surface in the box, evenly by area; none if there is no surface there.

    Three times as many are drawn and the visible ones kept: where fewer than a third are visible, there are fewer.
    """
    part = cut_to_box(mesh, low, high)
    if not len(part.faces) or part.area == 0:
        return SurfaceSamples(np.zeros((0, 3)), np.zeros((0, 3)))
    points, faces = trimesh.sample.sample_surface(part, OVERSAMPLING * count, seed=seed)
    samples = SurfaceSamples(np.asarray(points), np.asarray(part.face_normals)[faces])
    return samples[visible_from_outside(samples, mesh, low, high)][:count]


def visible_from_outside(samples: SurfaceSamples, mesh: trimesh.Trimesh, low: Array, high: Array) -> NDArray[np.bool_]:
    """Which samples [N] in the box from `low` to `high` can be seen from outside the mesh."""
    plugged_vertices, plugged_faces = _with_plug(mesh, low, high)
    corners = np.array(np.meshgrid(*np.column_stack([low, high]), indexing="ij")).reshape(3, -1).T
    visible = np.zeros(len(samples), bool)
    for direction in _directions():
        hidden = np.flatnonzero(~visible)
        points, cosine = samples.points[hidden], np.abs(samples.normals[hidden] @ direction)
        frame = _frame(direction)
        start = (corners @ frame[:, :2]).min(0)
        pixel = np.ptp(corners @ frame[:, :2], axis=0).max() / PIXELS
        from_below = direction[2] < 0
        vertices, faces = (plugged_vertices, plugged_faces) if from_below else (mesh.vertices, mesh.faces)
        buffer = rasterise(_to_screen(vertices, frame, start, pixel), faces, PIXELS, PIXELS)
        column, row = np.clip(((points @ frame[:, :2] - start) / pixel).astype(int), 0, PIXELS - 1).T
        slope = np.sqrt(1 - np.minimum(cosine, 1) ** 2) / np.maximum(cosine, LEAST_COSINE)
        on_surface = points @ direction >= buffer[row, column] - pixel * (1 + slope)
        visible[hidden[on_surface & (cosine > LEAST_COSINE)]] = True
    return visible


def _directions() -> Array:
    """Unit vectors towards the viewers [96, 3], evenly over the sphere above the lowest elevation, on a spiral."""
    index = np.arange(DIRECTIONS) + 0.5
    z = LOWEST + (1 - LOWEST) * index / DIRECTIONS
    angle = np.pi * (1 + np.sqrt(5)) * index
    radius = np.sqrt(1 - z**2)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), z])


def _frame(direction: Array) -> Array:
    """Columns: two axes of the picture plane, and the direction towards the viewer [3, 3]."""
    helper = np.array([1.0, 0, 0]) if abs(direction[2]) > 0.9 else np.array([0, 0, 1.0])
    right = np.cross(helper, direction)
    right /= np.linalg.norm(right)
    return np.column_stack([right, np.cross(direction, right), direction])


def _to_screen(vertices: Array, frame: Array, start: Array, pixel: float) -> Array:
    seen = vertices @ frame
    return np.column_stack([(seen[:, :2] - start) / pixel, seen[:, 2]])


def _with_plug(mesh: trimesh.Trimesh, low: Array, high: Array) -> tuple[Array, NDArray[np.int64]]:
    """Vertices and faces of the mesh and of a rectangle that closes the box, 1 % of its diagonal below it.

    The gap lets a floor that lies on the box's bottom be told from the rectangle, which hides it.
    """
    plug = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    vertices = np.concatenate(
        [mesh.vertices, np.column_stack([plug, np.full(4, low[2] - 0.01 * np.linalg.norm(high - low))])]
    )
    return vertices, np.concatenate([mesh.faces, len(mesh.vertices) + np.array([[0, 1, 2], [0, 2, 3]])])
