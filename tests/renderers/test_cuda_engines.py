"""Engines for CUDA, as far as a CPU can tell: the choice, the adapters round stand-ins, the compiled expression."""

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock, Timeout
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

import renderers.backends
from renderers.backends import ENGINES, TRIAL, EngineUnavailable, load_engine, pick_engine, try_out
from renderers.backends.compiled_engine import CompiledEngine
from renderers.backends.contract import Engine, GridLayout, OccupiedCells
from renderers.backends.nerfacc_engine import NerfaccEngine, _compiling_alone, load_nerfacc
from renderers.backends.tcnn_engine import TcnnEngine, encoding_config, per_level_scale
from renderers.backends.torch_engine import TorchEngine
from renderers.samples import Samples
from renderers.volume import intersect_box
from tests.renderers import stand_ins
from tests.renderers.scenes import make_renderer, side_cameras

MIXED = GridLayout.build(levels=5, features=2, log2_table=10, base_resolution=4, finest_resolution=40)


@pytest.fixture
def tcnn(monkeypatch: pytest.MonkeyPatch) -> TcnnEngine:
    monkeypatch.setitem(sys.modules, "tinycudann", stand_ins.tinycudann)  # type: ignore[arg-type]
    return TcnnEngine()


def machine_with(monkeypatch: pytest.MonkeyPatch, *works: str, nerfacc: bool = False) -> None:
    """A machine with CUDA on which these engines work."""

    def load(name: str, device: Any, layout: GridLayout | None) -> Engine:
        if name not in works:
            raise EngineUnavailable(f"{name} is broken")
        engine = TorchEngine()
        engine.name = name
        return engine

    def rays() -> Any:
        if not nerfacc:
            raise RuntimeError("nvcc fails")
        return stand_ins.nerfacc_on_cpu

    monkeypatch.setattr(renderers.backends, "load_engine", load)
    monkeypatch.setattr("renderers.backends.nerfacc_engine.load_nerfacc", rays)


def test_auto_prefers_the_cuda_libraries_where_they_work(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "tcnn", "compiled", "torch", nerfacc=True)
    engine, reason = pick_engine("auto", "cuda")
    assert engine.name == "tcnn and nerfacc" and "tcnn, the fastest" in reason and "rays by nerfacc" in reason
    assert pick_engine("auto", "cuda", "own")[0].name == "tcnn"
    assert pick_engine("torch", "cuda")[0].name == "torch and nerfacc"


def test_auto_says_nothing_of_tcnn_where_it_is_not_there_and_why_nerfacc_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine_with(monkeypatch, "compiled", "torch")
    engine, reason = pick_engine("auto", "cuda")
    assert engine.name == "compiled" and "tcnn" not in reason and "nvcc fails" in reason


def test_auto_says_that_nothing_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "torch")
    engine, reason = pick_engine("auto", "cuda")
    assert engine.name == "torch" and "compiled is broken" in reason and "tcnn" not in reason


def test_what_is_asked_for_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "torch")
    with pytest.raises(EngineUnavailable, match="tcnn is broken"):
        pick_engine("tcnn", "cuda")
    with pytest.raises(EngineUnavailable, match=r"nerfacc cannot march rays here \(nvcc fails\).*auto or own"):
        pick_engine("torch", "cuda", "nerfacc")
    with pytest.raises(EngineUnavailable, match="does not run on cpu"):
        pick_engine("torch", "cpu", "nerfacc")


@pytest.mark.parametrize("error", [ImportError("No module named 'tinycudann'"), OSError("Unknown compute capability")])
def test_tcnn_that_cannot_be_imported(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if name == "tinycudann":
            raise error
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(EngineUnavailable, match=r"engine tcnn cannot be imported .*auto"):
        load_engine("tcnn", "cuda")


def test_an_engine_that_fails_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Tensor:
        raise RuntimeError("no kernel image is available\nfor this device")

    monkeypatch.setattr(CompiledEngine, "encode", broken)
    monkeypatch.setattr("renderers.backends.try_out", lambda engine, device, layout: engine.encode())
    with pytest.raises(EngineUnavailable, match=r"compiled does not work here \(no kernel image is available\)"):
        load_engine("compiled", "cuda")


@pytest.mark.parametrize(("features", "base", "finest"), [(3, 4, 40), (2, 32, 768)], ids=["features", "resolutions"])
def test_auto_takes_no_engine_that_refuses_the_grid_it_is_for(
    tcnn: TcnnEngine, monkeypatch: pytest.MonkeyPatch, features: int, base: int, finest: int
) -> None:
    """tiny-cuda-nn has 1, 2, 4 or 8 features a level, and rounds some resolutions otherwise whatever the growth."""
    entries = {name: replace(ENGINES[name], devices=("cpu",)) for name in ("tcnn", "torch")}
    monkeypatch.setattr(renderers.backends, "ENGINES", entries)
    layout = GridLayout.build(
        levels=14, features=features, log2_table=10, base_resolution=base, finest_resolution=finest
    )
    assert pick_engine("auto", "cpu")[0].name == pick_engine("auto", "cpu", layout=MIXED)[0].name == "tcnn"
    assert pick_engine("auto", "cpu", layout=layout)[0].name == "torch"


def test_a_lock_that_a_killed_process_left_behind_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    with _compiling_alone():
        (build,) = (path for path in tmp_path.rglob("nerfacc_cuda") if path.is_dir())
    (build / "lock").touch()
    with _compiling_alone():
        assert not (build / "lock").exists()
        with pytest.raises(Timeout):
            FileLock(build.with_name("nerfacc_cuda.gpslift.lock")).acquire(timeout=0)


def test_nerfacc_is_not_compiled_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ImportError, match="nvcc"):
        load_nerfacc()


def values_and_gradients(engine: Engine, layout: GridLayout, active: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features, and gradients to the table and to the points for a fixed upstream gradient."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(600, 3, generator=generator)
    points[:8] = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    points[8] = torch.tensor([1.2, -0.1, 0.5])  # is clamped
    points.requires_grad_()
    table = (torch.rand(layout.total_entries, layout.features, generator=generator) * 2 - 1).requires_grad_()
    features = engine.encode(points, table, layout, active)
    features.backward(torch.randn(features.shape, generator=generator))
    assert table.grad is not None and points.grad is not None
    return features.detach(), table.grad, points.grad


def assert_equal_to_torch(engine: Engine, layout: GridLayout, active: int, tolerance: float) -> None:
    found, expected = (values_and_gradients(each, layout, active) for each in (engine, TorchEngine()))
    for name, one, other in zip(("features", "table"), found, expected, strict=False):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * float(other.abs().max()), msg=name)
    # the slope jumps from cell to cell, so that points on a border may have either
    off = (found[2] - expected[2]).abs() > tolerance * expected[2].abs().max()
    assert off.float().mean() < 0.005


@pytest.mark.parametrize("active", [1, 3, 5])
def test_tcnn_encodes_as_torch_does(tcnn: TcnnEngine, active: int) -> None:
    assert_equal_to_torch(tcnn, MIXED, active, 1e-4)


def test_tcnn_leaves_inactive_levels_alone(tcnn: TcnnEngine) -> None:
    features, gradient, _ = values_and_gradients(tcnn, MIXED, 2)
    assert features.shape == (10, 600) and not features[4:].any() and features[:4].any()
    assert not gradient[MIXED.levels[2].offset :].any()


def test_tcnn_of_no_points(tcnn: TcnnEngine) -> None:
    table = torch.zeros(MIXED.total_entries, 2, requires_grad=True)
    nothing = tcnn.encode(torch.zeros(0, 3), table, MIXED, 5)
    assert nothing.shape == (10, 0)
    nothing.sum().backward()
    assert table.grad is not None  # else a process whose rays meet nothing stops the others


def test_tcnn_of_another_layout_is_refused(tcnn: TcnnEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_ins.Encoding, "scale_and_resolution", lambda self, level: (7.0, 9))
    with pytest.raises(ValueError, match=r"sizes its levels otherwise; choose renderer\.engine=compiled"):
        values_and_gradients(tcnn, MIXED, 5)


@pytest.mark.parametrize("levels", [1, 2, 8, 10, 16])
@pytest.mark.parametrize(("base", "finest"), [(4, 32), (8, 128), (16, 2048), (16, 4096), (5, 777)])
@pytest.mark.parametrize("log2_table", [12, 19])
def test_tcnn_gets_our_table(levels: int, base: int, finest: int, log2_table: int) -> None:
    """The sizes of all levels as its float32 arithmetic gives them are ours, and scales nearly so."""
    finest = base if levels == 1 else finest
    sizes = {"levels": levels, "log2_table": log2_table, "base_resolution": base, "finest_resolution": finest}
    layout = GridLayout.build(features=1, **sizes)
    theirs = stand_ins.Encoding(3, encoding_config(layout, levels), dtype=torch.float32)
    assert theirs.offsets == [level.offset for level in layout.levels] + [layout.total_entries]
    for number, level in enumerate(layout.levels):
        scale, resolution = theirs.scale_and_resolution(number)
        assert resolution == level.resolution and abs(scale - level.scale) < 0.03


def test_a_growth_of_two_would_round_up_unless_it_is_lowered() -> None:
    layout = GridLayout.build(levels=4, features=1, log2_table=12, base_resolution=4, finest_resolution=32)
    assert 2 - 2e-6 < per_level_scale(layout) < 2


def test_the_compiled_expression_is_the_torch_engine() -> None:
    """All of torch.compile but the making of machine code, which takes long. One compilation serves all sizes."""
    torch.compiler.reset()
    counter = CompileCounterWithBackend("aot_eager")
    engine = CompiledEngine(backend=counter)
    try_out(engine, "cpu", TRIAL)
    for active in (4, 5):
        assert_equal_to_torch(engine, MIXED, active, 1e-5)
    other = GridLayout.build(levels=7, features=4, log2_table=12, base_resolution=8, finest_resolution=64)
    assert_equal_to_torch(engine, other, 6, 1e-5)
    assert counter.frame_count <= 2  # the second knows gradients to points
    table = torch.zeros(MIXED.total_entries, 2, requires_grad=True)
    nothing = engine.encode(torch.zeros(0, 3), table, MIXED, 5)
    assert nothing.shape == (10, 0)
    nothing.sum().backward()
    assert table.grad is not None  # else a process whose rays meet nothing stops the others


def march(engine: Engine) -> tuple[Samples, Tensor]:
    generator = torch.Generator().manual_seed(5)
    box_min, box_max = torch.tensor([-1.0, -1.0, 0.0]), torch.tensor([1.0, 1.0, 1.5])
    cells = torch.rand(8, 9, 10, generator=generator) < 0.3
    origins = torch.nn.functional.normalize(torch.randn(60, 3, generator=generator), dim=-1) * 3
    origins[:10] *= 0.1  # inside the box
    directions = torch.nn.functional.normalize(torch.randn(60, 3, generator=generator) * 0.5 - origins, dim=-1)
    near, far = intersect_box(origins, directions, box_min, box_max)
    far[30:] = torch.minimum(far[30:], near[30:] + 0.7)  # as the ground cuts rays
    grid = OccupiedCells(cells, box_min, torch.tensor(cells.shape) / (box_max - box_min))
    offset = torch.rand(60, generator=generator)
    return engine.march(origins, directions, near, far, offset, 0.03, grid), far - near


def test_nerfacc_marches_as_torch_does_but_for_the_ends() -> None:
    found, span = march(NerfaccEngine(TorchEngine(), stand_ins.nerfacc_on_cpu))
    expected, _ = march(TorchEngine())
    covered = [torch.zeros(60).index_add(0, each.ray, each.length) for each in (found, expected)]
    assert len(expected) > 500 and (span == 0).any() and covered[1].max() > 0.3
    assert (covered[0] - covered[1]).abs().max() < 0.03 + 1e-4  # half a step at either end
    key = [torch.stack([each.ray.double(), each.middle.double()]).T for each in (found, expected)]
    near = torch.cdist(key[0] * torch.tensor([1e3, 1.0]), key[1] * torch.tensor([1e3, 1.0])).amin(1)
    assert (near < 1e-4).float().mean() > 0.9 and (found.ray.diff() >= 0).all() and (found.length > 0).all()


def test_nerfacc_of_no_rays() -> None:
    engine = NerfaccEngine(TorchEngine(), stand_ins.nerfacc_on_cpu)
    empty, none = torch.zeros(0, 3), torch.zeros(0)
    grid = OccupiedCells(torch.ones(2, 2, 2, dtype=torch.bool), torch.zeros(3), torch.ones(3))
    samples = engine.march(empty, empty, none, none, none, 0.1, grid)
    assert len(samples) == 0 and engine.weights(none, samples, 4).shape == (0,)
    assert engine.sum(torch.zeros(5, 0), samples, 4).tolist() == torch.zeros(5, 4).tolist()


def test_nerfacc_renders_what_torch_does() -> None:
    """A whole render on the same samples: colour, opacity, depth, and gradients."""
    results = []
    for with_nerfacc in (False, True):
        renderer = make_renderer(samples=32)
        renderer.update(0, 10)
        engine = NerfaccEngine(TorchEngine(), stand_ins.nerfacc_on_cpu)
        engine.march = TorchEngine().march  # type: ignore[method-assign]
        renderer.engine = engine if with_nerfacc else renderer.engine
        render = renderer(*side_cameras(0.0, 100.0, size=6).rays(), jitter=(0,), normals="all")
        render.color.square().mean().backward()
        results.append((render.color, render.opacity, render.depth, render.normal, renderer.field.grid.table.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
