"""Mesh files in metres, with a colour at each vertex or a texture.

The mesh is in the landmark's frame: x east, y north, z up, origin on the ground at the landmark's centre. OBJ and PLY
keep these axes. GLB has y up, as glTF demands, with x still east, so that -z is north and a viewer's front (+z) south.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from gpslift.errors import UserError
from gpslift.export.georeference import AXES
from gpslift.export.texture import Texture
from gpslift.srgb import srgb_to_linear

ENU_TO_GLTF = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
LIGHT = "_LIGHT"
"""Vertex colours on their way to GLB: as colours trimesh writes them with 8 bits, too few for shade in linear light."""
OBJ_HEADER = "metres; x east, y north, z up"
# glTF 2.0, 5.27 to 5.29: what a part of the buffer is for, and how a texture is sampled
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
SAMPLER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}  # linear, mip-mapped, not repeated


def write_meshes(
    mesh: trimesh.Trimesh,
    color: NDArray[np.float64],
    name: str,
    formats: Sequence[str],
    folder: Path,
    texture: Texture | None = None,
) -> dict[str, Path]:
    """Writes `<name>.<format>` for each of `formats` ('glb', 'obj', 'ply') into `folder`; returns each one's path.

    mesh: metres, east north up. color: sRGB in [0, 1] of each vertex [V, 3]; it is kept as sRGB in OBJ and PLY and as
    linear light in GLB, as glTF defines. texture: takes the place of vertex colours in GLB, whose viewers would
    multiply the two, and in OBJ, which then has `<name>.mtl` and `<name>_texture.png` beside it (their paths:
    'material', 'texture'). PLY has vertex colours always.
    """
    unknown = [suffix for suffix in formats if suffix not in AXES]
    if unknown:
        raise UserError(f"export.formats: {unknown[0]!r} is not written here; use some of {', '.join(AXES)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = {suffix: folder / f"{name}.{suffix}" for suffix in formats}
    colored = _colored(mesh, np.clip(np.asarray(color, float), 0, 1))
    if "ply" in paths:
        paths["ply"].write_bytes(trimesh.exchange.ply.export_ply(colored, vertex_normal=True))
    if "glb" in paths:
        paths["glb"].write_bytes(_glb(colored, texture))
    if "obj" in paths:
        paths |= _write_obj(colored, texture, paths["obj"])
    return paths


def _colored(mesh: trimesh.Trimesh, color: NDArray[np.float64]) -> trimesh.Trimesh:
    """A copy with these colours [V, 3] at its vertices, and no others."""
    rgba = np.concatenate([np.round(255 * color), np.full((len(color), 1), 255.0)], 1).astype(np.uint8)
    return trimesh.Trimesh(np.array(mesh.vertices), np.array(mesh.faces), vertex_colors=rgba, process=False)


def _textured(mesh: trimesh.Trimesh, texture: Texture, material: Any) -> trimesh.Trimesh:
    """A copy, cut along the texture's seams; its normals are the whole mesh's, so that no seam shows in shading."""
    return trimesh.Trimesh(
        mesh.vertices[texture.source],
        np.array(texture.faces),
        vertex_normals=mesh.vertex_normals[texture.source],
        visual=trimesh.visual.TextureVisuals(texture.uv, material=material),
        process=False,
    )


def _glb(colored: trimesh.Trimesh, texture: Texture | None) -> bytes:
    if texture is None:
        linear = np.round(65535 * srgb_to_linear(colored.visual.vertex_colors / 255)).astype(np.uint16)
        shown = trimesh.Trimesh(colored.vertices, colored.faces, vertex_attributes={LIGHT: linear}, process=False)
    else:
        image = Image.fromarray(texture.image)
        shown = _textured(colored, texture, trimesh.visual.material.PBRMaterial(baseColorTexture=image))
    shown.apply_transform(ENU_TO_GLTF)
    return trimesh.exchange.gltf.export_glb(shown, include_normals=True, tree_postprocessor=_finish)


def _write_obj(colored: trimesh.Trimesh, texture: Texture | None, path: Path) -> dict[str, Path]:
    """Writes the OBJ file and what belongs to it; returns the paths of the latter."""
    shown = colored
    if texture is not None:
        image = Image.fromarray(texture.image)
        white, black = [255, 255, 255], [0, 0, 0]  # factors of the texture's light, and of highlights
        material = trimesh.visual.material.SimpleMaterial(
            image, diffuse=white, ambient=white, specular=black, name=f"{path.stem}_texture"
        )
        shown = _textured(colored, texture, material)
    text, others = trimesh.exchange.obj.export_obj(
        shown, include_normals=True, header=OBJ_HEADER, return_texture=True, mtl_name=f"{path.stem}.mtl"
    )
    path.write_text(text, encoding="utf-8", newline="\n")
    for name, data in others.items():
        path.with_name(name).write_bytes(data)
    return {"material" if name.endswith(".mtl") else "texture": path.with_name(name) for name in others}


def _finish(tree: dict[str, Any]) -> None:
    """Makes the material matt (glTF's default is polished metal, nearly black) and says what each part is for."""
    matt: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    if "textures" in tree:
        matt["baseColorTexture"] = {"index": 0}
        tree["samplers"] = [SAMPLER]
        tree["textures"][0]["sampler"] = 0
    tree["materials"] = [{"name": "stone", "pbrMetallicRoughness": matt}]
    for primitive in (part for mesh in tree["meshes"] for part in mesh["primitives"]):
        primitive["material"] = 0
        if LIGHT in primitive["attributes"]:
            primitive["attributes"]["COLOR_0"] = primitive["attributes"].pop(LIGHT)
            tree["accessors"][primitive["attributes"]["COLOR_0"]]["normalized"] = True
        for accessor in primitive["attributes"].values():
            _view(tree, accessor)["target"] = ARRAY_BUFFER
        _view(tree, primitive["indices"])["target"] = ELEMENT_ARRAY_BUFFER


def _view(tree: dict[str, Any], accessor: int) -> dict[str, Any]:
    """The part of the buffer that an accessor reads."""
    return tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]
