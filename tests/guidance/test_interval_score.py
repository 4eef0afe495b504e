"""Interval score matching with a prior whose answers are known: which timesteps it asks at, and its gradient."""

from typing import Any

import pytest
import torch
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.interval_score import IntervalScoreMatching
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.composition import Scales
from tests.guidance.analytic_prior import AnalyticPrior

SIZE, NOTHING = 4, 0.1
PLACE = {"azimuth_deg": torch.tensor([36.0, 180.0])}


def gray_by_azimuth(place: Place) -> Tensor:
    return (place["azimuth_deg"] / 360)[:, None, None, None].expand(-1, 3, SIZE, SIZE)


def objective_at(level: float, prior: Any, scale: float = 3.0) -> IntervalScoreMatching:
    schedule = TimestepSchedule((level, level), (level, level), 1.0)
    return IntervalScoreMatching(Guidance(prior, schedule, Scales(scale, scale), 10, seed=1), 0.1, 3)


def pictures(seed: int = 0) -> Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_the_gradient_in_closed_form() -> None:
    """A prior that takes u for the clean picture finds the same noise at every step of the inversion.

    So x_t = sqrt(a) u + sqrt(1 - a) e, in which the guided prior, which takes u + s (c - u) for clean, finds e - sqrt(a
    / (1 - a)) s (c - u). Times sigma^2 = 1 - a, the gradient by the latents is -sqrt(a (1 - a)) s (c - u): it leads
    from nothing to the condition, whatever the render.
    """
    for seed in (0, 1):
        prior, seen = AnalyticPrior(gray_by_azimuth, SIZE, NOTHING), pictures(seed)
        loss, _ = objective_at(0.4, prior)(Seen(seen, torch.zeros(2, 1, SIZE, SIZE)), PLACE, 0, 0)
        loss.backward()
        a = prior.alphas_cumprod[40]
        by_latents = -(a * (1 - a)).sqrt() * 3.0 * (gray_by_azimuth(PLACE) - NOTHING)
        torch.testing.assert_close(seen.grad, 2 * by_latents / seen.numel(), atol=1e-5, rtol=1e-4)
        assert loss.item() == pytest.approx(0.5 * float(by_latents.square().mean()), rel=1e-3)


def test_it_asks_along_the_way_from_the_render() -> None:
    """To 0.4 of 100 timesteps, with an interval of 0.1: from 0 in three steps to 30, then to 40."""
    prior = AnalyticPrior(gray_by_azimuth, SIZE, NOTHING)
    objective_at(0.4, prior)(Seen(pictures(), torch.zeros(2, 1, SIZE, SIZE)), PLACE, 0, 0)
    asked = [(int(one["timestep"][0]), one["scales"][0]) for one in prior.asked if "timestep" in one]
    assert asked == [(0, 1.0), (10, 1.0), (20, 1.0), (30, 1.0), (40, 3.0)]


def test_a_timestep_below_the_interval_starts_at_the_render() -> None:
    prior = AnalyticPrior(gray_by_azimuth, SIZE, NOTHING)
    objective_at(0.05, prior)(Seen(pictures(), torch.zeros(2, 1, SIZE, SIZE)), PLACE, 0, 0)
    assert [int(one["timestep"][0]) for one in prior.asked if "timestep" in one] == [0, 5]


def test_the_same_render_is_told_the_same_at_every_step() -> None:
    """Where drawn noise would differ from sample to sample."""
    prior, seen = AnalyticPrior(gray_by_azimuth, SIZE, NOTHING), pictures()
    losses = [
        objective_at(0.4, prior)(Seen(seen, torch.zeros(2, 1, SIZE, SIZE)), PLACE, step, first)[0]
        for step, first in ((0, 0), (7, 28))
    ]
    assert torch.equal(*losses)
