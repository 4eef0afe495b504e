"""Clearing, with priors whose answers are known: what opacity costs, beside which objective, and for how long."""

import pytest
import torch
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.clearing import ALIKE, Clearing, needless_opacity
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.gradient import GradientObjective
from gpslift.guidance.objectives.interval_score import IntervalScoreMatching
from gpslift.guidance.objectives.multistep import MultiStepTarget
from gpslift.guidance.objectives.score_distillation import ScoreDistillation
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.composition import Scales
from tests.guidance.analytic_prior import AnalyticPrior

SIZE, COUNT, STEPS = 4, 2, 10
PLACE = {"azimuth_deg": torch.tensor([36.0, 180.0])}


def half_a_thing(place: Place) -> Tensor:
    """Latents [B, 3, SIZE, SIZE]: azimuth / 360 in the left half, a thing that is darker by 1 in the right one."""
    gray = (place["azimuth_deg"] / 360)[:, None, None, None].expand(-1, 3, SIZE, SIZE).clone()
    gray[..., SIZE // 2 :] -= 1
    return gray


def sky() -> Tensor:
    """What is behind everything, in [0, 1]: what the left half shows."""
    return ((half_a_thing(PLACE) + 1) / 2)[..., :1].expand(COUNT, 3, SIZE, SIZE)


def guidance() -> Guidance:
    schedule = TimestepSchedule((0.4, 0.4), (0.4, 0.4), 1.0)
    return Guidance(AnalyticPrior(half_a_thing, SIZE, 0.1), schedule, Scales(1.0, 1.0), STEPS, seed=1)  # type: ignore[arg-type]


def haze(size: int = SIZE) -> Tensor:
    return torch.full((COUNT, 1, size, size), 0.25, requires_grad=True)


def test_opacity_is_needless_where_the_picture_shows_what_is_behind() -> None:
    """Three pixels: as behind; as matter of opacity 0.4 that is ALIKE redder would make it; half as far for 0.05."""
    hazed = torch.full((1, 3, 1, 3), 0.5)
    picture = hazed.clone()
    picture[:, 0, 0, 1:] += torch.tensor([0.4 * ALIKE, 0.2 * ALIKE])
    opacity = torch.tensor([0.2, 0.4, 0.05]).view(1, 1, 1, 3).requires_grad_()
    needless = needless_opacity(picture, hazed, opacity)
    weights = torch.tensor([1, 0.60653, 0.000335])  # exp(0), exp(-1/2), exp(-8): a faint thing of another colour stays
    assert needless.item() == pytest.approx((0.2 + 0.60653 * 0.4 + 0.000335 * 0.05) / 3, abs=1e-5)
    needless.backward()
    torch.testing.assert_close(opacity.grad.flatten(), weights / 3, atol=1e-5, rtol=0)


def test_haze_in_the_colour_of_the_sky_is_cleared_and_an_object_is_not() -> None:
    """Haze costs nothing beside a target of its colour, unless needless opacity does."""
    plain, clearing = (MultiStepTarget(guidance(), 1, clearing=Clearing(weight, 0.3)) for weight in (0.0, 0.5))
    pictures, opacity = (half_a_thing(PLACE) + 1) / 2, haze()  # what the prior answers

    def loss_of(objective: MultiStepTarget, step: int = 2) -> Tensor:
        objective.target = pictures
        objective.sky = torch.zeros(COUNT, 1, 1, 1)
        return objective(Seen(pictures, 1 - opacity, hazed=sky()), PLACE, step, 0)[0]

    assert loss_of(plain) == 0 and loss_of(clearing, step=3) == 0  # of 10 steps: no longer
    loss = loss_of(clearing)
    assert loss.item() == pytest.approx(0.5 * 0.25 / 2, rel=1e-4)  # the weight, the opacity, half of the pixels
    loss.backward()
    assert (opacity.grad[..., : SIZE // 2] > 0).all() and (opacity.grad[..., SIZE // 2 :] < 1e-8).all()
    unknown, _ = clearing(Seen(pictures, 1 - opacity), PLACE, 0, 0)  # a refinement: nothing to be cleared
    assert unknown == 0


def test_a_targets_own_sky_is_behind_too() -> None:
    """Pixels that are nearly clear, under a target whose sky is brighter everywhere: their opacity is needless."""
    objective = MultiStepTarget(guidance(), 1, clearing=Clearing(1.0, 1.0))
    pictures = torch.full((COUNT, 3, SIZE, SIZE), 0.3)
    clear = torch.full((COUNT, 1, SIZE, SIZE), 0.9)
    objective.target, objective.sky = pictures + 0.9 * 0.4, torch.full((COUNT, 3, 1, 1), 0.4)
    loss, _ = objective(Seen(pictures, clear, hazed=pictures), PLACE, 0, 0)
    assert loss.item() == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize("size", [SIZE, 2 * SIZE])
@pytest.mark.parametrize("name", ["sds", "ism"])
def test_noises_that_are_compared_leave_a_picture_to_clear_by(name: str, size: int) -> None:
    """The guided clean picture is half a thing, whatever the render; it is compared at the render's size."""

    def objective(weight: float) -> GradientObjective:
        clearing = Clearing(weight, 0.3)
        if name == "sds":
            return ScoreDistillation(guidance(), clearing)
        return IntervalScoreMatching(guidance(), 0.1, 3, clearing)

    pictures, behind, opacity = torch.full((COUNT, 3, size, size), 0.3), sky()[..., :1, :1], haze(size)
    seen = Seen(pictures, 1 - opacity, hazed=behind.expand_as(pictures))
    plain, _ = objective(0.0)(seen, PLACE, 2, 0)
    cleared, figures = objective(0.5)(seen, PLACE, 2, 0)
    late, late_figures = objective(0.5)(seen, PLACE, 3, 0)
    assert figures["clearing"] == pytest.approx((cleared - plain).item(), rel=1e-3) and "clearing" not in late_figures
    assert late == plain  # another step at the same timestep and with the same noise
    cleared.backward()
    needless, needed = opacity.grad[..., : size // 2 - 1], opacity.grad[..., size // 2 + 1 :]
    torch.testing.assert_close(needless, torch.full_like(needless, 0.5 / opacity.numel()), rtol=1e-3, atol=0)
    assert (needed < 1e-6).all()
    if size == SIZE:
        assert (cleared - plain).item() == pytest.approx(0.5 * 0.25 / 2, rel=1e-3)
