"""A shape from a mesh file, such as OBJ, in place of one made by rule: in metres, on the ground, coloured by face."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.srgb import linear_to_srgb

SUFFIXES = (".obj", ".ply", ".glb", ".gltf", ".stl", ".off")
STONE = (158, 152, 142)
"""sRGB of what has no colour of its own."""
HEIGHT_TOLERANCE = 1.25
"""By how much the mesh may be higher or lower than the landmark: spires are forgotten, other units are not near."""
Y_UP_TO_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])


def is_mesh_file(shape: str) -> bool:
    """Whether `shape` is the path of a mesh file, not a name of a shape made by rule."""
    return shape.lower().endswith(SUFFIXES)


@dataclass(frozen=True)
class MeshKeys:
    """The keys of a config that tell a mesh file and its axis that points up, for errors to name."""

    path: str
    up: str


EMBEDDED = MeshKeys("data.embedded_shape", "data.embedded_up")


def load_shape(path: str, landmark: Landmark, up: str, keys: MeshKeys = EMBEDDED) -> trimesh.Trimesh:
    """The mesh in a file: metres, x east, y north, z up, its lowest point on the ground, its footprint's middle at the
    landmark's centre, face colours.

    up: the file's axis that points up, 'y' (then its -z is north) or 'z' (then its y is north); 'auto' takes the one
    along which the mesh is as high as the landmark. keys: which keys told `path` and `up`. UserError for a file that
    is missing, unreadable or empty, for other units, and for a footprint that the landmark's box does not hold.
    """
    named = f"{keys.path}={path}"
    mesh = _read(named, resolve_path(path))
    if _axis_up(named, mesh, landmark, up, keys.up) == "y":
        mesh.apply_transform(Y_UP_TO_Z_UP)
    low, high = mesh.bounds
    mesh.apply_translation([*(-(low + high)[:2] / 2), -low[2]])
    _check_footprint(named, mesh, landmark)
    return mesh


def _read(named: str, file: Path) -> trimesh.Trimesh:
    """One mesh of all that the file holds, faces outwards, with face colours. named: what errors start with."""
    if not file.is_file():
        raise UserError(f"{named}: there is no such file")
    parts = _parts(named, file)
    corners = [part.triangles for part, _ in parts]
    if not parts or not np.isfinite(np.concatenate(corners)).all() or not np.ptp(np.concatenate(corners)) > 0:
        raise UserError(f"{named} is empty: it holds no faces; export the mesh again")
    merged = trimesh.util.concatenate([part for part, _ in parts])
    merged.visual.face_colors = np.concatenate([colors for _, colors in parts])
    merged.update_faces(merged.nondegenerate_faces())
    merged.merge_vertices()
    trimesh.repair.fix_normals(merged, multibody=True)  # light falls on the outer side of a face only
    return merged


def _parts(named: str, file: Path) -> list[tuple[trimesh.Trimesh, NDArray[np.uint8]]]:
    """Each part of the scene in its place, and its face colours; trimesh's own copies would lack vertices' colours."""
    try:
        scene, parts = trimesh.load_scene(file, process=False), []
        for node in scene.graph.nodes_geometry:
            turn, name = scene.graph[node]
            part = scene.geometry[name]
            if isinstance(part, trimesh.Trimesh) and len(part.faces):
                vertices = trimesh.transform_points(part.vertices, turn)
                parts.append((trimesh.Trimesh(vertices, part.faces, process=False), _face_colors(part)))
        return parts
    except Exception as error:  # each format's reader raises its own kinds; whichever it is, the file is to blame
        raise UserError(f"{named} cannot be read as a mesh: {error}") from error


def _face_colors(mesh: trimesh.Trimesh) -> NDArray[np.uint8]:
    """RGBA [F, 4]: the material's texture, or its colour times the vertices', else the vertices' or faces' own, else
    stone."""
    visual = mesh.visual
    if visual.kind in ("vertex", "face"):
        return np.asarray(visual.face_colors, np.uint8)
    if visual.kind is None:
        return np.tile(np.array([*STONE, 255], np.uint8), (len(mesh.faces), 1))
    texels: Any = None if visual.uv is None else visual.material.to_color(visual.uv)
    if np.shape(texels) == (len(mesh.vertices), 4):  # else a material without a picture, whatever its coordinates
        return np.asarray(texels[mesh.faces], float).mean(1).round().astype(np.uint8)
    return _painted(visual, mesh.faces)


def _painted(visual: TextureVisuals, faces: NDArray[np.int64]) -> NDArray[np.uint8]:
    """RGBA [F, 4] of a material without a picture. In glTF its colour is linear light, white unless it has one, and so
    are the vertices' colours, by which it is multiplied (specification, 3.7.2 and 3.9.2)."""
    color, vertices = np.asarray(visual.material.main_color, np.uint8), visual.vertex_attributes.get("color")
    if not isinstance(visual.material, PBRMaterial):
        return np.tile(color, (len(faces), 1))
    light = np.tile(color[:3] / 255, (len(faces), 1))
    if vertices is not None:
        whole = np.iinfo(vertices.dtype).max if vertices.dtype.kind == "u" else 1
        factor = 1 if visual.material.baseColorFactor is None else light
        light = factor * (vertices[:, :3] / whole)[faces].mean(1)
    return np.column_stack([np.round(255 * linear_to_srgb(light)), np.full(len(faces), 255)]).astype(np.uint8)


def _axis_up(named: str, mesh: trimesh.Trimesh, landmark: Landmark, up: str, up_key: str) -> str:
    """'y' or 'z': `up` or, of the two, the one along which the mesh is nearer to the landmark's height.

    UserError where it is far from that height.
    """
    heights = {axis: max(float(mesh.extents["xyz".index(axis)]), 1e-9) for axis in ("zy" if up == "auto" else up)}
    factors = {axis: landmark.height_m / height for axis, height in heights.items()}
    nearest = min(factors, key=lambda axis: abs(math.log(factors[axis])))
    if abs(math.log(factors[nearest])) <= math.log(HEIGHT_TOLERANCE):
        return nearest
    found = " or ".join(f"{heights[axis]:.3g} (with {axis} up: factor {factors[axis]:.3g})" for axis in heights)
    raise UserError(
        f"{named}: its height is {found}, that of the {landmark.title} {landmark.height_m:.3g} m. "
        f"The mesh must be in metres: scale it by that factor, or correct the landmark's height; {up_key} says "
        "which axis points up"
    )


def _check_footprint(named: str, mesh: trimesh.Trimesh, landmark: Landmark) -> None:
    low, high = mesh.bounds
    if np.all(low[:2] >= landmark.box_min_m[:2]) and np.all(high[:2] <= landmark.box_max_m[:2]):
        return
    wide, deep = mesh.extents[:2]
    raise UserError(
        f"{named} is {wide:.3g} m wide and {deep:.3g} m deep, more than the box of the "
        f"{landmark.title} holds; set width: {math.ceil(max(wide, deep))} in the landmark's file"
    )
