"""Timestep ranges against numbers worked out by hand."""

import pytest

from gpslift.guidance.timesteps import TimestepSchedule


@pytest.mark.parametrize(
    ("anneal_share", "share", "limits"),
    [
        (1.0, 0.0, (0.6, 0.98)),
        (1.0, 0.5, (0.31, 0.74)),  # halfway between start and end
        (1.0, 1.0, (0.02, 0.5)),
        (0.5, 0.25, (0.31, 0.74)),  # annealing takes half of the steps
        (0.5, 0.5, (0.02, 0.5)),
        (0.5, 0.9, (0.02, 0.5)),  # and then stays
        (0.0, 0.0, (0.02, 0.5)),  # no annealing: the end's range from the first step
    ],
)
def test_the_range_moves_from_start_to_end(anneal_share: float, share: float, limits: tuple[float, float]) -> None:
    schedule = TimestepSchedule((0.6, 0.98), (0.02, 0.5), anneal_share)
    assert schedule.limits(share) == pytest.approx(limits)


def test_a_draw_picks_linearly_from_the_range() -> None:
    schedule = TimestepSchedule((0.25, 0.75), (0.25, 0.75), 1.0)
    assert schedule.timestep(0.3, 0.0, 1000) == 250
    assert schedule.timestep(0.3, 0.5, 1000) == 500
    assert schedule.timestep(0.3, 0.9999, 1000) == 749


def test_a_timestep_is_never_beyond_the_last() -> None:
    assert TimestepSchedule((1.0, 1.0), (1.0, 1.0), 1.0).timestep(0.0, 0.5, 1000) == 999
    assert TimestepSchedule((0.0, 0.0), (0.0, 0.0), 1.0).timestep(0.0, 0.5, 1000) == 0


@pytest.mark.parametrize(
    ("share", "timestep"),
    [(0.0, 98), (0.04, 78), (0.25, 50), (1.0, 2)],  # 0.98 - 0.96 sqrt(share), of 100 timesteps: 0.788, 0.5, 0.02
)
def test_the_square_root_falls_fast_then_slowly_whatever_the_draw(share: float, timestep: int) -> None:
    schedule = TimestepSchedule((0.98, 0.98), (0.02, 0.5), 1.0, "sqrt")
    assert {schedule.timestep(share, draw, 100) for draw in (0.0, 0.5, 0.99)} == {timestep}


def test_the_square_root_stays_at_its_end_after_annealing() -> None:
    schedule = TimestepSchedule((0.98, 0.98), (0.02, 0.5), 0.25, "sqrt")
    assert schedule.limits(0.0625) == pytest.approx((0.5, 0.5))
    assert schedule.limits(0.25) == schedule.limits(0.9) == pytest.approx((0.02, 0.02))


def test_constant_is_all_that_the_ranges_span_at_every_step() -> None:
    schedule = TimestepSchedule((0.6, 0.98), (0.02, 0.5), 1.0, "constant")
    assert schedule.limits(0.0) == schedule.limits(0.5) == schedule.limits(1.0) == (0.02, 0.98)


def test_constant_spans_ranges_that_rise_too() -> None:
    assert TimestepSchedule((0.1, 0.3), (0.5, 0.9), 1.0, "constant").limits(0.5) == (0.1, 0.9)
