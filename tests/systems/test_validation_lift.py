"""A lift's figures from its run folder: the truth itself reaches every goal, its mirror image does not."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from gpslift.config import save_config
from gpslift.errors import UserError
from gpslift.export.formats import write_meshes
from gpslift.geo.landmarks import load_landmark
from gpslift.metrics import mesh_truth, outer_surface
from gpslift.procedural.truth import true_mesh
from gpslift.runs import Run, start_run
from gpslift.schema.lift import LiftConfig
from systems.validation import validate_lift
from systems.validation.lift import goals_reached, load_exported

LANDMARK = load_landmark("statue_of_liberty")
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # east, up, south


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for the differences tested here, and fast."""
    for module, name, value in (
        (mesh_truth, "SAMPLES", 3000),
        (mesh_truth, "SEARCH_SAMPLES", 1000),
        (mesh_truth, "YAW_SAMPLES", 1000),
        (mesh_truth, "VIEW_SIZE", 96),
        (outer_surface, "PIXELS", 200),
        (outer_surface, "DIRECTIONS", 32),
    ):
        monkeypatch.setattr(module, name, value)


def exported_run(tmp_path: Path, mesh: trimesh.Trimesh, config: LiftConfig, formats: list[str]) -> Run:
    config.output = str(tmp_path)
    run = start_run(config)
    write_meshes(mesh, np.full((len(mesh.vertices), 3), 0.5), LANDMARK.name, formats, run.export)
    config.export.run = str(run.folder)
    return run


def test_truth_reaches_every_goal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = LiftConfig(name="lift")
    config.validation.truth = "lantern_tower"
    run = exported_run(tmp_path, true_mesh("lantern_tower"), config, ["ply"])
    figures = validate_lift(config)
    assert figures is not None and all(goals_reached(figures).values())
    saved = json.loads((run.folder / "validation.json").read_text(encoding="utf-8"))
    assert saved["figures"]["exported mesh"]["iou"] == 1.0 and all(saved["goals"].values())
    assert len(saved["figures"]) == 6
    assert "| truth mirrored |" in (run.folder / "validation.md").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert "reached: silhouette IoU" in printed and "MISSED" not in printed


def test_mirror_image_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mirrored = true_mesh("statue_of_liberty")
    mirrored.apply_transform(np.pad(mesh_truth.reflection(135.0), ((0, 1), (0, 1))) + np.diag([0, 0, 0, 1.0]))
    config = LiftConfig(name="lift")
    exported_run(tmp_path, mirrored, config, ["ply"])
    figures = validate_lift(config)
    assert figures is not None and not figures.sides_right
    assert "MISSED: upper part closer to the truth" in capsys.readouterr().out


def test_landmark_without_known_truth_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mill.yaml").write_text("name: Mill\nlatitude: 52\nlongitude: 5\nheight: 20\n")
    config = LiftConfig(name="lift", output=str(tmp_path), landmark=str(tmp_path / "mill.yaml"))
    run = start_run(config)
    config.export.run = str(run.folder)
    assert validate_lift(config) is None
    assert "the true shape of mill is not known" in capsys.readouterr().out
    config.validation.truth = "eiffel_tower"
    with pytest.raises(UserError, match=r"validation\.truth=eiffel_tower: no such shape; known are .*stonehenge"):
        validate_lift(config)


@pytest.mark.parametrize("name", ["glb", "obj", "ply"])
def test_exported_mesh_is_read_back_with_z_up(name: str, tmp_path: Path) -> None:
    solid = trimesh.creation.box(bounds=[[1, 2, 3], [5, 7, 9]])
    run = exported_run(tmp_path, solid, LiftConfig(name="lift"), [name])
    mesh = load_exported(run, LANDMARK.name)
    assert mesh is not None
    np.testing.assert_allclose(mesh.bounds, solid.bounds, atol=1e-4)
    assert load_exported(run, "another") is None


def test_sides_are_no_goals_of_a_shape_that_turns_leave_as_it_is(tmp_path: Path) -> None:
    config = LiftConfig(name="lift")
    config.validation.truth = "lantern_tower"
    exported_run(tmp_path, true_mesh("lantern_tower"), config, ["ply"])
    figures = validate_lift(config)
    assert figures is not None
    assert set(goals_reached(figures)) - set(goals_reached(figures, sides_tell=False)) == {
        "upper part closer to the truth than to it mirrored or turned by 10 degrees",
        "best yaw within 3 degrees",
    }


def test_config_names_the_truth(tmp_path: Path) -> None:
    config = LiftConfig(name="lift")
    config.validation.truth = "lantern_tower"
    save_config(config, tmp_path / "config.yaml")
    assert "truth: lantern_tower" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def test_a_mesh_older_than_the_last_checkpoint_or_of_a_format_not_asked_for_is_not_taken(tmp_path: Path) -> None:
    config = LiftConfig(name="lift")
    run = exported_run(tmp_path, true_mesh("lantern_tower"), config, ["ply", "glb"])
    report, checkpoint = run.export / "export.json", run.checkpoints / "step_00000001.ckpt"
    report.write_text(json.dumps({"paths": {"glb": "a.glb"}}), encoding="utf-8")
    (run.export / f"{LANDMARK.name}.ply").write_text("left over", encoding="utf-8")
    checkpoint.touch()
    os.utime(checkpoint, (report.stat().st_mtime - 1,) * 2)
    mesh = load_exported(run, LANDMARK.name)
    assert mesh is not None and len(mesh.faces) == len(true_mesh("lantern_tower").faces)
    os.utime(checkpoint, (report.stat().st_mtime + 1,) * 2)
    assert load_exported(run, LANDMARK.name) is None
    checkpoint.unlink()
    for damaged in ('{"paths": ', "[]", '{"paths": ["a.ply"]}'):
        report.write_text(damaged, encoding="utf-8")
        assert load_exported(run, LANDMARK.name) is None  # and is exported again


@pytest.fixture
def own_lift(tmp_path: Path) -> Callable[..., tuple[LiftConfig, Run]]:
    """A lift of an own landmark, 40 m high, that came out as `mesh`."""
    (tmp_path / "tower.yaml").write_text("name: Tower\nlatitude: 52\nlongitude: 5\nheight: 40\nwidth: 42\n")

    def own_lift(mesh: trimesh.Trimesh, truth: str) -> tuple[LiftConfig, Run]:
        config = LiftConfig(name="lift", output=str(tmp_path), landmark=str(tmp_path / "tower.yaml"))
        run = start_run(config)
        write_meshes(mesh, np.full((len(mesh.vertices), 3), 0.5), "tower", ["ply"], run.export)
        config.export.run, config.validation.truth = str(run.folder), truth
        return config, run

    return own_lift


def tower(deep: float = 8.0) -> trimesh.Trimesh:
    """A tower of 40 m on the ground, with a wing to the east."""
    body = trimesh.creation.box(bounds=[[-10, -deep / 2, 0], [0, deep / 2, 40]])
    wing = trimesh.creation.box(bounds=[[0, -deep / 2, 0], [10, deep / 2, 15]])
    return trimesh.util.concatenate([body, wing])


def test_a_mesh_file_is_a_truth(
    tmp_path: Path, own_lift: Callable[..., tuple[LiftConfig, Run]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Read as the photographer reads it: wherever in its file it lies, with y up too."""
    file = tmp_path / "tower.obj"
    trimesh.Trimesh((tower().vertices + 100) @ Y_UP.T, tower().faces).export(file)
    config, run = own_lift(tower(), str(file))
    figures = validate_lift(config)
    assert figures is not None and figures.iou > 0.99 and figures.best_yaw_deg == pytest.approx(0, abs=1)
    saved = json.loads((run.folder / "validation.json").read_text(encoding="utf-8"))
    assert len(saved["goals"]) == 4 and all(saved["goals"].values())
    assert "its sides are no goals" in (run.folder / "validation.md").read_text(encoding="utf-8")
    assert "its sides are no goals" in capsys.readouterr().out.replace("\n", " ")


def test_validation_can_be_told_which_axis_of_a_mesh_file_points_up(
    tmp_path: Path, own_lift: Callable[..., tuple[LiftConfig, Run]]
) -> None:
    """As deep as high, so that its height does not say it."""
    cube = tower(deep=40.0)
    trimesh.Trimesh(cube.vertices @ Y_UP.T, cube.faces).export(tmp_path / "cube.obj")
    found = {}
    for up in ("y", "z"):
        config, _ = own_lift(cube, str(tmp_path / "cube.obj"))
        config.validation.truth_up = up
        figures = validate_lift(config)
        assert figures is not None
        found[up] = figures.f_2
    assert found["y"] > 0.9 > found["z"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere.obj", None, r"nowhere\.obj: there is no such file"),
        ("odd.glb", bytes(range(256)), r"odd\.glb cannot be read as a mesh"),
        ("empty.obj", b"", r"empty\.obj is empty: it holds no faces"),
        ("tower.fbx", b"", r"tower\.fbx: no such shape; known are .*any mesh file \(\.obj, "),
    ],
)
def test_a_mesh_file_that_cannot_be_the_truth(
    name: str, content: bytes | None, message: str, tmp_path: Path, own_lift: Callable[..., tuple[LiftConfig, Run]]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    config, _ = own_lift(tower(), str(tmp_path / name))
    with pytest.raises(UserError, match=r"^validation\.truth=.*" + message):
        validate_lift(config)


def test_a_true_mesh_in_other_units(tmp_path: Path, own_lift: Callable[..., tuple[LiftConfig, Run]]) -> None:
    tower().apply_scale(100).export(tmp_path / "cm.obj")
    config, _ = own_lift(tower(), str(tmp_path / "cm.obj"))
    with pytest.raises(UserError, match=r"^validation\.truth=.*factor 0\.01.*; validation\.truth_up says which axis"):
        validate_lift(config)
