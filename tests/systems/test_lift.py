"""Lifting: killed and resumed, what is saved, export, bad input, and whether sides come out where they belong."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest
import torch
import trimesh
from torch import Tensor

import launch
import systems.lift
from gpslift.cameras import orbit_cameras
from gpslift.checkpoint_files import checkpoints_of
from gpslift.conditioning.place import Place
from gpslift.config import REPOSITORY, load_config, save_config
from gpslift.errors import UserError
from gpslift.export.formats import ENU_TO_GLTF
from gpslift.geo.landmarks import load_landmark
from gpslift.runs import Run, start_run
from gpslift.schema import ImagePriorConfig, LiftConfig
from renderers.losses import entropy_loss, opacity_loss, sparsity_loss
from systems.lift import LiftSystem, load_renderer
from systems.running import fit, make_trainer, prepare
from tests.guidance.analytic_prior import AnalyticPrior
from tests.systems.tiny_lift import (
    CONFIG,
    KILLS,
    OBJECTIVES,
    STEPS,
    arguments,
    at_step,
    only_run,
    tiny_prior,
    write_prior,
)

LANDMARK = load_landmark("statue_of_liberty")
RED, BLUE = torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1), torch.tensor([0.1, 0.1, 0.9]).view(3, 1, 1)


@dataclass(frozen=True)
class Lifts:
    """What `tests.systems.tiny_lift` left behind."""

    output: Path
    statuses: dict[str, int]

    @property
    def prior(self) -> Path:
        return self.output / "prior"

    def run(self, name: str) -> Run:
        return only_run(self.output, name)


@pytest.fixture(scope="module")
def lifts(tmp_path_factory: pytest.TempPathFactory) -> Lifts:
    """All tiny lifts: whole, killed and resumed."""
    output = tmp_path_factory.mktemp("lifts")
    done = subprocess.run(
        [sys.executable, "-m", "tests.systems.tiny_lift", str(output)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return Lifts(output, json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(autouse=True)
def small_previews_and_own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`prepare` changes settings of the whole process; other tests get theirs back."""
    monkeypatch.setattr(systems.lift, "PREVIEW_SIZE", 16)
    before, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    numba_threads = numba.get_num_threads()
    yield
    torch.use_deterministic_algorithms(before)
    torch.set_num_threads(threads)
    numba.set_num_threads(numba_threads)


def saved(run: Run) -> dict[str, Any]:
    return torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)


def assert_equal(found: Any, expected: Any, where: str = "checkpoint") -> None:
    """Whether two checkpoints are the same to the last bit."""
    assert type(found) is type(expected), where
    if isinstance(expected, Tensor):
        assert torch.equal(found, expected), where
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_equal(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            assert_equal(found[index], value, f"{where}[{index}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("step", KILLS)
def test_killed_at_any_step_and_resumed_it_ends_as_if_never_stopped(lifts: Lifts, objective: str, step: int) -> None:
    assert lifts.statuses["prior"] == lifts.statuses[objective] == 0
    assert lifts.statuses[f"{objective}_{step} killed"] == signal.SIGKILL
    assert lifts.statuses[f"{objective}_{step} resumed"] == 0
    run, whole = lifts.run(f"{objective}_{step}"), lifts.run(objective)
    for part in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "objective"):
        assert_equal(saved(run)[part], saved(whole)[part], part)
    assert saved(run)["global_step"] == STEPS
    assert run.metrics.read_text() == whole.metrics.read_text()


def test_the_objectives_differ_and_something_was_learnt(lifts: Lifts) -> None:
    states = [saved(lifts.run(objective))["state_dict"] for objective in OBJECTIVES]
    start = systems.lift.build_renderer(load_lift(lifts.run("sds")), LANDMARK).state_dict()
    for name in ("field.density_head.hidden.weight", "background.network.0.weight"):
        learnt = [state[f"renderer.{name}"] for state in states]
        assert not torch.equal(learnt[0], learnt[1])
        assert not torch.equal(learnt[0], start[name])


def load_lift(run: Run) -> LiftConfig:
    config = load_config(run.config)
    assert isinstance(config, LiftConfig)
    return config


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_checkpoint_holds_the_renderer_and_nothing_of_the_prior(lifts: Lifts, objective: str) -> None:
    checkpoint = saved(lifts.run(objective))
    parts = {name.split(".")[0] for name in checkpoint["state_dict"]}
    assert parts == {"renderer"}
    weights = sum(tensor.numel() for tensor in checkpoint["state_dict"].values())
    unet = sum(parameter.numel() for parameter in tiny_prior().unet.parameters())
    assert weights < unet  # so that this test would notice a prior
    size = checkpoints_of(lifts.run(objective).checkpoints)[-1].stat().st_size
    assert size < 3 * 4 * weights + 200_000  # weights and Adam's two moments, with room for names and counters


def test_a_run_writes_metrics_and_previews(lifts: Lifts) -> None:
    run = lifts.run("multistep")
    header, *rows = run.metrics.read_text().splitlines()
    assert {"step", "guide", "opacity", "timestep"} <= set(header.split(","))
    assert [int(row.split(",")[header.split(",").index("step")]) for row in rows] == [2, 4, 6, 8, 10, 12]
    assert [path.name for path in run.previews.iterdir()] == [f"step_{STEPS:08d}.png"]
    assert json.loads(run.status.read_text())["state"] == "finished"


def test_export_writes_every_format_in_metres(lifts: Lifts, tmp_path: Path) -> None:
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


def test_an_empty_field_has_nothing_to_export(lifts: Lifts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that bad input prints."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def without(folder: Path, name: str) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("", ["prior.path=", "there is no such folder", "configs/angle2img_statue_of_liberty.yaml"]),
        ("model_index.json", ["is not a prior", "no model_index.json"]),
        ("unet", ["incomplete: unet missing"]),
        ("unet/diffusion_pytorch_model.safetensors", ["cannot be loaded"]),
        ("place_encoder", ["has no place encoder", "train a prior on it"]),
        ("cameras.json", ["cameras.json is missing", "copy the prior again"]),
    ],
)
def test_a_prior_that_cannot_be_lifted_from_is_one_line_and_exit_code_2(
    lifts: Lifts, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str, words: list[str]
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
def test_a_damaged_table_of_cameras_is_told(lifts: Lifts, tmp_path: Path, cameras: str, words: str) -> None:
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
    assert "step 1: the loss is nan" in line and "optim.lr" in line
    assert json.loads(only_run(tmp_path, "lift").status.read_text())["state"] == "failed"


def test_ctrl_c_saves_and_says_how_to_go_on(
    lifts: Lifts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(loss: Tensor) -> Tensor:
        signal.raise_signal(signal.SIGINT)
        return loss

    command = arguments(tmp_path, "lift", lifts.prior)
    monkeypatch.setattr(sys, "argv", ["launch.py", *command])
    with monkeypatch.context() as patch:
        patch.setattr(LiftSystem, "training_step", at_step(4, interrupt))
        assert launch.main(command) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    start = "stopped after step 5; saved. Go on with: python launch.py "
    assert said.startswith(start)
    assert launch.main(shlex.split(said.removeprefix(start))) == 0
    for part in ("state_dict", "objective"):
        assert_equal(saved(only_run(tmp_path, "lift"))[part], saved(lifts.run("multistep"))[part], part)


def test_only_runs_of_this_system_with_a_checkpoint_are_loaded(lifts: Lifts, tmp_path: Path) -> None:
    config = load_config(REPOSITORY / CONFIG, [f"output={tmp_path}"])
    with pytest.raises(UserError, match="no checkpoint"):
        load_renderer(start_run(config))
    run = Run(tmp_path / "prior")
    run.folder.mkdir()
    save_config(ImagePriorConfig(), run.config)
    with pytest.raises(UserError, match=r"system=image_prior; export takes one of system=lift"):
        load_renderer(run)


def system_of(config: LiftConfig, prior: AnalyticPrior, folder: Path) -> LiftSystem:
    table = {"range_m": [400.0], "elevation_deg": [0.0], "frame_width_m": [100.0]}
    cameras = {name: torch.tensor(column) for name, column in table.items()}
    return LiftSystem(config, LANDMARK, prior, cameras, folder)  # type: ignore[arg-type]


def test_render_sizes_go_from_coarse_to_fine(tmp_path: Path) -> None:
    config = LiftConfig()
    config.optim.steps, config.optim.resolutions, config.optim.resolution_steps = 100, [8, 16, 32], [0.0, 0.25, 0.5]
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    assert [system.render_size(step) for step in (0, 24, 25, 49, 50, 99)] == [8, 8, 16, 16, 32, 32]


def test_regularisers_are_weighted_and_ramped(tmp_path: Path) -> None:
    config = LiftConfig()
    losses = config.losses
    losses.opacity, losses.sparsity, losses.entropy, losses.orientation = 2.0, 3.0, 5.0, 0.0
    losses.ramp = [0.25, 0.75]
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    opacity, density = torch.tensor([[[0.25, 0.75]]]), torch.tensor([0.5, 2.0])
    color = torch.zeros(1, 1, 2, 3)
    render: Any = SimpleNamespace(color=color, opacity=opacity, density=density, sampled_normals=None)
    whole = 2 * opacity_loss(opacity) + 3 * sparsity_loss(density, system.renderer.step_length)
    whole = whole + 5 * entropy_loss(opacity)
    for share, ramp in ((0.0, 0.0), (0.25, 0.0), (0.5, 0.5), (0.75, 1.0), (1.0, 1.0)):
        torch.testing.assert_close(system.regularisers(render, share), ramp * whole)


def sphere(place: Place) -> Tensor:
    """Latents [B, 3, 16, 16] of a ball of 30 m about the look-at point, red in the east and blue in the west.

    The frame covers 100 m, from far away. Standing north of it (azimuth 0) and looking south, east is on the left.
    """
    meters = 50 * (torch.arange(16) + 0.5 - 8) / 8
    right, down = meters[None, None, :], meters[None, :, None]
    towards = (30.0**2 - right**2 - down**2).clamp_min(0).sqrt()
    azimuth = torch.deg2rad(place["azimuth_deg"])[:, None, None]
    east = towards * azimuth.sin() - right * azimuth.cos()
    color = torch.where((east > 0)[:, None], RED, BLUE)
    return 2 * torch.where((towards > 0)[:, None], color, torch.tensor(0.8)) - 1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_sides_come_out_where_the_prior_shows_them(objective: str, tmp_path: Path) -> None:
    overrides = arguments(tmp_path, "ball", tmp_path)[2:]
    more = ["optim.steps=100", "optim.lr=0.02", "optim.batch_size=4", "optim.resolutions=[16]", "renderer.samples=48"]
    more += ["optim.resolution_steps=[0]", "guidance.scale=1", "log.checkpoint_every_steps=100"]
    more += ["renderer.grid.log2_table=12", "renderer.occupancy_resolution=16", "renderer.coarse_levels=3"]
    config = load_config(REPOSITORY / CONFIG, [*overrides, *more, f"guidance.objective={objective}"])
    assert isinstance(config, LiftConfig)
    run = start_run(config)
    prepare(config)
    system = system_of(config, AnalyticPrior(sphere, 16), run.previews)
    fit(make_trainer(config, run, max_steps=100, learning_rate=config.optim.lr), system, None, run)
    azimuth = torch.tensor([90.0, 270.0, 0.0, 180.0])
    many = torch.ones(4)
    cameras = orbit_cameras(azimuth, 0 * many, 8 * many, 0.25 * many, torch.tensor(LANDMARK.look_at), 16, 16)
    picture = system.render(cameras)
    redness = (picture.color[..., 0] - picture.color[..., 2])[:, 5:11]  # the rows of the ball's middle
    east, west, north, south = redness
    assert east[:, 6:10].mean() > 0.3 and west[:, 6:10].mean() < -0.3
    assert north[:, 5:7].mean() > 0.2 > -0.2 > north[:, 9:11].mean()
    assert south[:, 9:11].mean() > 0.2 > -0.2 > south[:, 5:7].mean()
    points = torch.tensor([[25.0, 0, 46.5], [-25.0, 0, 46.5]]) / LANDMARK.half_extent_m
    red, _, blue = system.renderer.field.color(points).detach().T
    assert red[0] > blue[0] and blue[1] > red[1]
