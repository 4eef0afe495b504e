"""A shape from a mesh file: its way up, its units, its place and its colours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from gpslift.errors import UserError
from gpslift.export.formats import write_meshes
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.procedural.dataset import Recipe, grounded, scene_of
from gpslift.procedural.shapes import shape_of
from gpslift.procedural.shapes.mesh_file import STONE, load_shape
from gpslift.schema.image_prior import DataConfig

MATERIALS = "newmtl red\nKd 1 0 0\nnewmtl blue\nKd 0 0 1\n"


@pytest.fixture
def tower(tmp_path: Path) -> Landmark:
    """A landmark of 40 m height and 24 m width."""
    (tmp_path / "tower.yaml").write_text("name: Tower\nlatitude: 52\nlongitude: 5\nheight: 40\nwidth: 24\n")
    return load_landmark(str(tmp_path / "tower.yaml"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a house of 10 x 20 m under a ridge of 40 m, which lies nearer to its +x side; `turn` [3, 3] its axes."""

    def write(turn: object = np.eye(3), name: str = "house.obj", scale: float = 1.0) -> str:
        base = np.array([[0, 0, 0], [10, 0, 0], [10, 20, 0], [0, 20, 0], [8, 0, 40], [8, 20, 40]], float)
        faces = [[0, 2, 1], [0, 3, 2], [0, 1, 4], [2, 3, 5], [1, 2, 5], [1, 5, 4], [3, 0, 4], [3, 4, 5]]
        trimesh.Trimesh((base + 100) @ np.asarray(turn).T * scale, faces, process=False).export(tmp_path / name)
        return str(tmp_path / name)

    return write


def test_it_stands_on_the_ground_at_the_center(tower: Landmark, write: Callable[..., str]) -> None:
    mesh = load_shape(write(), tower, "auto")
    np.testing.assert_allclose(mesh.bounds, [[-5, -10, 0], [5, 10, 40]], atol=1e-6)
    ridge = mesh.vertices[mesh.vertices[:, 2] > 39]
    np.testing.assert_allclose(ridge[:, 0], 3, atol=1e-6)
    assert mesh.volume == pytest.approx(10 * 40 / 2 * 20)  # positive: faces outwards


def test_a_file_with_y_up_gives_the_same(tower: Landmark, write: Callable[..., str]) -> None:
    straight = load_shape(write(), tower, "auto")
    y_up = write([[1, 0, 0], [0, 0, 1], [0, -1, 0]], "y_up.obj")  # (east, up, -north)
    for up in ("auto", "y"):
        other = load_shape(y_up, tower, up)
        assert other.volume == pytest.approx(straight.volume)
        found = other.vertices[np.lexsort(other.vertices.round(3).T)]
        np.testing.assert_allclose(found, straight.vertices[np.lexsort(straight.vertices.round(3).T)], atol=1e-5)
    with pytest.raises(UserError, match=r"height is 20 \(with z up: factor 2\), .* data\.embedded_up"):
        load_shape(y_up, tower, "z")


def test_faces_that_look_inwards_are_turned(tower: Landmark, write: Callable[..., str]) -> None:
    mirrored = write(np.diag([-1.0, 1.0, 1.0]), "mirrored.obj")
    assert load_shape(mirrored, tower, "z").volume == pytest.approx(4000)


def test_other_units_are_told_with_both_heights_and_the_factor(tower: Landmark, write: Callable[..., str]) -> None:
    with pytest.raises(UserError, match=r"is 4e\+03 \(with z up: factor 0\.01\) or 2e\+03 .*Tower 40 m"):
        load_shape(write(scale=100.0, name="cm.obj"), tower, "auto")
    with pytest.raises(UserError, match=r"height is 131 \(with z up: factor 0\.305\), that of the Tower 40 m"):
        load_shape(write(scale=3.28, name="feet.obj"), tower, "z")


def test_a_footprint_beyond_the_box_asks_for_the_width(tower: Landmark, tmp_path: Path) -> None:
    trimesh.creation.box((60, 12, 40)).export(tmp_path / "long.obj")
    with pytest.raises(UserError, match=r"is 60 m wide and 12 m deep.*set width: 60 in the landmark's file"):
        load_shape(str(tmp_path / "long.obj"), tower, "auto")


@pytest.mark.parametrize("text", ["", "v 1 2 3\nv 2 3 4\n", "no mesh at all\n", "v 1 1 1\nf 1 1 1\n"])
def test_an_empty_file(tower: Landmark, tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.obj").write_text(text)
    with pytest.raises(UserError, match=r"empty\.obj is empty: it holds no faces"):
        load_shape(str(tmp_path / "empty.obj"), tower, "auto")


def test_a_file_that_is_no_mesh_and_one_that_is_not_there(tower: Landmark, tmp_path: Path) -> None:
    (tmp_path / "odd.glb").write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match=r"odd\.glb cannot be read as a mesh"):
        load_shape(str(tmp_path / "odd.glb"), tower, "auto")
    with pytest.raises(UserError, match=r"nowhere\.obj: there is no such file"):
        shape_of(tower, "nowhere.obj", "auto")


def test_colors_of_materials_else_stone(tower: Landmark, write: Callable[..., str], tmp_path: Path) -> None:
    plain = Path(write())
    assert (load_shape(str(plain), tower, "auto").visual.face_colors[:, :3] == STONE).all()
    lines = [line for line in plain.read_text().splitlines() if line.startswith(("v ", "f "))]
    first = next(number for number, line in enumerate(lines) if line.startswith("f "))
    lines[first:first] = ["mtllib house.mtl", "usemtl red"]
    lines[first + 4 : first + 4] = ["usemtl blue"]  # after two faces
    (tmp_path / "house.mtl").write_text(MATERIALS)
    plain.write_text("\n".join(lines))
    colors = load_shape(str(plain), tower, "auto").visual.face_colors[:, :3].tolist()
    assert sorted(colors) == [[0, 0, 255]] * 6 + [[255, 0, 0]] * 2


def test_the_photographer_sees_it(tower: Landmark, write: Callable[..., str]) -> None:
    scene = scene_of(grounded(tower), write(), "auto")
    directions = np.array([[-1.0, 0, 0], [-1.0, 0, 0.35]], np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seen = scene.silhouette(np.array([50.0, 0, 20], np.float32), directions)
    assert seen.tolist() == [True, True]
    assert not scene.silhouette(np.array([50.0, 0, 60], np.float32), directions).any()


def test_the_folder_of_photos_follows_from_what_the_files_say(tower: Landmark, write: Callable[..., str]) -> None:
    recipe = Recipe(grounded(tower), write(), 64, 0)
    mesh = shape_of(tower, recipe.shape, "auto")
    name = recipe.folder_name(mesh)
    assert name.startswith("tower-house-64-seed0-v3-")
    mesh.visual.face_colors[0] = [9, 9, 9, 255]
    assert recipe.folder_name(mesh) != name
    statue = load_landmark("statue_of_liberty")
    plain = Recipe(statue, statue.name, 12000, 0).folder_name(mesh)
    assert plain == "statue_of_liberty-statue_of_liberty-12000-seed0-v3"


def test_the_real_low_poly_statue(odd_photos: Path, tmp_path: Path) -> None:
    file = odd_photos / "meshes" / "statue_of_liberty_lowpoly" / "statue_of_liberty.obj"
    (tmp_path / "own.yaml").write_text("name: Low\nlatitude: 52\nlongitude: 5\nheight: 93\n")
    landmark = load_landmark(str(tmp_path / "own.yaml"))
    with pytest.raises(UserError, match=r"height is 0\.633 \(with z up: factor 147\) or 0\.296"):
        load_shape(str(file), landmark, DataConfig().embedded_up)
    trimesh.load(file).apply_scale(147.0).export(tmp_path / "metres.obj")
    mesh = load_shape(str(tmp_path / "metres.obj"), landmark, "auto")
    assert mesh.extents[2] == pytest.approx(93.07, abs=0.01) and len(mesh.faces) == 1905


@pytest.mark.parametrize("picture", ["", "map_Kd gone.png\n"])
def test_coordinates_without_a_picture_leave_the_materials_colour(
    tower: Landmark, tmp_path: Path, picture: str
) -> None:
    (tmp_path / "a.mtl").write_text(f"newmtl red\nKd 1 0 0\n{picture}")
    corners = [(0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 40)]
    lines = ["mtllib a.mtl", *(f"v {x} {y} {z}" for x, y, z in corners), "vt 0 0", "vt 1 0", "vt 0 1", "usemtl red"]
    faces = [(1, 3, 2), (1, 2, 4), (2, 3, 4), (3, 1, 4)]
    lines += ["f " + " ".join(f"{corner}/{n + 1}" for n, corner in enumerate(face)) for face in faces]
    (tmp_path / "a.obj").write_text("\n".join(lines) + "\n")
    mesh = load_shape(str(tmp_path / "a.obj"), tower, "auto")
    assert set(map(tuple, mesh.visual.face_colors[:, :3].tolist())) == {(255, 0, 0)}


def test_factors_of_gltf_are_linear(tower: Landmark, tmp_path: Path) -> None:
    """0.216 is 0.5 of a screen's scale, 0.0513 a quarter of it, by the sRGB curve."""
    box = trimesh.creation.box((20, 40, 20))
    material = trimesh.visual.material.PBRMaterial(baseColorFactor=[0.216, 0.0513, 1.0, 1.0])
    box.visual = trimesh.visual.TextureVisuals(material=material)
    box.export(tmp_path / "a.glb")
    mesh = load_shape(str(tmp_path / "a.glb"), tower, "auto")
    assert mesh.visual.face_colors[0, :3] == pytest.approx([128, 64, 255], abs=1)


def test_colors_of_our_own_glb_are_its_vertices(tower: Landmark, tmp_path: Path) -> None:
    """In light, which is what the renderer averages over a face; the dark ones, too."""
    box = trimesh.creation.box((20, 20, 40))
    colors = np.where(box.vertices[:, 2:] > 0, [[0.8, 0.4, 0.1]], [[0.05, 0.1, 0.02]])
    mesh = load_shape(str(write_meshes(box, colors, "box", ["glb"], tmp_path)["glb"]), tower, "auto")
    top, foot = (mesh.visual.face_colors[mesh.face_normals[:, 2] * sign > 0.9, :3] for sign in (1, -1))
    np.testing.assert_allclose(top, [[204, 102, 26]] * 2, atol=1)
    np.testing.assert_allclose(foot, [[13, 26, 5]] * 2, atol=1)
