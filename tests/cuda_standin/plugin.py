"""A pytest plugin that has tests/gpu run on the stand-in device.

    python -m pytest -p tests.cuda_standin.plugin tests/gpu

It shows that nothing is left behind on another device. It computes on the CPU, and says nothing of CUDA's own kernels.
"""

import sys
from types import SimpleNamespace
from typing import Any

from tests.cuda_standin import library

library.load()
sys.modules["bitsandbytes"] = None  # type: ignore[assignment] # diffusers imports it, and it looks for CUDA's own calls

import pytest  # noqa: E402
import torch  # noqa: E402

from tests.cuda_standin.tensors import StandInMode  # noqa: E402

PROPERTIES = SimpleNamespace(name="stand-in", major=9, minor=0, total_memory=2**34, multi_processor_count=1)
ANSWERS: dict[str, Any] = {
    "is_available": True,
    "is_initialized": True,
    "device_count": 1,
    "current_device": 0,
    "get_device_name": "stand-in",
    "get_device_capability": (9, 0),
    "get_device_properties": PROPERTIES,
    "is_bf16_supported": True,
    "mem_get_info": (2**34, 2**34),
    "memory_allocated": 0,
    "max_memory_reserved": 2**30,
    "get_rng_state_all": [],
    "is_current_stream_capturing": False,
}
SILENT = (
    "_lazy_init",
    "set_device",
    "empty_cache",
    "synchronize",
    "manual_seed",
    "manual_seed_all",
    "set_rng_state_all",
)


def pytest_configure(config: pytest.Config) -> None:
    """From here on there is a CUDA device."""
    for name in SILENT:
        setattr(torch.cuda, name, lambda *args, **kwargs: None)
    for name, answer in ANSWERS.items():
        setattr(torch.cuda, name, lambda *args, answer=answer, **kwargs: answer)
    torch._C._cuda_isCurrentStreamCapturing = lambda: False  # type: ignore[attr-defined]
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(list, device=...) is made on the CPU, then moved
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # a parameter turns into one of another class
    StandInMode().__enter__()
