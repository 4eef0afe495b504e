"""Occupied cells: which they are, and that they repeat."""

import pytest
import torch
from torch import Tensor

from renderers.occupancy import OccupancyGrid
from tests.renderers.scenes import BOX_MAX, BOX_MIN


def make_occupancy(**changes: object) -> OccupancyGrid:
    arguments = {
        "box_min": BOX_MIN,
        "box_max": BOX_MAX,
        "resolution": 8,
        "step": 0.1,
        "threshold": 0.01,
        "warmup_steps": 4,
        "decay": 0.95,
    }
    return OccupancyGrid(**{**arguments, **changes})


def corner_density(points: Tensor) -> Tensor:
    """20 where all coordinates are above 0.5, else 0: exactly the last 2 of 8 cells in each direction."""
    return 20.0 * (points > 0.5).all(-1)


def rough_density(points: Tensor) -> Tensor:
    """Varies within every cell."""
    return (points * 37).sin().prod(-1).clamp_min(0)


def test_all_occupied_at_first() -> None:
    occupancy = make_occupancy()
    assert occupancy.cells.all()


def test_finds_what_is_there() -> None:
    occupancy = make_occupancy()
    occupancy.update(0, corner_density, seed=0)
    assert occupancy.cells.sum() == 8 and occupancy.cells[6:, 6:, 6:].all()
    assert occupancy.density[7, 7, 7] == 20 and occupancy.density[0, 7, 7] == 0
    points = torch.tensor([[0.6, 0.9, 0.7], [0.4, 0.9, 0.7], [1.1, 0.9, 0.7]])
    assert occupancy.occupied(points).tolist() == [True, False, False]


def test_nothing_is_occupied_where_nothing_is() -> None:
    occupancy = make_occupancy()
    occupancy.update(0, lambda points: torch.zeros(len(points)), seed=0)
    assert not occupancy.cells.any()


def test_threshold_is_an_opacity() -> None:
    # one step of 0.1 through density 0.2 has opacity 0.0198, through 0.05 0.005: threshold 0.01 lies between them. The
    # mean opacity, with half the cells at 20 (0.86), is far above it
    def density(points: Tensor) -> Tensor:
        return torch.where(points[:, 0] > 0, 20.0, torch.where(points[:, 1] > 0, 0.2, 0.05))

    occupancy = make_occupancy()
    occupancy.update(0, density, seed=0)
    assert occupancy.cells[4:].all() and occupancy.cells[:4, 4:].all() and not occupancy.cells[:4, :4].any()


def test_never_stricter_than_the_mean() -> None:
    # all opacities are below the threshold: those above the mean are kept
    occupancy = make_occupancy()
    occupancy.update(0, lambda points: 1e-3 * corner_density(points), seed=0)
    assert occupancy.cells.sum() == 8


def test_density_decays_unless_found_again() -> None:
    occupancy = make_occupancy(warmup_steps=100)
    occupancy.update(0, corner_density, seed=0)
    occupancy.update(1, lambda points: torch.full((len(points),), 1.0), seed=0)
    assert occupancy.density[7, 7, 7] == pytest.approx(19.0)  # 20 * 0.95
    assert occupancy.density[0, 0, 0] == pytest.approx(1.0)


def test_after_the_warmup_asks_the_occupied_and_a_quarter() -> None:
    occupancy = make_occupancy(resolution=16)
    asked = []

    def density(points: Tensor) -> Tensor:
        asked.append(len(points))
        return corner_density(points)

    for step in (0, 3, 4, 5):
        occupancy.update(step, density, seed=0)
    assert asked[:2] == [4096, 4096]
    # 64 occupied cells, 1024 at random, about 16 of them occupied
    assert all(1024 < count < 1088 for count in asked[2:])


def test_every_cell_is_asked_in_time() -> None:
    occupancy = make_occupancy(warmup_steps=0)
    occupancy.update(0, lambda points: torch.zeros(len(points)), seed=0)
    for step in range(1, 40):
        occupancy.update(step, lambda points: torch.full((len(points),), 5.0), seed=0)
    assert occupancy.cells.all()


def test_resumed_equals_uninterrupted() -> None:
    straight = make_occupancy(resolution=12)
    for step in range(8):
        straight.update(step, rough_density, seed=7)
    first = make_occupancy(resolution=12)
    for step in range(5):
        first.update(step, rough_density, seed=7)
        torch.rand(step)  # other draws between do not matter
    resumed = make_occupancy(resolution=12)
    resumed.load_state_dict(first.state_dict())
    for step in range(5, 8):
        resumed.update(step, rough_density, seed=7)
    assert torch.equal(resumed.density, straight.density) and torch.equal(resumed.cells, straight.cells)
    other = make_occupancy(resolution=12)
    for step in range(8):
        other.update(step, rough_density, seed=8)
    assert not torch.equal(other.density, straight.density)
