"""A step of a lift: what it sees, from where, in which light, its loss, its learning rate."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from gpslift.schema.lift import LiftConfig
from renderers.render import Render
from renderers.shading import draw_lights
from systems.distillation import distil
from systems.lift import LiftSystem
from systems.regularisers import Regularisers
from tests.guidance.analytic_prior import AnalyticPrior
from tests.systems.test_lift_sides import sphere, system_of


def test_steps_of_one_target_see_the_same_but_for_the_jitter(tmp_path: Path) -> None:
    """Of 100 steps, tint, light and finer pictures are due from step 6 on, within the target of steps 4 to 7."""
    config = LiftConfig()
    config.optim.steps, config.optim.resolutions, config.optim.resolution_steps = 100, [8, 16], [0.0, 0.06]
    config.guidance.reuse, config.guidance.tint_between, config.guidance.tint = 4, [0.06, 1.0], 0.2
    config.shading.start, config.shading.probability = 0.06, 1.0
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    first, last, following = (system.view(step) for step in (4, 7, 8))
    assert torch.equal(first.origins, last.origins) and last.origins.shape[1] == 8 and following.origins.shape[1] == 16
    assert not last.tint.any() and following.tint.any()
    assert last.drawn["lights"] is None and following.drawn["lights"] is not None
    assert [view.drawn["jitter"] for view in (first, last, following)] == [(config.seed, step) for step in (4, 7, 8)]


def test_light_is_drawn_as_the_config_says(tmp_path: Path) -> None:
    config = LiftConfig()
    settings = {"probability": 0.9, "textureless": 0.7, "ambient": 0.3, "spread": 0.4}
    config.optim.batch_size, config.shading.start = 8, 0.0
    for name, value in settings.items():
        setattr(config.shading, name, value)
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    origins = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    found = system.lights(origins[:, None, None].expand(8, 2, 2, 3), 0, 16)
    wanted = draw_lights(origins, system.renderer.field.middle, seed=config.seed, first=16, **settings)
    assert found and wanted and all(torch.equal(value, getattr(wanted, name)) for name, value in vars(found).items())
    assert system.renderer.field.middle.norm() > 0.1  # so that another middle would be noticed


def test_a_step_is_the_objectives_loss_and_the_regularisers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, noted, asked = LiftConfig(), list[float](), list[float]()
    config.optim.steps, config.optim.resolutions, config.optim.resolution_steps = 10, [16], [0.0]
    system = system_of(config, AnalyticPrior(sphere, 16), tmp_path)
    monkeypatch.setattr(LiftSystem, "global_step", 4)
    monkeypatch.setattr(LiftSystem, "note", lambda _, loss, figures: noted.append(float(loss.detach())))

    def regularise(_: Regularisers, render: Render, share: float) -> tuple[torch.Tensor, dict[str, float]]:
        asked.append(share)
        return torch.tensor(5.0), {}

    monkeypatch.setattr(Regularisers, "__call__", regularise)
    assert float(system.training_step(0, 0)) == pytest.approx(noted[0] + 5.0) and asked == [0.4]


def test_cameras_are_drawn_as_the_config_says(tmp_path: Path) -> None:
    config = LiftConfig(seed=5)
    config.cameras.azimuth, config.cameras.even_elevation, config.cameras.aim_jitter = [30.0, 60.0], 0.3, 0.2
    config.guidance.place = "shuffled"
    drawn = system_of(config, AnalyticPrior(sphere, 16), tmp_path).viewpoints
    assert (drawn.azimuth, drawn.even_elevation, drawn.aim_jitter) == ((30.0, 60.0), 0.3, 0.2)
    assert (drawn.place, drawn.seed) == ("shuffled", 5)


def test_the_learning_rate_falls_to_its_end_share_and_colours_have_their_own(tmp_path: Path) -> None:
    config = LiftConfig()
    config.optim.steps, config.optim.lr, config.optim.lr_end_share = 100, 0.01, 0.25
    for share, start, end in ((0.0, 0.5, 0.25), (0.2, 0.5, 0.7)):
        config.coloring.share, config.coloring.lr_share, config.finish.share = share, 0.7, 0.0
        made = system_of(config, AnalyticPrior(sphere, 16), tmp_path).configure_optimizers()
        rate = made["lr_scheduler"]["scheduler"].lr_lambdas[0]
        assert made["optimizer"].param_groups[0]["initial_lr"] == 0.01
        assert [rate(0), rate(50), rate(100)] == pytest.approx([1.0, start, end])


def test_a_lifts_gradients_are_clipped_as_its_config_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: Any, **settings: Any) -> None:
        raise RuntimeError(f"clipped at {settings['gradient_clip']}, to step {settings['max_steps']}")

    config, nothing = LiftConfig(), cast(Any, None)
    config.optim.gradient_clip, config.optim.steps = 0.5, 7
    monkeypatch.setattr("systems.distillation.make_trainer", made)
    with pytest.raises(RuntimeError, match=r"clipped at 0\.5, to step 7"):
        distil(nothing, config, nothing, description="", remedies="")
