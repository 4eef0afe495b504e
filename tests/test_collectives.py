"""What two processes tell each other, and adapters that learn from two halves of a batch as from the whole."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from gpslift import collectives
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.variational import VariationalDistillation
from tests.guidance.test_variational import PLACE, objective, seen
from tests.systems.toy import in_child

CPU = torch.device("cpu")


def by_two(folder: Path, work: Callable[[], Any]) -> list[Any]:
    """What `work` gives, as JSON, in each of two processes that train together."""

    def one(number: int) -> None:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=number, world_size=2)
        (folder / f"{number}.json").write_text(json.dumps(work()))
        dist.destroy_process_group()

    other = os.fork()
    if other == 0:
        try:
            one(0)
        finally:
            os._exit(0)
    assert in_child(lambda: one(1)) == 0
    assert os.waitpid(other, 0)[1] == 0
    return [json.loads((folder / f"{number}.json").read_text()) for number in (0, 1)]


def exchanged() -> list[Any]:
    number = collectives.rank()
    mean = torch.tensor([1.0, 10.0]) * (number + 1)
    collectives.average_over_processes([mean])
    rows = torch.arange(4).view(2, 2) + 10 * number
    every = collectives.rows_of_all(rows)
    shares = [collectives.share_of_mean(count, CPU) for count in ((1, 3)[number], 0)]
    return [collectives.world_size(), mean.tolist(), every.tolist(), collectives.own_rows(every).tolist(), shares]


def test_two_processes_exchange_means_and_rows(tmp_path: Path) -> None:
    """Means 1.5 of 1 and 2; of 1 and 3 values the means count by 1/2 and 3/2, so that their mean is that of all 4."""
    first, second = by_two(tmp_path, exchanged)
    every = [[0, 1], [2, 3], [10, 11], [12, 13]]
    assert first == [2, [1.5, 15.0], every, every[:2], [0.5, 1.0]]
    assert second == [2, [1.5, 15.0], every, every[2:], [1.5, 1.0]]


def test_alone_a_process_hears_itself() -> None:
    values = torch.tensor([[1.0], [2.0]])
    collectives.average_over_processes([values])
    assert (collectives.world_size(), collectives.rank(), collectives.share_of_mean(3, CPU)) == (1, 0, 1.0)
    assert torch.equal(collectives.own_rows(collectives.rows_of_all(values)), values)


def test_rows_that_cannot_be_shared_alike_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collectives, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="3 rows cannot be shared by 2 processes"):
        collectives.own_rows(torch.zeros(3, 1))


def learnt(rows: slice) -> VariationalDistillation:
    """Adapters after one step on some rows of a batch; steps go down the gradient itself, whose size then counts."""
    variational, shown = objective(), seen(requires_grad=False)
    variational.optimizer = torch.optim.SGD(variational.adapters.parameters(), 1.0)
    assert shown.cameras is not None
    part = Seen(shown.pictures[rows], shown.clear[rows], shown.cameras[rows])
    variational(part, {name: values[rows] for name, values in PLACE.items()}, 0, rows.start)
    return variational


def test_adapters_learn_from_two_halves_as_from_the_whole(tmp_path: Path) -> None:
    def half() -> list[float]:
        return weights(learnt(slice(collectives.rank(), collectives.rank() + 1)))

    def weights(variational: VariationalDistillation) -> list[float]:
        return torch.cat([weight.detach().flatten() for weight in variational.adapters.parameters()]).tolist()

    first, second = by_two(tmp_path, half)
    whole = weights(learnt(slice(0, 2)))
    assert first == second
    torch.testing.assert_close(torch.tensor(first), torch.tensor(whole), rtol=0, atol=1e-5)
    assert max(abs(a - b) for a, b in zip(whole, weights(objective()), strict=True)) > 1e-3
