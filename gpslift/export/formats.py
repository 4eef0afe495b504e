"""Mesh files in metres, and the note beside them that says where on the globe they stand.

The mesh is in the landmark's frame: x east, y north, z up, origin on the ground at the landmark's centre. OBJ and PLY
keep these axes. GLB has y up, as glTF demands, with x still east, so that -z is north and a viewer's front (+z) south.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark

AXES = {
    "glb": {"east": "+x", "north": "-z", "up": "+y"},
    "obj": {"east": "+x", "north": "+y", "up": "+z"},
    "ply": {"east": "+x", "north": "+y", "up": "+z"},
}
ENU_TO_GLTF = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def srgb_to_linear(color: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def write_meshes(
    mesh: trimesh.Trimesh, color: NDArray[np.float64], landmark: Landmark, formats: Sequence[str], folder: Path
) -> dict[str, Path]:
    """Writes `<landmark>.<format>` for each of `formats` ('glb', 'obj', 'ply') and `georeference.json` into `folder`.

    mesh: metres, east north up. color: sRGB in [0, 1] of each vertex [V, 3]; it is kept as sRGB in OBJ and PLY and as
    linear light in GLB, as glTF defines. Returns the path of each format and of 'georeference'.
    """
    unknown = [name for name in formats if name not in AXES]
    if unknown:
        raise UserError(f"export.formats: {unknown[0]!r} is not written here; use some of {', '.join(AXES)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in formats:
        paths[name] = folder / f"{landmark.name}.{name}"
        paths[name].write_bytes(_encode(mesh, np.clip(np.asarray(color, float), 0, 1), name))
    paths["georeference"] = folder / "georeference.json"
    paths["georeference"].write_text(json.dumps(georeference(landmark, formats), indent=2) + "\n", encoding="utf-8")
    return paths


def georeference(landmark: Landmark, formats: Sequence[str]) -> dict[str, Any]:
    """Where the mesh's origin lies on the globe, and which of each file's axes point east, north and up."""
    return {
        "landmark": landmark.title,
        "latitude": landmark.latitude,
        "longitude": landmark.longitude,
        "ellipsoidal_height_m": landmark.ground_ellipsoidal_m,
        "datum": "WGS-84",
        "origin": "the ground at the landmark's centre",
        "unit": "metre",
        "axes": {f"{landmark.name}.{name}": AXES[name] for name in formats},
    }


def _encode(mesh: trimesh.Trimesh, color: NDArray[np.float64], name: str) -> bytes:
    shown = srgb_to_linear(color) if name == "glb" else color
    rgba = np.concatenate([np.round(255 * shown), np.full((len(shown), 1), 255.0)], 1).astype(np.uint8)
    copy = trimesh.Trimesh(np.array(mesh.vertices), np.array(mesh.faces), vertex_colors=rgba, process=False)
    if name == "glb":
        copy.apply_transform(ENU_TO_GLTF)
        return trimesh.exchange.gltf.export_glb(copy, include_normals=True, tree_postprocessor=_matt)
    if name == "obj":
        text = trimesh.exchange.obj.export_obj(copy, include_normals=True, header="metres; x east, y north, z up")
        return text.encode()
    return trimesh.exchange.ply.export_ply(copy, vertex_normal=True)


def _matt(tree: dict[str, Any]) -> None:
    """Gives the mesh a matt material: glTF's default is polished metal, which shows vertex colours nearly black."""
    tree["materials"] = [{"name": "stone", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0}}]
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["material"] = 0
