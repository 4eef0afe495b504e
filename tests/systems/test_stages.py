"""The stages of a lift: which objective a step follows, and how it has the prior asked."""

from pathlib import Path

import pytest
import torch

from gpslift.geo.landmarks import load_landmark
from gpslift.guidance.objectives import build_guidance
from gpslift.guidance.objectives.interval_score import IntervalScoreMatching
from gpslift.guidance.objectives.multistep import MultiStepTarget
from gpslift.guidance.objectives.score_distillation import ScoreDistillation
from gpslift.guidance.objectives.variational import VariationalDistillation
from gpslift.guidance.suited import finish_has_adapters, guidance_scales
from gpslift.guidance.viewpoints import Viewpoints, ViewpointSampler
from gpslift.schema.lift import LiftConfig
from systems.lift import LiftSystem
from systems.stages import asked_for_colors, asked_for_finish
from tests.guidance.analytic_prior import TIMESTEPS, AnalyticPrior
from tests.systems.test_lift_sides import sphere, system_of
from tests.systems.tiny_lift import CAMERAS, tiny_prior


def stages(config: LiftConfig, folder: Path) -> list[str]:
    """Objective of each of ten steps, "colors" where colours alone are learnt."""
    config.optim.steps = 10
    system = system_of(config, AnalyticPrior(sphere, 16), folder)
    found = [system.stage_of(step) for step in range(10)]
    return ["colors" if stage.colors else type(stage.objective).__name__ for stage in found]


def test_stages_start_where_targets_do(tmp_path: Path) -> None:
    config = LiftConfig()
    config.guidance.reuse, config.finish.share, config.coloring.share = 2, 0.4, 0.2
    assert stages(config, tmp_path) == ["MultiStepTarget"] * 4 + ["ScoreDistillation"] * 4 + ["colors"] * 2
    config.finish.share = 0.5  # due at step 3, within a target's two steps
    assert stages(config, tmp_path) == ["MultiStepTarget"] * 4 + ["ScoreDistillation"] * 4 + ["colors"] * 2
    config.coloring.share = 0.0
    assert stages(config, tmp_path) == ["MultiStepTarget"] * 6 + ["ScoreDistillation"] * 4
    config.finish.share = 0.0
    assert stages(config, tmp_path) == ["MultiStepTarget"] * 10


def test_what_draws_finely_by_itself_has_no_finish(tmp_path: Path) -> None:
    config = LiftConfig()
    config.guidance.objective, config.finish.share, config.coloring.share = "sds", 0.4, 0.2
    assert stages(config, tmp_path) == ["ScoreDistillation"] * 8 + ["colors"] * 2


@pytest.mark.parametrize("objective", ["multistep", "sds", "ism", "vsd"])
@pytest.mark.parametrize("share", [-1.0, 0.0])
def test_a_lift_of_default_length_is_finished_where_its_shape_follows_pictures(
    objective: str, share: float, tmp_path: Path
) -> None:
    """Colours start at step 952, where a target of four steps does; other objectives' last step is 951 all the same."""
    config = LiftConfig()
    config.guidance.objective, config.finish.share = objective, share
    table = {name: torch.tensor(values) for name, values in CAMERAS.items()}
    system = LiftSystem(config, load_landmark("statue_of_liberty"), tiny_prior(), table, tmp_path)
    finished = objective == "multistep" and share != 0
    assert [stage.name for stage in system.stages] == ["shape", *(["finish"] if finished else []), "colors"]
    assert finish_has_adapters(config) == finished
    assert system.stages[-1].start == 952


@pytest.mark.parametrize(("share", "narrowest"), [(0.25, 95.0), (0.0, 50.0)])
def test_a_shape_with_a_finish_is_learnt_from_frames_that_hold_all_of_it(
    share: float, narrowest: float, tmp_path: Path
) -> None:
    config = LiftConfig()
    config.finish.share = share
    table = {"range_m": [200.0] * 3, "elevation_deg": [0.0] * 3, "frame_width_m": [50.0, 95.0, 120.0]}
    cameras = {name: torch.tensor(values) for name, values in table.items()}
    system = LiftSystem(config, load_landmark("statue_of_liberty"), tiny_prior(), cameras, tmp_path)
    shape, *others = system.stages
    assert min(shape.viewpoints.table["frame_width_m"].tolist()) == narrowest
    assert all(stage.viewpoints.table["frame_width_m"].tolist() == [50.0, 95.0, 120.0] for stage in others)


@pytest.mark.parametrize(("step", "asked"), [(4, 2), (7, 2), (8, 1), (11, 1), (12, 5)])
def test_the_prior_is_asked_as_the_steps_target_says(
    step: int, asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finish is due from step 7 on, but its target is that of steps 4 to 7; then colours, where people stand."""
    config, prior, drawn = LiftConfig(), AnalyticPrior(sphere, 16), list[float]()
    config.optim.steps, config.optim.resolutions, config.optim.resolution_steps = 14, [16], [0.0]
    config.finish.share, config.finish.scale = 0.3, 2.5
    config.coloring.share, config.coloring.scale, config.coloring.ddim_steps = 0.2, 3.5, 5
    system, draw = system_of(config, prior, tmp_path), ViewpointSampler.draw

    def watched(sampler: ViewpointSampler, first: int, count: int, size: int) -> Viewpoints:
        drawn.append(sampler.even_elevation)
        return draw(sampler, first, count, size)

    monkeypatch.setattr(ViewpointSampler, "draw", watched)
    monkeypatch.setattr(LiftSystem, "global_step", step)
    monkeypatch.setattr(LiftSystem, "log", lambda *_, **__: None)
    system.training_step(0, 0)
    calls = [call for call in prior.asked if "timestep" in call]
    assert len(calls) == asked
    first, scale = int(calls[0]["timestep"][0]), calls[0]["scales"]
    assert scale == {4: (2.0, 2.0), 7: (2.0, 2.0), 8: (2.5, 2.5), 11: (2.5, 2.5), 12: (3.5, 3.5)}[step]
    assert (first == TIMESTEPS - 1) == (step == 12)
    assert drawn == [0.0 if step == 12 else config.cameras.even_elevation]


@pytest.mark.parametrize("objective", ["multistep", "sds", "ism", "vsd"])
def test_colors_are_learnt_from_whole_pictures_whatever_the_objective(objective: str) -> None:
    config = LiftConfig()
    config.guidance.objective = objective
    config.coloring.scale, config.coloring.t, config.coloring.ddim_steps = 5.0, [0.9, 1.0], 7
    asked = asked_for_colors(config)
    assert (asked.objective, asked.scale, asked.ddim_steps) == ("multistep", 5.0, 7)
    assert asked.t_start == asked.t_end == [0.9, 1.0] and asked.schedule == "constant"


@pytest.mark.parametrize(
    ("objective", "kind"),
    [("sds", ScoreDistillation), ("ism", IntervalScoreMatching), ("vsd", VariationalDistillation)],
)
def test_the_finish_has_an_objective_of_its_own(objective: str, kind: type, tmp_path: Path) -> None:
    config = LiftConfig()
    config.optim.steps, config.finish.objective = 100, objective
    table = {name: torch.tensor(values) for name, values in CAMERAS.items()}
    system = LiftSystem(config, load_landmark("statue_of_liberty"), tiny_prior(), table, tmp_path)
    assert [type(stage.objective) for stage in system.stages] == [MultiStepTarget, kind, MultiStepTarget]
    assert system.objectives()["finish"] is system.stage_of(80).objective


def test_the_timesteps_for_colors_are_those_of_their_range_whatever_the_schedule() -> None:
    config = LiftConfig()
    config.guidance.schedule, config.coloring.t = "sqrt", [0.9, 1.0]
    guidance = build_guidance(asked_for_colors(config), AnalyticPrior(sphere, 16), 1000, 0)  # type: ignore[arg-type]
    asked = [int(guidance.timestep(step)) for step in range(890, 1000)]
    assert min(asked) == 90 and max(asked) == TIMESTEPS - 1


def test_scales_of_text_and_place_are_of_the_shape_alone() -> None:
    config = LiftConfig()
    config.guidance.scale_text, config.guidance.scale_place = 8.0, 9.0
    config.finish.scale, config.coloring.scale = 3.0, 5.0
    assert guidance_scales(asked_for_finish(config)) == (3.0, 3.0)
    assert guidance_scales(asked_for_colors(config)) == (5.0, 5.0)
