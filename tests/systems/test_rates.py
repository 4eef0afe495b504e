"""A resumed training follows the config's rates, and where none was changed it goes on to the last bit."""

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from systems.rates import follow, follow_schedule


def made(lr: float, weight_decay: float = 0.1) -> tuple[torch.optim.Optimizer, LRScheduler]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=lr, weight_decay=weight_decay)
    return optimizer, LambdaLR(optimizer, lambda step: 1 / (1 + step))


def resumed(steps: int, **config: float) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """What Lightning makes of a checkpoint after `steps` steps at a learning rate of 0.1, then what follows of it."""
    before, before_schedule = made(0.1)
    for _ in range(steps):
        before.step()
        before_schedule.step()
    optimizer, schedule = made(**config)
    optimizer.load_state_dict(before.state_dict())
    schedule.load_state_dict(before_schedule.state_dict())
    wanted, wanted_schedule = made(**config)
    follow(optimizer, wanted)
    follow_schedule(schedule, wanted_schedule)
    return optimizer, schedule


def rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def test_a_lower_learning_rate_holds_at_once_and_later() -> None:
    optimizer, schedule = resumed(2, lr=0.01)
    now = rate(optimizer)
    expected, expected_schedule = made(0.01)
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


def test_other_settings_follow_too() -> None:
    optimizer, _ = resumed(3, lr=0.1, weight_decay=0.3)
    assert rate(optimizer) == pytest.approx(0.1 / 4)
    assert optimizer.param_groups[0]["weight_decay"] == 0.3


def test_a_checkpoint_of_steps_in_many_kernels_goes_on_in_many() -> None:
    """In one kernel, the steps' numbers would have to be on the GPU, where nobody has brought them."""
    optimizer, _ = made(0.1)
    optimizer.load_state_dict(made(0.1)[0].state_dict())
    wanted = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=0.1, fused=True)
    follow(optimizer, wanted)
    assert not optimizer.param_groups[0]["fused"]


def test_nothing_moves_where_nothing_was_changed() -> None:
    optimizer, _ = resumed(7, lr=0.1)
    before, schedule = made(0.1)
    for _ in range(7):
        before.step()
        schedule.step()
    assert rate(optimizer) == rate(before)
