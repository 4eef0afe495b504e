"""Refining a lift: killed and resumed, what is learnt, export, bad input."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
import trimesh
from torch import Tensor

import launch
from gpslift.config import load_config
from gpslift.errors import UserError
from gpslift.geo.landmarks import load_landmark
from gpslift.runs import Run
from tests.systems.leavings import Leavings, assert_equal, leavings_of, one_error, only_run, saved
from tests.systems.tiny_refine import CONFIG, EVERY, STEPS, arguments, make_ball

LANDMARK = load_landmark("statue_of_liberty")


@pytest.fixture(scope="module")
def refinements(tmp_path_factory: pytest.TempPathFactory) -> Leavings:
    """All tiny refinements: whole, killed and resumed."""
    return leavings_of("tests.systems.tiny_refine", tmp_path_factory.mktemp("refinements"))


def weights(run: Run) -> dict[str, Tensor]:
    return saved(run)["state_dict"]


def test_killed_between_two_uses_of_a_target_and_resumed_it_ends_as_if_never_stopped(refinements: Leavings) -> None:
    statuses = {name: os.waitstatus_to_exitcode(status) for name, status in refinements.statuses.items()}
    assert statuses == {"whole": 0, "killed": -signal.SIGKILL, "resumed": 0}
    stopped, whole = refinements.run("stopped"), refinements.run("whole")
    for part in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "objectives", "cut"):
        assert_equal(saved(stopped)[part], saved(whole)[part], part)
    assert saved(whole)["global_step"] == STEPS == 2 * EVERY
    assert stopped.metrics.read_text() == whole.metrics.read_text()


def test_colors_and_background_follow_the_prior(refinements: Leavings) -> None:
    whole, lift = weights(refinements.run("whole")), weights(refinements.run("statue_of_liberty"))
    for name in ("field.grid.table", "field.color_head.output.weight", "background.sky.0.weight"):
        assert not torch.equal(whole[f"renderer.{name}"], lift[f"renderer.{name}"]), name
    assert torch.equal(
        whole["renderer.field.density_head.output.weight"], lift["renderer.field.density_head.output.weight"]
    )
    assert 100 < len(whole["renderer.faces"]) <= 600


def test_a_run_writes_metrics_previews_and_the_lifts_config(refinements: Leavings) -> None:
    run = refinements.run("whole")
    header, *rows = run.metrics.read_text().splitlines()
    assert {"step", "guide", "opacity", "timestep"} <= set(header.split(","))
    assert [int(row.split(",")[header.split(",").index("step")]) for row in rows] == [2, 4, 6]
    assert [path.name for path in run.previews.iterdir()] == [f"step_{STEPS:08d}.png"]
    assert load_config(run.folder / "lift.yaml").system == "lift"


def test_export_writes_what_a_lifts_export_writes_and_needs_no_lift(
    refinements: Leavings, capsys: pytest.CaptureFixture[str]
) -> None:
    run = refinements.run("whole")
    command = arguments(refinements.output, "whole", refinements.prior, "refine.run=gone", "export.faces=4321")
    assert launch.main([*command, "--export"]) == 0
    assert "note: export.faces: of no effect, as this mesh was cut when its refinement began" in capsys.readouterr().out
    files = {"ply", "obj", "glb", "mp4", "png"}
    assert {f"{LANDMARK.name}.{suffix}" for suffix in files} | {"export.json", "georeference.json"} <= {
        path.name for path in run.export.iterdir()
    }
    mesh = trimesh.load(run.export / f"{LANDMARK.name}.ply", process=False)
    state = weights(run)
    rest = state["renderer.vertices"] * LANDMARK.half_extent_m
    assert torch.equal(torch.tensor(mesh.faces), state["renderer.faces"])
    assert torch.allclose(torch.tensor(mesh.vertices).float(), rest, atol=1e-3)  # metres
    report = json.loads((run.export / "export.json").read_text())
    assert "agree best" in report["level_explanation"] and report["watertight"]


def test_resumed_with_fewer_steps_than_it_has_it_says_so_and_stays_as_it_was(
    refinements: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(refinements.run("whole").folder.parent, tmp_path / "whole")
    run = only_run(tmp_path, "whole")
    previews, config = sorted(run.previews.iterdir()), run.config.read_text()
    assert launch.main(arguments(tmp_path, "whole", refinements.prior, "resume=last", f"optim.steps={STEPS - 2}")) == 0
    said = capsys.readouterr().out
    assert f"nothing to train: this run is at step {STEPS} already, and optim.steps is {STEPS - 2}; raise" in said
    assert re.search(r"^next: .* --export export\.run=", said, re.MULTILINE)
    assert (sorted(run.previews.iterdir()), run.config.read_text()) == (previews, config)


def test_a_lift_of_another_landmark_is_refused(
    refinements: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_ball(tmp_path, "stones", "landmark=stonehenge")
    command = arguments(tmp_path, "refined", refinements.prior, f"refine.run={other.folder}")
    assert launch.main(command) == 2
    assert "is a lift of landmark=stonehenge, this config has landmark=statue_of_liberty" in one_error(capsys)


def test_a_prior_that_is_gone_is_told_before_the_surface_is_cut(
    refinements: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ball = make_ball(tmp_path, "ball", "landmark=statue_of_liberty")
    command = arguments(tmp_path, "refined", refinements.prior, f"refine.run={ball.folder}", "prior.path=gone/prior")
    assert launch.main(command) == 2
    told = capsys.readouterr()
    assert "prior.path=gone/prior: there is no such folder" in told.err and "density level" not in told.out


def test_a_lift_of_ones_own_landmark_is_refined_from_its_own_prior_by_an_objective_that_knows_cameras(
    refinements: Leavings, tmp_path: Path
) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("name: the Statue of Liberty\nlatitude: 40.6892\nlongitude: -74.0445\nheight: 93\n")
    ball = make_ball(tmp_path, "ball", f"landmark={own}", f"prior.path={refinements.prior}")
    assert load_config(ball.config).landmark != str(own)  # a run has its own copy
    more = [f"refine.run={ball.folder}", f"landmark={own}", "guidance.objective=vsd", "optim.steps=2"]
    command = arguments(tmp_path, "refined", refinements.prior, *more)
    assert launch.main([word for word in command if not word.startswith("prior.path")]) == 0
    state = saved(only_run(tmp_path, "refined"))
    assert state["global_step"] == 2 and state["objectives"]["shape"]["adapters"]


def test_without_a_lift_it_says_what_is_missing(
    refinements: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch.main(arguments(tmp_path, "refined", refinements.prior, "refine.lift=nothing")) == 2
    error = one_error(capsys)
    assert "there is no lift to refine: no run named 'nothing'" in error and "set refine.lift or refine.run" in error


def test_a_refinement_is_no_lift_and_a_lift_no_refinement(
    refinements: Leavings, capsys: pytest.CaptureFixture[str]
) -> None:
    lift, refined = refinements.run("statue_of_liberty"), refinements.run("whole")
    assert (
        launch.main(arguments(lift.folder.parent, "x", refinements.prior, "--export", f"export.run={lift.folder}")) == 2
    )
    assert "is a run of system=lift" in one_error(capsys)
    assert launch.main(arguments(lift.folder.parent, "x", refinements.prior, f"refine.run={refined.folder}")) == 2
    assert "is a run of system=refine" in one_error(capsys)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("guidance.tint=0.1", r"unknown key 'guidance.tint'"),
        ("guidance.stride=2", r"unknown key 'guidance.stride'"),
        ("guidance.t_end=[0.5,0.2]", r"guidance.t_end=\[0.5, 0.2\] must be two numbers, the lower one first"),
        ("devices=2", "a refinement runs in one process"),
    ],
)
def test_what_a_refinement_cannot_do_is_refused(override: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_config(CONFIG, [override])
