"""Files read back by trimesh: metres, colours, orientation, and the note on where they stand."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from gpslift.errors import UserError
from gpslift.export.formats import ENU_TO_GLTF, srgb_to_linear, write_meshes
from gpslift.geo.landmarks import load_landmark

LANDMARK = load_landmark("statue_of_liberty")


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


def read(path: Path) -> trimesh.Trimesh:
    (mesh,) = trimesh.load_scene(path, process=False).geometry.values()
    return mesh


@pytest.mark.parametrize("name", ["obj", "ply"])
def test_z_up_files_come_back_as_they_were(
    name: str, solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path
) -> None:
    mesh = read(write_meshes(solid, colors, LANDMARK, [name], tmp_path)[name])
    np.testing.assert_allclose(mesh.bounds, [[-5, -8, 0], [20, 8, 40]], atol=1e-4)
    assert mesh.volume == pytest.approx(solid.volume, rel=1e-5)
    np.testing.assert_allclose(mesh.visual.vertex_colors[:, :3] / 255, colors, atol=1 / 255)


def test_glb_has_y_up_and_is_not_mirrored(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    mesh = read(write_meshes(solid, colors, LANDMARK, ["glb"], tmp_path)["glb"])
    np.testing.assert_allclose(mesh.bounds, [[-5, 0, -8], [20, 40, 8]], atol=1e-4)
    assert mesh.volume == pytest.approx(solid.volume, rel=1e-5)
    arm = mesh.vertices[mesh.vertices[:, 0] > 10]
    assert (arm[:, 2] <= -6 + 1e-4).all() and (arm[:, 1] >= 34 - 1e-4).all()
    linear = mesh.visual.vertex_attributes["color"][:, :3] / 255
    np.testing.assert_allclose(linear, srgb_to_linear(colors), atol=1 / 255)


def test_rotation_to_gltf_is_a_rotation() -> None:
    rotation = ENU_TO_GLTF[:3, :3]
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_array_equal(rotation @ [1, 0, 0], [1, 0, 0])  # east
    np.testing.assert_array_equal(rotation @ [0, 1, 0], [0, 0, -1])  # north
    np.testing.assert_array_equal(rotation @ [0, 0, 1], [0, 1, 0])  # up


def test_glb_material_is_matt(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    data = write_meshes(solid, colors, LANDMARK, ["glb"], tmp_path)["glb"].read_bytes()
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + length])
    primitive = tree["meshes"][0]["primitives"][0]
    material = tree["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material == {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    assert {"POSITION", "NORMAL", "COLOR_0"} <= set(primitive["attributes"])


def test_linear_light_of_known_values() -> None:
    np.testing.assert_allclose(
        srgb_to_linear(np.array([0.0, 0.04045, 0.5, 1.0])), [0, 0.0031308, 0.2140411, 1], atol=1e-6
    )


def test_note_says_where_the_origin_stands(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    path = write_meshes(solid, colors, LANDMARK, ["glb", "ply"], tmp_path)["georeference"]
    note = json.loads(path.read_text(encoding="utf-8"))
    assert (note["latitude"], note["longitude"]) == (LANDMARK.latitude, LANDMARK.longitude)
    assert note["ellipsoidal_height_m"] == LANDMARK.ground_ellipsoidal_m
    assert note["axes"]["statue_of_liberty.glb"] == {"east": "+x", "north": "-z", "up": "+y"}
    assert note["axes"]["statue_of_liberty.ply"] == {"east": "+x", "north": "+y", "up": "+z"}


def test_unknown_format_is_refused(solid: trimesh.Trimesh, colors: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"export\.formats: 'stl'"):
        write_meshes(solid, colors, LANDMARK, ["stl"], tmp_path)
