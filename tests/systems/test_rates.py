"""A resumed training follows the config's rates, and where none was changed it goes on to the last bit."""

import torch
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LRScheduler

from systems.rates import follow, follow_schedule


def made(
    kind: str, lr: float, decay: float = 0.9, weight_decay: float = 0.1
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=lr, weight_decay=weight_decay)
    if kind == "exponential":
        return optimizer, ExponentialLR(optimizer, decay)
    return optimizer, LambdaLR(optimizer, lambda step: 1 / (1 + step))


def resumed(kind: str, steps: int, **config: float) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """What Lightning makes of a checkpoint after `steps` steps at a learning rate of 0.1, then what follows of it."""
    before, before_schedule = made(kind, 0.1)
    for _ in range(steps):
        before.step()
        before_schedule.step()
    optimizer, schedule = made(kind, **config)
    optimizer.load_state_dict(before.state_dict())
    schedule.load_state_dict(before_schedule.state_dict())
    wanted, wanted_schedule = made(kind, **config)
    follow(optimizer, wanted)
    follow_schedule(schedule, wanted_schedule)
    return optimizer, schedule


def rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def test_a_lower_learning_rate_holds_at_once_and_later() -> None:
    for kind in ("exponential", "lambda"):
        optimizer, schedule = resumed(kind, 2, lr=0.01)
        now = rate(optimizer)
        expected, expected_schedule = made(kind, 0.01)
        for _ in range(2):
            expected.step()
            expected_schedule.step()
        torch.testing.assert_close(now, rate(expected))
        optimizer.step()
        schedule.step()
        expected.step()
        expected_schedule.step()
        torch.testing.assert_close(rate(optimizer), rate(expected))
        assert rate(optimizer) < now


def test_decays_follow_too() -> None:
    optimizer, _ = resumed("exponential", 3, lr=0.1, decay=0.5, weight_decay=0.3)
    torch.testing.assert_close(rate(optimizer), 0.1 * 0.5**3)
    assert optimizer.param_groups[0]["weight_decay"] == 0.3


def test_nothing_moves_where_nothing_was_changed() -> None:
    for kind in ("exponential", "lambda"):
        optimizer, _ = resumed(kind, 7, lr=0.1)
        before, schedule = made(kind, 0.1)
        for _ in range(7):
            before.step()
            schedule.step()
        assert rate(optimizer) == rate(before)
