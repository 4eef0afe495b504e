"""Files read back by trimesh and judged by Khronos' validator: metres, colours, textures, orientation."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from gpslift.errors import UserError
from gpslift.export.formats import ENU_TO_GLTF, write_meshes
from gpslift.export.texture import Texture
from gpslift.srgb import srgb_to_linear
from tests.export.node import gltf_report

NAME = "statue_of_liberty"


@pytest.fixture(scope="module")
def solid() -> trimesh.Trimesh:
    """A 40 m block with an arm that points east at the top of its north side: no mirror image of itself."""
    body = trimesh.creation.box(bounds=[[-5, -8, 0], [5, 8, 40]])
    arm = trimesh.creation.box(bounds=[[5.5, 6, 34], [20, 8, 36]])
    return trimesh.util.concatenate([body, arm])


@pytest.fixture(scope="module")
def colors(solid: trimesh.Trimesh) -> np.ndarray:
    """Gold for the arm, grey for the body."""
    return np.where((solid.vertices[:, :1] > 5.2), [[1.0, 0.8, 0.2]], [[0.5, 0.5, 0.5]])


@pytest.fixture(scope="module")
def texture(solid: trimesh.Trimesh) -> Texture:
    """Each triangle on its own half of one picture, whose left is red and whose right is green."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :32, 0], image[:, 32:, 1] = 255, 255
    uv = np.tile([[0.1, 0.1], [0.2, 0.1], [0.1, 0.9]], (len(solid.faces), 1))
    return Texture(np.asarray(solid.faces).ravel(), np.arange(len(uv)).reshape(-1, 3), uv, image)


def read(path: Path) -> trimesh.Trimesh:
    (mesh,) = trimesh.load_scene(path, process=False).geometry.values()
    return mesh


@pytest.mark.parametrize("name", ["obj", "ply"])
def test_z_up_files_come_back_as_they_were(
    name: str, solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path
) -> None:
    mesh = read(write_meshes(solid, colors, NAME, [name], tmp_path)[name])
    np.testing.assert_allclose(mesh.bounds, [[-5, -8, 0], [20, 8, 40]], atol=1e-4)
    assert mesh.volume == pytest.approx(solid.volume, rel=1e-5)
    np.testing.assert_allclose(mesh.visual.vertex_colors[:, :3] / 255, colors, atol=1 / 255)


def test_glb_has_y_up_and_is_not_mirrored(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    mesh = read(write_meshes(solid, colors, NAME, ["glb"], tmp_path)["glb"])
    np.testing.assert_allclose(mesh.bounds, [[-5, 0, -8], [20, 40, 8]], atol=1e-4)
    assert mesh.volume == pytest.approx(solid.volume, rel=1e-5)
    arm = mesh.vertices[mesh.vertices[:, 0] > 10]
    assert (arm[:, 2] <= -6 + 1e-4).all() and (arm[:, 1] >= 34 - 1e-4).all()
    linear = mesh.visual.vertex_attributes["color"][:, :3] / 65535
    np.testing.assert_allclose(linear, srgb_to_linear(np.round(255 * colors) / 255), atol=1 / 65535)


def test_rotation_to_gltf_is_a_rotation() -> None:
    rotation = ENU_TO_GLTF[:3, :3]
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_array_equal(rotation @ [1, 0, 0], [1, 0, 0])  # east
    np.testing.assert_array_equal(rotation @ [0, 1, 0], [0, 0, -1])  # north
    np.testing.assert_array_equal(rotation @ [0, 0, 1], [0, 1, 0])  # up


def test_glb_material_is_matt(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    data = write_meshes(solid, colors, NAME, ["glb"], tmp_path)["glb"].read_bytes()
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + length])
    primitive = tree["meshes"][0]["primitives"][0]
    material = tree["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material == {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    assert {"POSITION", "NORMAL", "COLOR_0"} <= set(primitive["attributes"])


@pytest.mark.parametrize("suffix", ["glb", "obj"])
def test_texture_takes_the_place_of_vertex_colors(
    suffix: str, solid: trimesh.Trimesh, colors: np.ndarray, texture: Texture, tmp_path: Path
) -> None:
    mesh = read(write_meshes(solid, colors, NAME, [suffix], tmp_path, texture)[suffix])
    assert len(mesh.vertices) == len(texture.source) and mesh.visual.kind == "texture"
    assert mesh.volume == pytest.approx(solid.volume, rel=1e-5)
    np.testing.assert_allclose(mesh.visual.uv, texture.uv, atol=1e-6)
    material = mesh.visual.material
    image = material.baseColorTexture if suffix == "glb" else material.image
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), texture.image)
    normals = solid.vertex_normals[texture.source]
    if suffix == "glb":
        normals = normals @ ENU_TO_GLTF[:3, :3].T
    np.testing.assert_allclose(mesh.vertex_normals, normals, atol=1e-5)


def test_textured_obj_names_its_files_and_ply_keeps_its_colors(
    solid: trimesh.Trimesh, colors: np.ndarray, texture: Texture, tmp_path: Path
) -> None:
    paths = write_meshes(solid, colors, NAME, ["obj", "ply"], tmp_path, texture)
    assert {name: path.name for name, path in paths.items()} == {
        "obj": f"{NAME}.obj",
        "ply": f"{NAME}.ply",
        "material": f"{NAME}.mtl",
        "texture": f"{NAME}_texture.png",
    }
    assert f"map_Kd {NAME}_texture.png" in paths["material"].read_text(encoding="utf-8")
    np.testing.assert_allclose(read(paths["ply"]).visual.vertex_colors[:, :3] / 255, colors, atol=1 / 255)


@pytest.mark.parametrize("textured", [False, True])
def test_validator_of_khronos_has_nothing_to_say(
    textured: bool, solid: trimesh.Trimesh, colors: np.ndarray, texture: Texture, tmp_path: Path
) -> None:
    path = write_meshes(solid, colors, NAME, ["glb"], tmp_path, texture if textured else None)["glb"]
    report = gltf_report(path)
    assert report["issues"]["messages"] == []
    assert report["info"]["hasTextures"] is textured


def test_unknown_format_is_refused(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"export\.formats: 'stl'"):
        write_meshes(solid, colors, NAME, ["stl"], tmp_path)
