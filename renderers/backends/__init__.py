"""Engines: several implementations of one contract (`contract.Engine`), and the choice between them."""

import importlib
from dataclasses import dataclass

import torch

from renderers.backends.contract import Engine, GridLayout

# no two of its sizes are equal, nor equal to 3: torch.compile would take them for one and the same
TRIAL = GridLayout.build(levels=7, features=2, log2_table=8, base_resolution=4, finest_resolution=16)


@dataclass(frozen=True)
class Entry:
    """An engine: where it is, and the devices it runs on.

    trial: it is tried out when it is loaded. optional: `auto` says nothing of it where it is missing (few have it).
    """

    module: str
    cls: str
    devices: tuple[str, ...]
    trial: bool = False
    optional: bool = False


# fastest first
ENGINES: dict[str, Entry] = {
    "numba": Entry("renderers.backends.numba_engine", "NumbaEngine", ("cpu",)),
    "tcnn": Entry("renderers.backends.tcnn_engine", "TcnnEngine", ("cuda",), trial=True, optional=True),
    "compiled": Entry("renderers.backends.compiled_engine", "CompiledEngine", ("cuda",), trial=True),
    "torch": Entry("renderers.backends.torch_engine", "TorchEngine", ("cpu", "cuda")),
}


class EngineUnavailable(RuntimeError):
    """The engine asked for does not work here. The message says why and what to choose."""


def load_engine(name: str, device: torch.device | str, layout: GridLayout | None = None) -> Engine:
    """The engine called `name`.

    Raises EngineUnavailable if it cannot run on the device, cannot be imported, or takes no grid of this layout.
    """
    if name not in ENGINES:
        raise EngineUnavailable(f"there is no engine {name!r}: choose one of auto, {', '.join(ENGINES)}")
    entry, kind = ENGINES[name], torch.device(device).type
    if kind not in entry.devices:
        raise EngineUnavailable(f"engine {name} does not run on {kind}: choose auto")
    try:
        engine: Engine = getattr(importlib.import_module(entry.module), entry.cls)()
    except (ImportError, OSError) as error:  # OSError: a compiled library that does not load
        raise EngineUnavailable(f"engine {name} cannot be imported ({error}): install it, or choose auto") from error
    if entry.trial:
        try:
            for one in filter(None, (TRIAL, layout)):
                try_out(engine, device, one)
        except Exception as error:  # whatever a compiler or a driver throws
            raise EngineUnavailable(f"engine {name} does not work here ({_first_line(error)}): choose auto") from error
    return engine


def try_out(engine: Engine, device: torch.device | str, layout: GridLayout) -> None:
    """Encodes a few points, forward and backward, raises what goes wrong, compiles what compiles at first use."""
    points = torch.linspace(0, 1, 999, device=device).view(-1, 3)
    table = torch.zeros(layout.total_entries, layout.features, device=device, requires_grad=True)
    engine.encode(points, table, layout, -(-2 * len(layout.levels) // 3)).sum().backward()


def pick_engine(
    name: str, device: torch.device | str, marching: str = "auto", layout: GridLayout | None = None
) -> tuple[Engine, str]:
    """The engine, and in words why it is this one. 'auto' takes the fastest that works on the device.

    layout: of the grid that it is for, where that is known: not every engine takes any.

    marching: who marches rays and sums along them. 'own': the engine itself. 'nerfacc': nerfacc, on CUDA. 'auto':
    nerfacc where it works. Raises EngineUnavailable if what is named does not work; 'auto' always finds something.
    """
    engine, reason = pick_grid_engine(name, device, layout)
    cuda = torch.device(device).type == "cuda"
    if marching == "own" or (marching == "auto" and not cuda):
        return engine, reason
    try:
        if not cuda:
            raise ImportError(f"it does not run on {device}")
        nerfacc = importlib.import_module("renderers.backends.nerfacc_engine")
        return nerfacc.NerfaccEngine(engine, nerfacc.load_nerfacc()), f"{reason}; rays by nerfacc"
    except Exception as error:  # its kernels are compiled at their first call: whatever a compiler throws
        if marching == "auto":
            failed = "" if isinstance(error, ImportError) else f"; nerfacc does not work here ({_first_line(error)})"
            return engine, reason + failed
        raise EngineUnavailable(f"nerfacc cannot march rays here ({error}): choose marching auto or own") from error


def pick_grid_engine(name: str, device: torch.device | str, layout: GridLayout | None = None) -> tuple[Engine, str]:
    """`pick_engine` for the hash grid alone."""
    if name != "auto":
        return load_engine(name, device, layout), f"engine {name}, as asked"
    refused = []
    for candidate, entry in ENGINES.items():
        try:
            engine = load_engine(candidate, device, layout)
        except EngineUnavailable as error:
            if not entry.optional:
                refused.append(str(error))
            continue
        reason = f"engine {candidate}, the fastest that works on {torch.device(device).type}"
        return engine, "; ".join([reason, *refused])
    raise EngineUnavailable("; ".join(refused))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
