"""Where and how a run computes: device, number of processes, number format, threads, determinism."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytorch_lightning as pl
import torch

from gpslift.errors import UserError
from gpslift.ranks import local_rank
from gpslift.schema.run import RunConfig
from systems.quiet import quiet_lightning


def choose_device(config: RunConfig) -> torch.device:
    """`config.device`; auto = the GPU, if there is one that works. Raises UserError for cuda without one."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but this PyTorch finds no CUDA GPU; leave out device= or set device=cpu")
    if config.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", local_rank()) if local_rank() else torch.device("cuda")


def choose_devices(config: RunConfig, shares: int) -> int:
    """How many processes of this machine train: `config.devices`; 0 = one a GPU, as many as can share alike.

    Lightning starts the others as this one was started. So 0 = one in a notebook, a test or a program of one's own.
    shares: into how many equal parts a step's batch can be cut. Raises UserError where there are fewer GPUs.
    """
    device = choose_device(config)
    there = torch.cuda.device_count() if device.type == "cuda" else 1
    if config.devices == 0:
        most = there if _may_be_started_again() else 1
        return next(count for count in range(most, 0, -1) if shares % (count * config.nodes) == 0 or count == 1)
    if device.type == "cuda" and config.devices > there:
        raise UserError(f"devices={config.devices}, but this PyTorch finds {there} CUDA GPUs; leave it out for all")
    return config.devices


def _may_be_started_again() -> bool:
    """Whether this process is `launch.py`, or one of several that are started already."""
    program = getattr(sys.modules["__main__"], "__file__", None) or ""
    return Path(program).name == "launch.py" or "LOCAL_RANK" in os.environ


def choose_precision(config: RunConfig) -> str:
    """Lightning's name of `config.precision`; auto = bf16-mixed where the processor has units for it, else 32-true.

    A CPU without AMX is slower in bf16 than with 32 bits: many times where it emulates bf16, by half where it has
    AVX-512's instructions for it (a step of the compact prior: 1.5 s against 1.0).
    """
    device = choose_device(config)
    if config.precision == "fp16" and device.type == "cpu":
        raise UserError("precision=fp16 needs a GPU; set precision=32 or leave it out")
    if config.precision == "auto":
        return "bf16-mixed" if _computes_in_bf16(device) else "32-true"
    return {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}[config.precision]


def number_format(config: RunConfig) -> torch.dtype:
    """What large products are computed in with this `precision`; the rest is in 32 bits."""
    return {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(choose_precision(config), torch.float32)


def cpu_precision(config: RunConfig) -> str:
    """The same for a network so small that it trains on the CPU, where there is no fp16."""
    return choose_precision(replace(config, device="cpu", precision=config.precision.replace("fp16", "auto")))


def prepare(config: RunConfig) -> torch.device:
    """Sets seed, threads and determinism, and returns the device. Call it before a model is made.

    On the CPU all algorithms are deterministic; on CUDA they are not forced to be, for speed.
    """
    quiet_lightning()
    device = choose_device(config)
    if config.threads:
        torch.set_num_threads(config.threads)
        _set_numba_threads(config.threads)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Filling uninitialised memory costs time, and nothing here reads such memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device.type == "cuda":
        if device.index is not None:  # what is tried out on "cuda" before training is tried on this process's own
            torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    pl.seed_everything(config.seed, workers=True, verbose=False)
    return device


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported()


def _set_numba_threads(threads: int) -> None:
    import numba

    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
