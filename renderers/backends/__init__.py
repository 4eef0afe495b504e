"""Engines: several implementations of one contract (`contract.Engine`), and the choice between them."""

import importlib

import torch

from renderers.backends.contract import Engine

# name -> where it is, the devices it runs on; fastest first
ENGINES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "numba": ("renderers.backends.numba_engine", "NumbaEngine", ("cpu",)),
    "torch": ("renderers.backends.torch_engine", "TorchEngine", ("cpu", "cuda")),
}


class EngineUnavailable(RuntimeError):
    """The engine asked for does not work here. The message says why and what to choose."""


def load_engine(name: str, device: torch.device | str) -> Engine:
    """The engine called `name`. Raises EngineUnavailable if it cannot run on the device or cannot be imported."""
    if name not in ENGINES:
        raise EngineUnavailable(f"there is no engine {name!r}: choose one of auto, {', '.join(ENGINES)}")
    module, cls, devices = ENGINES[name]
    kind = torch.device(device).type
    if kind not in devices:
        raise EngineUnavailable(f"engine {name} does not run on {kind}: choose auto or torch")
    try:
        return getattr(importlib.import_module(module), cls)()
    except (ImportError, OSError) as error:  # OSError: a compiled library that does not load
        raise EngineUnavailable(f"engine {name} cannot be imported ({error}): install it, or choose auto") from error


def available_engines(device: torch.device | str) -> dict[str, str]:
    """What can be said of each engine on this device: 'works', or why it does not; fastest first."""
    result = {}
    for name in ENGINES:
        try:
            load_engine(name, device)
            result[name] = "works"
        except EngineUnavailable as error:
            result[name] = str(error)
    return result


def pick_engine(name: str, device: torch.device | str) -> tuple[Engine, str]:
    """The engine, and in words why it is this one. 'auto' takes the fastest that works on the device.

    Raises EngineUnavailable if a named engine does not work; 'auto' always finds the torch engine.
    """
    if name != "auto":
        return load_engine(name, device), f"engine {name}, as asked"
    refused = []
    for candidate in ENGINES:
        try:
            engine = load_engine(candidate, device)
        except EngineUnavailable as error:
            refused.append(str(error))
            continue
        reason = f"engine {candidate}, the fastest that works on {torch.device(device).type}"
        return engine, "; ".join([reason, *refused])
    raise EngineUnavailable("; ".join(refused))
