"""The stand-in device for PyTorch itself: compiled, and loaded before `import torch`, which looks for it."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("device.cpp")
PARTS = ("libc10.so", "libtorch_cpu.so")


def compiler() -> str | None:
    """A C++ compiler, if one is installed."""
    return shutil.which(os.environ.get("CXX", "c++"))


def load() -> None:
    """Makes PyTorch see a CUDA device. Raises where there is no compiler or it fails."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    torch = Path(spec.origin).parent
    for part in PARTS:
        ctypes.CDLL(str(torch / "lib" / part), mode=ctypes.RTLD_GLOBAL)
    with tempfile.TemporaryDirectory() as folder:
        ctypes.CDLL(str(_compiled(torch, Path(folder) / "device.so")), mode=ctypes.RTLD_GLOBAL)


def _compiled(torch: Path, library: Path) -> Path:
    include = [f"-I{torch / 'include'}", f"-I{torch / 'include' / 'torch' / 'csrc' / 'api' / 'include'}"]
    link = [f"-L{torch / 'lib'}", "-lc10", "-ltorch_cpu"]
    name = compiler()
    assert name is not None
    command = [name, "-O1", "-std=c++20", "-shared", "-fPIC", *include, str(SOURCE), "-o", str(library), *link]
    subprocess.run(command, check=True)
    return library
