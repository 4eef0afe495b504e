"""The choice of an engine, and the two marches against each other."""

import importlib
from typing import Any

import pytest
import torch

from renderers.backends import EngineUnavailable, load_engine, pick_engine
from renderers.backends.contract import OccupiedCells
from renderers.volume import intersect_box


@pytest.fixture(params=[ImportError("No module named 'numba'"), OSError("libsvml.so: cannot open shared object file")])
def broken_numba(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine on which importing the numba engine fails."""
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if "numba" in name:
            raise request.param
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


def test_auto_takes_numba_on_the_cpu_and_says_so() -> None:
    engine, reason = pick_engine("auto", "cpu")
    assert engine.name == "numba" and "numba" in reason and "fastest" in reason


def test_auto_takes_torch_on_cuda() -> None:
    engine, reason = pick_engine("auto", "cuda")
    assert engine.name == "torch" and "does not run on cuda" in reason


def test_auto_falls_back_and_says_why(broken_numba: None) -> None:
    engine, reason = pick_engine("auto", "cpu")
    assert engine.name == "torch" and "cannot be imported" in reason


def test_a_missing_engine_that_was_asked_for_is_an_error(broken_numba: None) -> None:
    with pytest.raises(EngineUnavailable, match=r"numba cannot be imported.*auto"):
        pick_engine("numba", "cpu")


def test_unknown_engine() -> None:
    with pytest.raises(EngineUnavailable, match=r"'cuda-magic'.*auto, numba, tcnn, compiled, torch"):
        pick_engine("cuda-magic", "cpu")


def march_of(engine: str, offset: torch.Tensor, cells: torch.Tensor) -> Any:
    generator = torch.Generator().manual_seed(5)
    box_min, box_max = torch.tensor([-1.0, -1.0, 0.0]), torch.tensor([1.0, 1.0, 1.5])
    origins = torch.randn(500, 3, generator=generator)
    origins[:400] *= 3 / origins[:400].norm(dim=-1, keepdim=True)  # most outside the box, some inside, some miss it
    targets = torch.randn(500, 3, generator=generator) * 0.5
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    near, far = intersect_box(origins, directions, box_min, box_max)
    per_unit = torch.tensor(cells.shape) / (box_max - box_min)
    grid = OccupiedCells(cells, box_min, per_unit)
    return load_engine(engine, "cpu").march(origins, directions, near, far, offset, 0.03, grid), near, far


@pytest.mark.parametrize("jittered", [False, True])
def test_marches_are_equal(jittered: bool) -> None:
    cells = torch.rand(8, 9, 10, generator=torch.Generator().manual_seed(6)) < 0.2
    offset = torch.rand(500) if jittered else torch.zeros(500)
    found, _, _ = march_of("numba", offset, cells)
    expected, _, _ = march_of("torch", offset, cells)
    assert 1000 < len(found) < 10000
    for name in ("ray", "start", "end"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_march_covers_each_ray_once(engine: str) -> None:
    samples, near, far = march_of(engine, torch.rand(500), torch.ones(4, 4, 4, dtype=torch.bool))
    covered = torch.zeros(500).index_add(0, samples.ray, samples.length)
    torch.testing.assert_close(covered, far - near, rtol=1e-5, atol=1e-5)
    assert (far == near).sum() > 10  # some rays miss, and have no samples
    same_ray = samples.ray[1:] == samples.ray[:-1]
    torch.testing.assert_close(samples.start[1:][same_ray], samples.end[:-1][same_ray])
    assert samples.length.max() < 0.03 + 1e-5


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_march_of_nothing(engine: str) -> None:
    empty, none = torch.zeros(0, 3), torch.zeros(0)
    grid = OccupiedCells(torch.ones(2, 2, 2, dtype=torch.bool), torch.zeros(3), torch.ones(3))
    assert len(load_engine(engine, "cpu").march(empty, empty, none, none, none, 0.1, grid)) == 0


def test_cells_by_hand() -> None:
    cells = torch.zeros(2, 2, 2, dtype=torch.bool)
    cells[1, 0, 1] = True  # x in [1, 2], y in [0, 1], z in [1, 2]
    grid = OccupiedCells(cells, torch.zeros(3), torch.ones(3))
    points = torch.tensor([[1.5, 0.5, 1.5], [0.5, 0.5, 1.5], [1.5, 1.5, 1.5], [2.0, 0.0, 2.0]])
    assert grid.contains(points).tolist() == [True, False, False, True]  # the far corner belongs to the last cell
