"""One's own landmark from end to end, by the command line: photos of a mesh file, or real ones with azimuths told,
then a prior, a lift from it, and its export, all of a landmark that is in no data file.
"""

import csv
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

import launch
import systems.distillation
from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import load_config
from gpslift.runs import last_run
from tests.systems.settings import settings_kept
from tests.systems.tiny_lift import arguments

PRIOR = "configs/angle2img_own_landmark.yaml"
OWN = "name: Barn of Lund\nlatitude: 55.70406\nlongitude: 13.19364\nheight: 20\n"
TINY = [
    "device=cpu",
    "precision=32",
    "threads=1",
    "log.every_steps=1",
    "optim.steps=3",
    "optim.batch_size=4",
    "backbone.image_size=16",
    "backbone.channels=[32,32]",
    "backbone.token_dim=32",
]


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A folder with the landmark's file as working directory; other tests get back the settings that jobs change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(systems.distillation, "PREVIEW_SIZE", 16)
    Path("barn.yaml").write_text(OWN)
    with settings_kept():
        yield


def train_prior(*more: str) -> Path:
    """The run folder of a prior of the barn."""
    own = ["landmark=barn.yaml", "name=barn", "output=outputs", "data.cache=cache"]
    assert launch.main(["--config", PRIOR, "--train", *own, *TINY, *more]) == 0
    return last_run("outputs", "barn").folder


def test_from_a_mesh_file_to_a_model_on_the_globe(capsys: pytest.CaptureFixture[str]) -> None:
    barn = trimesh.creation.box((10, 16, 20))
    barn.visual.face_colors = [200, 90, 60, 255]
    barn.export("barn.obj")
    prior = train_prior("data.embedded_shape=barn.obj", "data.embedded_photos=64")
    assert "landmark=barn.yaml" in capsys.readouterr().out  # the command that lifts it
    assert "Azimuth prior of Barn of Lund" in (prior / "prior" / "README.md").read_text()
    assert load_config(prior / "config.yaml").landmark == str(prior / "landmark.yaml")

    lift = arguments(Path("outputs"), "lift", prior, "landmark=barn.yaml", "optim.steps=4")
    assert launch.main([*lift, "--train"]) == 0
    run = last_run("outputs", "lift")
    Path("barn.yaml").unlink()  # the run has its own
    shutil.move(run.folder, "moved")
    capsys.readouterr()
    export = ["--config", "moved/config.yaml", "--export", "export.run=moved"]
    assert launch.main(export) == 0
    said = capsys.readouterr().out
    assert (
        said.startswith("exporting moved\n") and "on a globe the mesh stands at 0 m; set ground_ellipsoidal_m" in said
    )
    note = json.loads(Path("moved/export/georeference.json").read_text())
    assert (note["landmark"], note["latitude"], note["longitude"]) == ("Barn of Lund", 55.70406, 13.19364)
    assert note["ellipsoidal_height_m"] is None
    size = trimesh.load(Path("moved/export/barn_of_lund.glb"), force="mesh").extents
    assert 0 < size.max() < 22  # metres: the box of the landmark is 21.2 m wide and high

    Path("barn.yaml").write_text(OWN + "ground_ellipsoidal_m: 77.5\n")  # learnt since
    assert launch.main([*export, "landmark=barn.yaml"]) == 0
    assert "the mesh stands at" not in capsys.readouterr().out
    note = json.loads(Path("moved/export/georeference.json").read_text())
    assert (note["ellipsoidal_height_m"], note["mesh_height_m"]) == (77.5, 77.5)
    Path("barn.yaml").write_text(OWN.replace("55.7", "55.8"))
    assert launch.main([*export, "landmark=barn.yaml"]) == 0
    assert "barn.yaml has another name, place or size than this lift" in capsys.readouterr().out
    assert json.loads(Path("moved/export/georeference.json").read_text())["latitude"] == 55.70406
    assert launch.main([*export, "landmark=bran.yaml"]) == 0
    assert "note: landmark=bran.yaml is not there; this lift is exported with its own" in capsys.readouterr().out


def test_a_mesh_in_other_units_stops_before_any_photo_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    trimesh.creation.box((1, 1, 2)).export("small.obj")
    assert launch.main(["--config", PRIOR, "landmark=barn.yaml", "data.embedded_shape=small.obj"]) == 2
    assert "its height is 2 (with z up: factor 10) or 1 (with y up: factor 20)" in capsys.readouterr().err


def test_a_landmark_file_without_height(capsys: pytest.CaptureFixture[str]) -> None:
    Path("barn.yaml").write_text(OWN.partition("height")[0])
    assert launch.main(["--config", PRIOR, "landmark=barn.yaml"]) == 2
    assert "landmark=barn.yaml: height missing" in capsys.readouterr().err


def test_real_photos_without_gps_train_by_their_azimuths(odd_photos: Path) -> None:
    """Ten photos of a model house, whose azimuths structure from motion found, counter-clockwise from anywhere."""
    house = odd_photos / "house_ring10"
    rows = list(csv.DictReader((house / "azimuth_colmap.csv").open()))
    lines = [f"{row['image']},{-float(row['azimuth_deg_sfm']) % 360:.3f}" for row in rows]
    Path("azimuths.csv").write_text("\n".join(["file,azimuth_deg", *lines]) + "\n")
    run = train_prior(f"data.photos={house}", "data.azimuths=azimuths.csv", "data.judge_share=0.1")
    table = list(csv.DictReader((run / "metrics.csv").open()))
    assert len(table) == 3 and all(0 < float(row["loss"]) < 10 for row in table)
    state = torch.load(checkpoints_of(run / "checkpoints")[-1], weights_only=True)
    assert state["global_step"] == 3
    assert all(math.isfinite(float(values.float().sum())) for values in state["state_dict"].values())
    cameras = json.loads((run / "prior" / "cameras.json").read_text())
    assert np.isfinite([cameras["range_m"], cameras["elevation_deg"], cameras["frame_width_m"]]).all()
