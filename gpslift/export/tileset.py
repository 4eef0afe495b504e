"""A 3D Tiles 1.1 tileset of one tile, which sets the GLB on the ground at its true place (OGC 22-025r4)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import Landmark


def tileset(mesh: trimesh.Trimesh, landmark: Landmark, content: str) -> dict[str, Any]:
    """What `tileset.json` holds for a mesh in metres, x east, y north, z up, whose GLB has the relative path `content`.

    Viewers turn the GLB's y-up axes to z-up before the tile's transform (spec, "glTF transforms": (x, y, z) becomes
    (x, -z, y)), which undoes the turn that the export gave it: what the transform gets is east, north, up. So the
    transform is that of the local frame, its 16 numbers column by column ("Tile transforms"), and the bounding volume,
    which lies in the same frame, is the mesh's own box: its middle, then half its sides as axes ("Box").

    Geometric errors are metres of what is missing ("Geometric error"): the whole landmark while the tile is not drawn,
    nothing once it is.
    """
    low, high = mesh.bounds.astype(np.float32).astype(float)  # as the GLB's vertices, so that all are inside
    half_sides = np.diag((high - low) / 2)
    root = {
        "boundingVolume": {"box": [*((low + high) / 2).tolist(), *half_sides.ravel().tolist()]},
        "geometricError": 0.0,
        "refine": "REPLACE",
        "transform": LocalFrame.of_landmark(landmark).to_ecef.T.ravel().tolist(),
        "content": {"uri": content},
    }
    return {"asset": {"version": "1.1"}, "geometricError": float(np.linalg.norm(high - low)), "root": root}


def write_tileset(mesh: trimesh.Trimesh, landmark: Landmark, glb: Path) -> Path:
    """Writes `tileset.json` beside the GLB of `mesh` (metres, x east, y north, z up) and returns its path."""
    path = glb.with_name("tileset.json")
    path.write_text(json.dumps(tileset(mesh, landmark, glb.name), indent=2) + "\n", encoding="utf-8")
    return path
