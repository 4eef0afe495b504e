"""Lifting: killed and resumed, what is saved, export, bad input."""

import csv
import json
import os
import re
import shutil
import signal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
import trimesh
from torch import Tensor

import launch
import systems.distillation
import systems.lift
from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import REPOSITORY, load_config, save_config
from gpslift.errors import UserError
from gpslift.export.formats import ENU_TO_GLTF
from gpslift.geo.landmarks import load_landmark
from gpslift.runs import Run, start_run
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.lift import LiftConfig
from systems.distillation import prior_of
from systems.lifted import build_renderer, load_lifted
from tests.priors.tiny_city import tiny_city_prior
from tests.systems.leavings import Leavings, assert_equal, leavings_of, one_error, only_run, saved
from tests.systems.tiny_lift import (
    CONFIG,
    KILLS,
    OBJECTIVES,
    SAID,
    STEPS,
    STOPPED,
    arguments,
    at_step,
    tiny_prior,
    write_prior,
)

LANDMARK = load_landmark("statue_of_liberty")


@pytest.fixture(scope="module")
def lifts(tmp_path_factory: pytest.TempPathFactory) -> Leavings:
    """All tiny lifts: whole, killed and resumed."""
    return leavings_of("tests.systems.tiny_lift", tmp_path_factory.mktemp("lifts"))


@pytest.mark.parametrize(("objective", "step"), [(name, step) for name, steps in KILLS.items() for step in steps])
def test_killed_at_any_step_and_resumed_it_ends_as_if_never_stopped(lifts: Leavings, objective: str, step: int) -> None:
    assert lifts.statuses[objective] == 0
    assert lifts.statuses[f"{objective}_{step} killed"] == signal.SIGKILL
    assert lifts.statuses[f"{objective}_{step} resumed"] == 0
    run, whole = lifts.run(f"{objective}_{step}"), lifts.run(objective)
    for part in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "objectives"):
        assert_equal(saved(run)[part], saved(whole)[part], part)
    assert saved(run)["global_step"] == STEPS
    assert run.metrics.read_text() == whole.metrics.read_text()


def test_the_objectives_differ_and_something_was_learnt(lifts: Leavings) -> None:
    states = [saved(lifts.run(objective))["state_dict"] for objective in OBJECTIVES]
    start = build_renderer(load_lift(lifts.run("sds")), LANDMARK).state_dict()
    for name in ("field.density_head.hidden.weight", "background.ground.0.weight"):
        learnt = [state[f"renderer.{name}"] for state in states]
        assert not any(torch.equal(one, other) for one, other in combinations(learnt, 2))
        assert not torch.equal(learnt[0], start[name])


def load_lift(run: Run) -> LiftConfig:
    config = load_config(run.config)
    assert isinstance(config, LiftConfig)
    return config


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_checkpoint_holds_the_renderer_and_nothing_of_the_prior(lifts: Leavings, objective: str) -> None:
    checkpoint = saved(lifts.run(objective))
    parts = {name.split(".")[0] for name in checkpoint["state_dict"]}
    assert parts == {"renderer"}
    weights = sum(tensor.numel() for tensor in checkpoint["state_dict"].values())
    unet = sum(parameter.numel() for parameter in tiny_prior().unet.parameters())
    assert weights < unet  # so that this test would notice a prior
    size = checkpoints_of(lifts.run(objective).checkpoints)[-1].stat().st_size
    adapted = {name for name, state in checkpoint["objectives"].items() if "adapters" in state}
    assert adapted == {"multistep": {"finish"}, "vsd": {"shape"}}.get(objective, set())
    states = [checkpoint["objectives"][name]["adapters"] for name in adapted]
    adapters = sum(tensor.numel() for state in states for tensor in state.values())
    # weights and Adam's two moments, with room for names and counters
    assert size < 3 * 4 * (weights + adapters) + 200_000


def test_the_last_steps_learn_colours_and_hold_the_shape(lifts: Leavings) -> None:
    at_9, at_12 = checkpoints_of(lifts.run("multistep").checkpoints)[-2:]
    before, after = (torch.load(path, weights_only=True)["state_dict"] for path in (at_9, at_12))
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert any(name.startswith("renderer.field.color_head") for name in changed)
    assert any(name.startswith("renderer.background") for name in changed)
    assert not any(name.startswith(("renderer.field.grid", "renderer.field.density_head")) for name in changed)


def test_a_run_writes_metrics_and_previews(lifts: Leavings) -> None:
    run = lifts.run("multistep")
    header, *rows = run.metrics.read_text().splitlines()
    assert {"step", "guide", "opacity", "timestep"} <= set(header.split(","))
    assert [int(row.split(",")[header.split(",").index("step")]) for row in rows] == [2, 4, 6, 8, 10, 12]
    assert [path.name for path in run.previews.iterdir()] == [f"step_{STEPS:08d}.png"]
    assert json.loads(run.status.read_text())["state"] == "finished"


def test_a_preview_that_fails_finds_its_steps_checkpoint_saved(
    lifts: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(system: systems.lift.LiftSystem, step: int) -> None:
        raise UserError(f"no preview at step {step}")

    monkeypatch.setattr(systems.lift.LiftSystem, "preview", fail)
    assert launch.main(arguments(tmp_path, "lift", lifts.prior, "log.preview_every_steps=3")) == 2
    assert "no preview at step 3" in capsys.readouterr().err
    assert [path.stem for path in checkpoints_of(only_run(tmp_path, "lift").checkpoints)] == ["step_00000003"]


def test_figures_stand_in_the_rows_of_their_stage_alone(lifts: Leavings) -> None:
    """Clearing counts up to step 3.6; the adapters learn in the finish, from step 4 to 8."""
    with open(lifts.run("multistep").metrics, newline="") as file:
        rows = list(csv.DictReader(file))
    has = {name: [int(row["step"]) for row in rows if row[name]] for name in ("guide", "clearing", "adapter_loss")}
    assert has == {"guide": [2, 4, 6, 8, 10, 12], "clearing": [2, 4], "adapter_loss": [6, 8]}


def test_a_lift_from_python_as_the_docs_have_it(lifts: Leavings) -> None:
    run = lifts.run("multistep").folder.parent
    page = (REPOSITORY / "docs/extending.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace('"outputs", "statue_of_liberty"', f"{str(run.parent)!r}, {run.name!r}"), names)
    assert names["picture"].color.shape == (8, 128, 128, 3) and names["picture"].opacity.shape == (8, 128, 128)
    assert names["density"].shape == (1,) and names["color"].shape == (1, 3)


def test_export_writes_every_format_in_metres(lifts: Leavings, tmp_path: Path) -> None:
    run = copy_of(lifts.run("multistep"), tmp_path)
    assert export(run, lifts.prior) == 0
    files = {suffix: run.export / f"{LANDMARK.name}.{suffix}" for suffix in ("ply", "obj", "glb")}
    bounds = {suffix: trimesh.load(file, force="mesh").bounds for suffix, file in files.items()}
    low, high = torch.tensor(LANDMARK.box_min_m), torch.tensor(LANDMARK.box_max_m)
    corners = torch.tensor(bounds["ply"], dtype=torch.float32)
    assert (corners[0] >= low - 0.1).all() and (corners[1] <= high + 0.1).all()
    assert (corners[1] - corners[0]).max() > 10  # metres, not world units
    assert bounds["obj"] == pytest.approx(bounds["ply"], abs=0.01)
    turned = trimesh.transform_points(bounds["ply"], ENU_TO_GLTF)
    assert sorted(bounds["glb"].flatten()) == pytest.approx(sorted(turned.flatten()), abs=0.01)


def test_an_empty_field_has_nothing_to_export(
    lifts: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copy_of(lifts.run("multistep"), tmp_path)
    checkpoint = saved(run)
    checkpoint["state_dict"]["renderer.field.density_head.output.bias"].fill_(-1000.0)
    torch.save(checkpoint, checkpoints_of(run.checkpoints)[-1])
    assert export(run, lifts.prior) == 2
    assert "nothing to export: the density field is flat" in one_error(capsys)


def copy_of(run: Run, folder: Path) -> Run:
    return Run(Path(shutil.copytree(run.folder, folder / "run")))


def export(run: Run, prior: Path) -> int:
    return launch.main([*arguments(run.folder.parent, "lift", prior), "--export", f"export.run={run.folder}"])


def without(folder: Path, name: str) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("", ["prior.path=", "there is no such folder", "configs/angle2img_statue_of_liberty.yaml"]),
        ("model_index.json", ["is not a prior", "no model_index.json"]),
        ("unet", ["incomplete: unet/ missing"]),
        ("unet/diffusion_pytorch_model.safetensors", ["incomplete: unet/diffusion_pytorch_model.safetensors missing"]),
        ("place_encoder", ["has no place encoder", "train a prior on it", "guidance.place=text"]),
        ("cameras.json", ["cameras.json is missing", "copy the prior again"]),
    ],
)
def test_a_prior_that_cannot_be_lifted_from_is_one_line_and_exit_code_2(
    lifts: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str, words: list[str]
) -> None:
    prior = tmp_path / "prior"
    if missing:
        shutil.copytree(lifts.prior, prior)
        without(prior, missing)
    assert launch.main(arguments(tmp_path, "lift", prior)) == 2
    line = one_error(capsys)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        ('{"range_m": [100.0]', "is damaged"),
        ('{"range_m": [100.0], "elevation_deg": [0.0]}', "frame_width_m"),
        ('{"range_m": [], "elevation_deg": [], "frame_width_m": []}', "it holds no cameras"),
        ('{"range_m": [100.0], "elevation_deg": [0.0], "frame_width_m": [0.0]}', "is not above 0"),
    ],
)
def test_a_damaged_table_of_cameras_is_told(lifts: Leavings, tmp_path: Path, cameras: str, words: str) -> None:
    prior = Path(shutil.copytree(lifts.prior, tmp_path / "prior"))
    (prior / "cameras.json").write_text(cameras)
    config = load_lift(lifts.run("sds"))
    config.prior.path, config.output = str(prior), str(tmp_path)
    with pytest.raises(UserError, match=words):
        systems.lift.train(config, start_run(config))


def test_a_loss_that_is_no_number_names_its_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tiny_prior()
    torch.nn.init.constant_(broken.unet.conv_out.bias, float("nan"))
    prior = write_prior(tmp_path / "prior", broken)
    assert launch.main(arguments(tmp_path, "lift", prior)) == 2
    line = one_error(capsys)
    assert "step 11: the loss is nan, after 10 such steps in a row that were left out" in line and "optim.lr" in line
    assert json.loads(only_run(tmp_path, "lift").status.read_text())["state"] == "failed"


def test_ctrl_c_saves_and_says_how_to_go_on(lifts: Leavings) -> None:
    assert os.waitstatus_to_exitcode(lifts.statuses["interrupted"]) == 130
    assert (lifts.output / SAID).read_text().splitlines()[-1].startswith(STOPPED)
    assert lifts.statuses["gone on"] == 0
    for part in ("global_step", "state_dict", "optimizer_states", "objectives"):
        assert_equal(saved(lifts.run("interrupted"))[part], saved(lifts.run("multistep"))[part], part)


def test_resumed_with_other_views_it_asks_for_a_target_of_those(lifts: Leavings, tmp_path: Path) -> None:
    """As a run that lacked memory is told to. Step 9 lies between two uses of a target."""
    shutil.copytree(lifts.run("multistep").folder.parent, tmp_path / "lift")
    run = only_run(tmp_path, "lift")
    *_, at_9, at_12 = checkpoints_of(run.checkpoints)
    at_12.unlink()
    (run.checkpoints / "last").write_text(at_9.name)
    command = arguments(tmp_path, "lift", lifts.prior)
    assert launch.main([*command, "resume=last", "optim.batch_size=1"]) == 0
    colors = saved(run)["objectives"]["colors"]
    assert saved(run)["global_step"] == STEPS and len(colors["target"]) == len(colors["sky"]) == 1


def test_a_prior_of_another_landmark_is_refused(
    lifts: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch.main([*arguments(tmp_path, "lift", lifts.prior), "landmark=stonehenge"]) == 2
    said = capsys.readouterr().err
    assert (
        "the prior is of 'A photo of the Statue of Liberty', but landmark=stonehenge is 'A photo of Stonehenge'" in said
    )


def test_a_prior_of_a_city_is_refused_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prior = write_prior(tmp_path / "prior", tiny_city_prior())
    assert launch.main(arguments(tmp_path, "lift", prior)) == 2
    assert "is the prior of a city, Paris, which knows no sides of a landmark; set prior.path" in one_error(capsys)


def test_a_landmark_without_a_prior_names_the_config_that_trains_one() -> None:
    with pytest.raises(UserError, match=r"landmark=my\.yaml ships; .* run folder of configs/angle2img_own_landmark"):
        prior_of(LiftConfig(landmark="my.yaml"))
    with pytest.raises(UserError, match=r"landmark=big_ben ships; .* such as configs/angle2img_statue_of_liberty"):
        prior_of(LiftConfig(landmark="big_ben"))


def test_only_runs_of_this_system_with_a_checkpoint_are_loaded(lifts: Leavings, tmp_path: Path) -> None:
    config = load_config(REPOSITORY / CONFIG, [f"output={tmp_path}"])
    with pytest.raises(UserError, match="no checkpoint"):
        load_lifted(start_run(config), "cpu")
    run = Run(tmp_path / "prior")
    run.folder.mkdir()
    save_config(ImagePriorConfig(), run.config)
    with pytest.raises(UserError, match=r"system=image_prior; export takes one of system=lift"):
        load_lifted(run, "cpu")


def test_renders_that_the_prior_cannot_see_are_told() -> None:
    paper, prior = load_config(REPOSITORY / "configs/paper/statue_of_liberty.yaml"), tiny_prior()
    small = load_config(REPOSITORY / CONFIG, ["optim.resolutions=[8,16]"])
    assert isinstance(paper, LiftConfig) and isinstance(small, LiftConfig)
    said = systems.lift.too_large_for(prior, paper)
    assert re.search(r"reaches 256 pixels, but the prior in .*statue_of_liberty sees 16.* set prior\.path to", said)
    assert systems.lift.too_large_for(prior, small) == ""


def test_too_little_memory_for_a_lift_names_the_numbers_to_lower(
    lifts: Leavings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(loss: Tensor) -> Tensor:
        return loss + torch.empty(2**50).sum()  # a real refusal: no computer has that much

    monkeypatch.setattr(systems.lift.LiftSystem, "training_step", at_step(1, refuse))
    assert launch.main(arguments(tmp_path, "lift", lifts.prior)) == 2
    line = one_error(capsys)
    for words in (
        "out of memory, with ", " GB taken at most", "renderer.chunk_rays=1024 (now 0, all 512 of a step)",
        "set finish.objective=sds, which keeps no adapters",
        "guidance.gradient_checkpointing=yes", "optim.batch_size (now 2)", "optim.resolutions (now [8, 16])",
        "renderer.samples (now 24)", "renderer.grid.log2_table (now 10)",
    ):  # fmt: skip
        assert words in line
