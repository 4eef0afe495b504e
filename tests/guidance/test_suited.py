"""What the config leaves to the objective follows from the objective, and what it says holds."""

import pytest

from gpslift.config import load_config
from gpslift.config_checks import check_together
from gpslift.guidance.objectives import OBJECTIVES
from gpslift.guidance.suited import FINISH_SHARES, SCALES, finish_has_adapters, finish_share, guidance_scales
from gpslift.schema.lift import LiftConfig, LiftGuidanceConfig
from systems.stages import asked_for_finish

SUITED = [("multistep", 2.0), ("sds", 4.0), ("ism", 4.0), ("vsd", 1.5)]


def test_every_objective_has_a_scale_and_each_that_finishes_a_share() -> None:
    assert set(SCALES) == set(OBJECTIVES)
    assert set(FINISH_SHARES) == set(OBJECTIVES) - {"multistep"}


@pytest.mark.parametrize(("objective", "scale"), SUITED)
def test_a_scale_that_is_left_open_suits_the_objective(objective: str, scale: float) -> None:
    config = LiftGuidanceConfig(objective=objective)
    assert guidance_scales(config) == (scale, scale)
    config.scale = 7.0
    assert guidance_scales(config) == (7.0, 7.0)
    config.scale, config.scale_text = 0.0, 3.0
    assert guidance_scales(config) == (3.0, 0.0)


@pytest.mark.parametrize(
    ("objective", "scale", "share"), [("sds", 4.0, 0.143), ("ism", 4.0, 0.143), ("vsd", 1.5, 0.25)]
)
def test_a_finish_that_is_left_open_suits_its_own_objective(objective: str, scale: float, share: float) -> None:
    config = LiftConfig()
    config.guidance.scale, config.finish.objective = 9.0, objective
    assert guidance_scales(asked_for_finish(config)) == (scale, scale)
    assert finish_share(config) == share
    assert finish_has_adapters(config) == (objective == "vsd")
    config.finish.scale, config.finish.share = 6.0, 0.0
    assert guidance_scales(asked_for_finish(config)) == (6.0, 6.0)
    assert finish_share(config) == 0.0 and not finish_has_adapters(config)


@pytest.mark.parametrize("objective", ["sds", "ism", "vsd"])
def test_what_makes_no_pictures_is_not_finished(objective: str) -> None:
    config = LiftConfig()
    config.guidance.objective = objective
    assert finish_share(config) == 0.0 and not finish_has_adapters(config)
    config.coloring.share = 0.9  # no finish: nothing that would not fit
    check_together(config)


def test_the_shipped_configs_leave_both_to_the_objective() -> None:
    needle = load_config("configs/space_needle.yaml")
    assert isinstance(needle, LiftConfig)
    assert (finish_share(needle), guidance_scales(asked_for_finish(needle))) == (0.143, (4.0, 4.0))
