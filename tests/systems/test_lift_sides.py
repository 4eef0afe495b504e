"""Lifting from a prior whose pictures are known: sides come out where they belong; sizes and regularisers by hand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gpslift.cameras import orbit_cameras
from gpslift.conditioning.place import Place
from gpslift.config import REPOSITORY, load_config
from gpslift.geo.landmarks import load_landmark
from gpslift.guidance.objectives import Seen
from gpslift.runs import start_run
from gpslift.schema.lift import LiftConfig
from renderers.decided import sharpened
from renderers.losses import entropy_loss, opacity_loss, sparsity_loss
from renderers.render import Picture, Render
from systems.devices import prepare
from systems.lift import LiftSystem, seen
from systems.running import fit, make_trainer
from tests.guidance.analytic_prior import AnalyticPrior
from tests.systems.tiny_lift import CONFIG, arguments

LANDMARK = load_landmark("statue_of_liberty")
RED, BLUE = torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1), torch.tensor([0.1, 0.1, 0.9]).view(3, 1, 1)


def system_of(config: LiftConfig, prior: AnalyticPrior, folder: Path) -> LiftSystem:
    table = {"range_m": [400.0], "elevation_deg": [0.0], "frame_width_m": [100.0]}
    cameras = {name: torch.tensor(column) for name, column in table.items()}
    config.finish.objective = "sds"  # this prior has no layers that could be adapted
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
    losses.ramp, losses.undecided = [0.25, 0.75], 0.6
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    opacity, density = torch.tensor([[[0.25, 0.75]]]), torch.tensor([0.5, 2.0])
    color = torch.zeros(1, 1, 2, 3)
    render: Any = SimpleNamespace(color=color, opacity=opacity, density=density, sampled_normals=None)
    whole = 2 * opacity_loss(opacity) + 3 * sparsity_loss(density, system.renderer.step_length)
    whole = whole + 5 * entropy_loss(opacity, losses.undecided)
    for share, ramp in ((0.0, 0.0), (0.25, 0.0), (0.5, 0.5), (0.75, 1.0), (1.0, 1.0)):
        torch.testing.assert_close(system.regularisers(render, share)[0], ramp * whole)


def test_undecided_pictures_are_shown_more_solid_and_more_so_as_the_regularisers_grow(tmp_path: Path) -> None:
    config = LiftConfig()
    config.optim.steps, config.losses.ramp = 10, [0.5, 0.9]
    config.guidance.decided, config.guidance.decided_end, config.guidance.decided_from = [0.4, 0.6], [0.8, 1.0], 0.2
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    opacity = torch.full((1, 4, 4), 0.65)
    color = torch.full((1, 4, 4, 3), 0.5)
    nothing: Any = torch.zeros(0)
    render = Render(color, opacity, opacity, color, None, nothing, nothing, nothing, None)
    assert system.shown(render, 1) is render
    assert torch.equal(system.shown(render, 4).opacity, opacity)  # decided enough
    halfway = system.shown(render, 7).opacity  # between 0.6 and 0.8
    torch.testing.assert_close(halfway, sharpened(opacity, (0.6, 0.8)))
    torch.testing.assert_close(system.shown(render, 9).opacity, sharpened(opacity, (0.8, 1.0)))
    assert (opacity < halfway).all() and (halfway < system.shown(render, 9).opacity).all()


@pytest.mark.parametrize(
    ("objective", "expected"), [("multistep", ["looks at", "judges the render"]), ("sds", ["judges what was shown"])]
)
def test_the_prior_sees_what_was_shown_and_its_pictures_are_compared_with_the_render(
    objective: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, found = LiftConfig(), list[str]()
    config.optim.steps, config.optim.resolutions, config.optim.resolution_steps = 10, [16], [0.0]
    config.guidance.objective = objective
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    of = type(system.objective)
    look, judge = of.look, of.__call__

    def looked(self: Any, pictures: Seen, *args: Any) -> None:
        assert (pictures.clear == 0.25).all()
        found.append("looks at")
        look(self, pictures, *args)

    def judged(self: Any, pictures: Seen, *args: Any) -> tuple[Tensor, dict[str, float]]:
        found.append("judges what was shown" if (pictures.clear == 0.25).all() else "judges the render")
        return judge(self, pictures, *args)

    monkeypatch.setattr(of, "look", looked)
    monkeypatch.setattr(of, "__call__", judged)
    monkeypatch.setattr(LiftSystem, "shown", lambda _, render, step: replace(render, opacity=0 * render.opacity + 0.75))
    monkeypatch.setattr(LiftSystem, "global_step", 4)
    monkeypatch.setattr(LiftSystem, "log", lambda *_, **__: None)
    system.training_step(0, 0)
    assert found == expected


@pytest.mark.parametrize(
    ("objective", "step", "held"),
    [
        ("multistep", 2, ()),
        ("multistep", 3, ("background.sky",)),
        ("multistep", 7, ("background.sky",)),
        ("multistep", 8, ("field.grid", "field.density_head")),
        ("sds", 7, ("background.sky",)),
        ("sds", 8, ("field.grid", "field.density_head")),
    ],
)
def test_the_sky_is_learnt_where_noise_hides_the_render_and_the_shape_before_the_last_steps(
    objective: str, step: int, held: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LiftConfig()
    config.guidance.objective = objective
    config.optim.steps, config.optim.sky_share, config.coloring.share = 10, 0.3, 0.2
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    optimizer = torch.optim.Adam(system.renderer.parameters())
    before = {name: value.detach().clone() for name, value in system.renderer.named_parameters()}
    for parameter in system.renderer.parameters():
        parameter.grad = torch.ones_like(parameter)
    monkeypatch.setattr(LiftSystem, "global_step", step)
    system.on_before_optimizer_step(optimizer)
    optimizer.step()
    for name, value in system.renderer.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith(held)


def test_the_tint_is_a_samples_own_and_lies_on_what_is_behind(tmp_path: Path) -> None:
    config = LiftConfig()
    config.optim.steps, config.optim.batch_size, config.guidance.tint = 10, 3, 0.2
    config.guidance.tint_between, config.finish.share = [0.5, 0.9], 0.0
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    assert not system.tint(4, 12).any() and not system.tint(9, 12).any()  # before and after its time
    tint = system.tint(5, 12)
    assert tint.shape == (3, 3, 1, 1) and tint.unique().numel() == 9
    assert torch.equal(system.tint(8, 14)[:1], tint[2:])  # of sample 14, whatever the step and the batch
    spread = torch.cat([system.tint(5, first) for first in range(0, 300, 3)])
    assert float(spread.std()) == pytest.approx(0.2, rel=0.1) and abs(float(spread.mean())) < 0.03
    opacity = torch.tensor([[[0.0, 0.25, 1.0]]]).expand(3, 1, 3)
    render: Any = SimpleNamespace(
        color=torch.full((3, 1, 3, 3), 0.5), opacity=opacity, background=torch.full((3, 1, 3, 3), 0.2)
    )
    shown = seen(render, tint)
    torch.testing.assert_close(shown.pictures - 0.5, tint * torch.tensor([1.0, 0.75, 0.0]).view(1, 1, 1, 3))
    assert shown.hazed is not None  # matter in the colour of the sky would hide the tint
    torch.testing.assert_close(shown.hazed - 0.2, shown.pictures - 0.5)
    config.guidance.objective = "sds"
    assert not system_of(config, AnalyticPrior(sphere, 16), tmp_path).tint(5, 0).any()


def test_light_is_a_samples_own_and_comes_when_it_is_due(tmp_path: Path) -> None:
    config = LiftConfig()
    config.optim.steps, config.optim.batch_size = 100, 3
    config.shading.probability, config.shading.start, config.shading.ambient = 1.0, 0.25, 0.3
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    origins = torch.tensor([[2.0, 0, 0.5], [0, 2.0, 0.5], [-2.0, 0, 0.5]])[:, None, None].expand(3, 4, 4, 3)
    assert system.lights(origins, 24, 12) is None
    lights, later = system.lights(origins, 25, 12), system.lights(origins[1:], 90, 13)
    assert lights is not None and later is not None
    assert lights.ambient.tolist() == pytest.approx([0.3] * 3) and lights.position.unique(dim=0).shape == (3, 3)
    assert torch.equal(later.position, lights.position[1:])  # of samples 13 and 14, whatever the step and the batch
    config.shading.probability = 0.0
    assert system.lights(origins, 90, 12) is None


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


def lifted_ball(folder: Path, steps: int, *overrides: str) -> LiftSystem:
    """The system that was lifted from `sphere` in so many steps."""
    tiny = arguments(folder, "ball", folder)[2:]
    more = [f"optim.steps={steps}", "optim.lr=0.02", "optim.batch_size=4", "optim.resolutions=[16]"]
    more += ["renderer.samples=48", "optim.resolution_steps=[0]", "guidance.scale=1", "log.checkpoint_every_steps=100"]
    more += ["renderer.grid.log2_table=12", "renderer.occupancy_resolution=16", "renderer.coarse_levels=3"]
    config = load_config(REPOSITORY / CONFIG, [*tiny, *more, *overrides])
    assert isinstance(config, LiftConfig)
    run = start_run(config)
    prepare(config)
    system = system_of(config, AnalyticPrior(sphere, 16), run.previews)
    fit(make_trainer(config, run, max_steps=steps, learning_rate=config.optim.lr), system, None, run)
    return system


def ball_from(system: LiftSystem, azimuth: list[float]) -> Picture:
    """Pictures from these azimuths, framed as those of `sphere`."""
    many = torch.ones(len(azimuth))
    look_at = torch.tensor(LANDMARK.look_at)
    return system.render(orbit_cameras(torch.tensor(azimuth), 0 * many, 8 * many, 0.25 * many, look_at, 16, 16))


@pytest.mark.parametrize("objective", ["multistep", "sds"])
def test_the_sides_come_out_where_the_prior_shows_them(objective: str, tmp_path: Path) -> None:
    system = lifted_ball(tmp_path, 100, f"guidance.objective={objective}")
    picture = ball_from(system, [90.0, 270.0, 0.0, 180.0])
    redness = (picture.color[..., 0] - picture.color[..., 2])[:, 5:11]  # the rows of the ball's middle
    east, west, north, south = redness
    assert east[:, 6:10].mean() > 0.3 and west[:, 6:10].mean() < -0.3
    assert north[:, 5:7].mean() > 0.2 > -0.2 > north[:, 9:11].mean()
    assert south[:, 9:11].mean() > 0.2 > -0.2 > south[:, 5:7].mean()
    points = torch.tensor([[25.0, 0, 46.5], [-25.0, 0, 46.5]]) / LANDMARK.half_extent_m
    red, _, blue = system.renderer.field.color(points).detach().T
    assert red[0] > blue[0] and blue[1] > red[1]


def test_clearing_leaves_the_ball_and_takes_the_fog_round_it(tmp_path: Path) -> None:
    more = ["finish.share=0", "coloring.share=0", "guidance.tint=0", "losses.sparsity=0", "losses.entropy=0"]
    more += ["renderer.background=solid", "renderer.background_color=[0.8,0.8,0.8]", "optim.lr=0.04"]
    more += ["guidance.clearing_until=1"]
    azimuth = [0.0, 90.0]
    hazy, clear = (
        ball_from(lifted_ball(tmp_path / weight, 100, *more, f"guidance.clearing={weight}"), azimuth).opacity[:, :8]
        for weight in ("0", "0.02")
    )  # the upper half, which has no ground behind it
    ball = (sphere({"azimuth_deg": torch.tensor(azimuth)}).std(1) > 0.1)[:, :8]
    assert clear[~ball].mean() < 0.6 * hazy[~ball].mean()
    assert clear[ball].mean() > 0.97 * hazy[ball].mean()
