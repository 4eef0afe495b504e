"""A texture atlas for a mesh: cut open and laid flat by xatlas, then painted from the field, without OpenGL."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from gpslift.errors import UserError
from gpslift.export.texels import nearest_triangles

PADDING = 2  # texels between islands
REACH = 1.5  # texels round an island that show its border; beyond, the nearest shown texel is repeated
ColorFunction = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Points [N, 3] -> sRGB [N, 3] in [0, 1]."""


@dataclass(frozen=True)
class Texture:
    """A picture for a mesh, and how it lies on it.

    source: the mesh's vertex that each vertex of the cut mesh is a copy of [W]. faces: triangles of the cut mesh, in
    the order of the mesh's own [F, 3]. uv: place in the picture [W, 2] in [0, 1], (0, 0) at the bottom left. image:
    sRGB [S, S, 3], row 0 at the top; no texel is empty.
    """

    source: NDArray[np.int64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float64]
    image: NDArray[np.uint8]


def import_xatlas() -> Any:
    """The package that lays meshes flat. UserError, with what to install, where it is missing."""
    try:
        import xatlas
    except ImportError as error:
        raise UserError(
            f"export.texture=yes needs the package xatlas ({error}); pip install xatlas, or set export.texture=no, "
            "which writes vertex colours"
        ) from error
    return xatlas


def make_texture(mesh: trimesh.Trimesh, colors_at: ColorFunction, size: int) -> Texture:
    """The texture of size x size texels whose every texel has the colour of the surface point that it shows."""
    source, faces, uv = unwrap(mesh, size)
    return Texture(source, faces, uv, bake(mesh.vertices[source][faces], uv[faces], colors_at, size))


def unwrap(mesh: trimesh.Trimesh, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Cuts a mesh into islands that lie flat side by side: `source`, `faces` and `uv` as in `Texture`.

    Equal areas get about equally many texels. The same mesh always gives the same islands.
    """
    xatlas = import_xatlas()
    atlas, packing = xatlas.Atlas(), xatlas.PackOptions()
    packing.resolution, packing.padding = size, PADDING
    vertices, normals = (np.asarray(values, np.float32) for values in (mesh.vertices, mesh.vertex_normals))
    atlas.add_mesh(vertices, np.asarray(mesh.faces, np.uint32), normals)
    atlas.generate(pack_options=packing)
    source, faces, uv = atlas[0]
    return source.astype(np.int64), faces.astype(np.int64), uv.astype(np.float64)


def bake(
    corners: NDArray[np.float64], uv: NDArray[np.float64], colors_at: ColorFunction, size: int
) -> NDArray[np.uint8]:
    """The picture [size, size, 3] of triangles with corners in space [F, 3, 3] and in the picture [F, 3, 2].

    Between the islands the nearest shown texel is repeated, so that filtering and mip-maps mix in no other colour.
    """
    texels = nearest_triangles(np.stack([uv[..., 0], 1 - uv[..., 1]], -1) * size, size, REACH)
    points = (texels.weights[..., None] * corners[texels.triangle]).sum(1)
    image = np.zeros((size * size, 3), np.uint8)
    image[texels.index] = np.round(255 * np.clip(colors_at(points), 0, 1))
    empty = np.ones(size * size, bool)
    empty[texels.index] = False
    row, column = distance_transform_edt(empty.reshape(size, size), return_distances=False, return_indices=True)
    return image.reshape(size, size, 3)[row, column]
