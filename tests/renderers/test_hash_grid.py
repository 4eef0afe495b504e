"""The grid against numbers worked out by hand, finite differences, and one engine against the other."""

import pytest
import torch
from torch import Tensor

from renderers.backends import load_engine
from renderers.backends.contract import GridLayout
from renderers.backends.torch_engine import TorchEngine
from renderers.hash_grid import HashGrid

# three dense levels and two hashed ones
MIXED = {"levels": 5, "log2_table": 10, "base_resolution": 4, "finest_resolution": 40}


def make_grid(engine: str = "torch", **changes: int) -> HashGrid:
    torch.manual_seed(0)
    return HashGrid(**{"features": 2, **MIXED, **changes}, engine=load_engine(engine, "cpu"))


def values_and_gradients(engine: str, points: Tensor, **changes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features, gradient to the table, gradient to the points, for a fixed upstream gradient."""
    grid = make_grid(engine, **changes)
    points = points.clone().requires_grad_()
    with torch.no_grad():
        grid.table.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
    features = grid(points)
    features.backward(torch.randn(features.shape, generator=torch.Generator().manual_seed(2)))
    return features.detach(), grid.table.grad, points.grad


def awkward_points(count: int = 700) -> Tensor:
    """Random points, the corners of the unit cube, its middle, and points on its faces. Fills more than two blocks."""
    points = torch.rand(count, 3, generator=torch.Generator().manual_seed(3))
    points[:8] = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    points[8] = 0.5
    points[9:20, 0] = 0.0
    points[20:30, 2] = 1.0
    return points


def test_layout_by_hand() -> None:
    # growth (16 / 4)^(1/2) = 2: scales 4 - 1, 8 - 1, 16 - 1; resolutions 4, 8, 16; 64 and 512 rows fit into 2^10, 4096
    # do not
    layout = GridLayout.build(levels=3, features=2, log2_table=10, base_resolution=4, finest_resolution=16)
    assert [level.scale for level in layout.levels] == [3.0, 7.0, 15.0]
    assert [level.resolution for level in layout.levels] == [4, 8, 16]
    assert [level.entries for level in layout.levels] == [64, 512, 1024]
    assert [level.offset for level in layout.levels] == [0, 64, 576]
    assert [level.dense for level in layout.levels] == [True, True, False]
    assert layout.total_entries == 1600


def test_entries_are_a_multiple_of_eight() -> None:
    # 3^3 = 27 grid points take 32 rows
    layout = GridLayout.build(levels=1, features=1, log2_table=10, base_resolution=3, finest_resolution=3)
    assert layout.levels[0].entries == 32 and layout.levels[0].dense


@pytest.mark.parametrize(("levels", "finest"), [(2, 3), (1, 8)])
def test_layout_refuses_resolutions_that_do_not_grow(levels: int, finest: int) -> None:
    with pytest.raises(ValueError, match="finest_resolution"):
        GridLayout.build(levels=levels, features=1, log2_table=10, base_resolution=4, finest_resolution=finest)


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_dense_level_by_hand(engine: str) -> None:
    grid = make_grid(engine, levels=1, features=1, base_resolution=2, finest_resolution=2)
    grid.table.data = torch.arange(8.0)[:, None]  # scale 1, resolution 2; row of (x, y, z) = x + 2 y + 4 z
    # (.25, .5, 0) + .5 = (.75, 1, .5): cell (0, 1, 0), fractions (.75, 0, .5): corners (0, 1, 0) row 2, (1, 1, 0)
    # row 3, (0, 1, 1) row 6, (1, 1, 1) row 7 with weights .125, .375, .125, .375: .25 + 1.125 + .75 + 2.625 = 4.75
    # (1, 1, 1) + .5: cell (1, 1, 1), fractions .5: rows 7 to 14, modulo 8 each row once: mean 3.5
    points = torch.tensor([[0.25, 0.5, 0.0], [1.0, 1.0, 1.0]])
    torch.testing.assert_close(grid(points), torch.tensor([[4.75], [3.5]]))


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_hashed_level_by_hand(engine: str) -> None:
    grid = make_grid(engine, levels=1, features=1, base_resolution=8, finest_resolution=8, log2_table=3)
    grid.table.data = torch.arange(8.0)[:, None]
    # scale 7: the point below sits on grid point (3, 2, 1). Its row is 3 XOR 2 * 2654435761 XOR 805459861, modulo 8.
    # 2654435761 = 1 and 805459861 = 5 modulo 8, so 3 XOR 2 XOR 5 = 4
    points = (torch.tensor([[3.0, 2.0, 1.0]]) - 0.5) / 7
    torch.testing.assert_close(grid(points), torch.tensor([[4.0]]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("features", [1, 2, 3, 4])
def test_numba_equals_torch(features: int) -> None:
    expected = values_and_gradients("torch", awkward_points(), features=features)
    found = values_and_gradients("numba", awkward_points(), features=features)
    for name, a, b in zip(("features", "table gradient", "point gradient"), found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5 * float(b.abs().max()), msg=lambda m, n=name: f"{n}: {m}")


def test_reference_gradients_against_finite_differences() -> None:
    grid = make_grid().double()
    points = torch.rand(6, 3, dtype=torch.float64, requires_grad=True)
    table = torch.rand_like(grid.table).requires_grad_()
    engine = TorchEngine()
    assert torch.autograd.gradcheck(lambda p, t: engine.encode(p, t, grid.layout, 5), (points, table), fast_mode=True)


def test_numba_point_gradient_against_finite_differences() -> None:
    points = torch.rand(50, 3) * 0.98 + 0.01
    _, _, gradient = values_and_gradients("numba", points, levels=2, finest_resolution=8)
    grid = make_grid("numba", levels=2, finest_resolution=8).requires_grad_(False)
    grid.table.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
    upstream = torch.randn(50, 4, generator=torch.Generator().manual_seed(2))
    step = 1e-3
    for axis in range(3):
        shift = torch.zeros(3).index_fill(0, torch.tensor(axis), step)
        slope = ((grid(points + shift) - grid(points - shift)) * upstream).sum(-1) / (2 * step)
        # not where a cell's border lies between the two points: the slope jumps there (8 cells, 2 levels: few points)
        assert ((slope - gradient[:, axis]).abs() < 0.02).float().mean() > 0.9


def test_numba_repeats_bit_for_bit_on_any_number_of_threads() -> None:
    threads = torch.get_num_threads()
    points = awkward_points(5000)
    first = values_and_gradients("numba", points)
    try:
        torch.set_num_threads(1)
        second = values_and_gradients("numba", points)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_inactive_levels_are_silent(engine: str) -> None:
    grid = make_grid(engine)
    grid.update(0.0, first_levels=2, full_share=0.5)
    features = grid(torch.rand(100, 3))
    features.sum().backward()
    first_silent = grid.layout.levels[2].offset
    assert features.shape == (100, 10)
    assert features[:, :4].abs().min() > 0 and torch.equal(features[:, 4:], torch.zeros(100, 6))
    assert grid.table.grad[:first_silent].abs().sum() > 0 and not grid.table.grad[first_silent:].any()


def test_levels_grow_linearly_and_are_kept_in_the_state() -> None:
    grid = make_grid()
    active = []
    for share in (0.0, 0.16, 0.17, 0.34, 0.5, 1.0):  # 2 + floor(3 share / 0.5)
        grid.update(share, first_levels=2, full_share=0.5)
        active.append(int(grid.active_levels))
    assert active == [2, 2, 3, 4, 5, 5]
    grid.update(0.17, first_levels=2, full_share=0.5)
    other = make_grid()
    other.load_state_dict(grid.state_dict())
    assert int(other.active_levels) == 3 and other.finest_scale == grid.layout.levels[2].scale


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_points_outside_are_clamped(engine: str) -> None:
    grid = make_grid(engine)
    outside = torch.tensor([[-5.0, 0.5, 2.0], [1e30, -1e30, 0.5]])
    torch.testing.assert_close(grid(outside), grid(outside.clamp(0, 1)))


def test_numba_survives_what_is_not_a_number() -> None:
    grid = make_grid("numba")
    features = grid(torch.full((3, 3), torch.nan))
    features.sum().backward()
    assert features.isfinite().all() and grid.table.grad.isfinite().all()


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_no_points(engine: str) -> None:
    features = make_grid(engine)(torch.zeros(0, 3))
    features.sum().backward()
    assert features.shape == (0, 10)


def test_numba_refuses_other_float_types() -> None:
    with pytest.raises(ValueError, match=r"float32.*choose engine torch"):
        make_grid("numba").double()(torch.rand(2, 3, dtype=torch.float64))


def test_starts_small_and_uniform() -> None:
    table = make_grid().table.detach()
    assert table.abs().max() <= 1e-4 and table.abs().max() > 0.99e-4
    assert abs(float(table.mean())) < 5e-6
