"""The whole export of a known field: files, sizes in metres, what was removed, and refusal of an empty one."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from gpslift.errors import UserError
from gpslift.export import export_landmark
from gpslift.geo.landmarks import load_landmark
from gpslift.schema.export import ExportConfig

LANDMARK = replace(
    load_landmark("statue_of_liberty"),
    half_extent_m=50.0,
    box_min_m=(-50.0, -50.0, -5.0),
    box_max_m=(50.0, 50.0, 100.0),
)
CONFIG = ExportConfig(resolution=64, faces=2000, picture_size=32, turntable_frames=4)


def test_export_of_two_balls_and_a_speck(solid_field: Any, tmp_path: Path) -> None:
    field = solid_field([[0.0, 0.0, 0.2], [0.5, 0.2, 1.0], [-0.6, -0.6, 1.6]], [0.5, 0.3, 0.05])
    report = export_landmark(
        field.density, field.color, field.render, LANDMARK, replace(CONFIG, floater_share=0.1), tmp_path / "export"
    )
    meshes, place = {"glb", "obj", "ply"}, {"georeference", "placemark", "tileset"}
    assert set(report.paths) == meshes | place | {"pictures", "turntable", "report"}
    assert all(path.stat().st_size > 0 for path in report.paths.values())
    assert report.removed.floaters == 1 and report.watertight and report.faces <= 2020
    mesh = trimesh.load(report.paths["ply"], process=False)
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_allclose(mesh.bounds, [[-28, -28, 0], [43, 28, 68]], atol=2.5)
    colors = mesh.visual.vertex_colors[:, :3]
    assert (colors[mesh.vertices[:, 0] > 2] == [255, 0, 0]).all() and (
        colors[mesh.vertices[:, 0] < -2] == [0, 0, 255]
    ).all()
    saved = json.loads(report.paths["report"].read_text(encoding="utf-8"))
    assert saved["level"] == report.level and saved["faces"] == report.faces
    assert any("agree best" in line for line in report.summary())


def test_given_level_is_used_and_normals_are_asked_for_where_they_show(solid_field: Any, tmp_path: Path) -> None:
    field = solid_field([[0.0, 0.0, 0.8]], [0.5])
    config = replace(CONFIG, level=30.0, formats=["ply"])
    asked = []

    def with_normals(cameras: Any) -> Any:
        asked.append(cameras)
        return field.render(cameras)

    def without_normals(cameras: Any) -> Any:
        return SimpleNamespace(**{**vars(field.render(cameras)), "normal": None})

    report = export_landmark(field.density, field.color, without_normals, LANDMARK, config, tmp_path, with_normals)
    assert len(asked) == 8  # the picture grid's views and no others
    assert report.level == 30.0 and "set by export.level" in report.level_explanation
    assert report.size_m == pytest.approx((50, 50, 50), abs=1.0)


def test_what_the_export_before_wrote_and_this_one_did_not_is_removed(solid_field: Any, tmp_path: Path) -> None:
    field = solid_field([[0.0, 0.0, 0.8]], [0.5])
    (tmp_path / "notes.txt").write_text("mine")
    config = replace(CONFIG, level=30.0)
    export_landmark(field.density, field.color, field.render, LANDMARK, config, tmp_path)
    assert {"statue_of_liberty.glb", "tileset.json"} < {path.name for path in tmp_path.iterdir()}
    config = replace(config, formats=["ply"])
    report = export_landmark(field.density, field.color, field.render, LANDMARK, config, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", *(path.name for path in report.paths.values())}
    assert {"statue_of_liberty.glb", "tileset.json"} < set(report.gone)
    assert any(line.startswith("removed, as it was of the export before: ") for line in report.summary())


def test_empty_field_is_refused_with_advice(solid_field: Any, tmp_path: Path) -> None:
    field = solid_field([[0.0, 0.0, 0.8]], [0.5])
    with pytest.raises(UserError, match=r"flat \(densities run from 0 to 0 .*train longer.*losses\.sparsity"):
        export_landmark(lambda points: torch.zeros(len(points)), field.color, field.render, LANDMARK, CONFIG, tmp_path)
    assert not list(tmp_path.iterdir())


def test_textured_export_shows_the_field_in_the_picture_and_is_still_set_on_the_globe(
    solid_field: Any, tmp_path: Path
) -> None:
    pytest.importorskip("xatlas")
    field = solid_field([[0.0, 0.0, 0.8]], [0.5])
    config = replace(CONFIG, level=30.0, formats=["glb"], texture=True, texture_size=64)
    report = export_landmark(field.density, field.color, field.render, LANDMARK, config, tmp_path)
    assert {"glb", "tileset", "georeference", "placemark"} <= set(report.paths)
    (mesh,) = trimesh.load_scene(report.paths["glb"], process=False).geometry.values()
    east = mesh.triangles_center[:, 0] > 5
    colors = mesh.visual.material.baseColorTexture.convert("RGB").getcolors()
    assert {color for _, color in colors} == {(255, 0, 0), (0, 0, 255)}  # nothing black between the islands
    shown = trimesh.visual.color.uv_to_color(mesh.visual.uv[mesh.faces].mean(1), mesh.visual.material.baseColorTexture)
    assert (shown[east, :3] == [255, 0, 0]).all()


def test_a_damaged_report_of_the_last_export_is_written_anew(solid_field: Any, tmp_path: Path) -> None:
    field = solid_field([[0.0, 0.0, 0.8]], [0.5])
    config = replace(CONFIG, formats=["ply"])
    (tmp_path / "export.json").write_text('{"paths": {"ply": "stat')
    report = export_landmark(field.density, field.color, field.render, LANDMARK, config, tmp_path)
    assert json.loads(report.paths["report"].read_text(encoding="utf-8"))["faces"] == report.faces
