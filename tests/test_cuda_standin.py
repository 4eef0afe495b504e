"""Without a GPU: lifting, priors and the rasteriser on a stand-in for CUDA, which is as strict about devices."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.cuda_standin import library

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("test_gpu.py", "test_rasterise.py", "test_devices.py")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA, so that tests/gpu itself runs")
@pytest.mark.skipif(platform.system() != "Linux", reason="the stand-in is compiled for Linux")
@pytest.mark.skipif(library.compiler() is None, reason="the stand-in is compiled, and there is no C++ compiler")
def test_what_runs_on_cuda_keeps_its_tensors_there() -> None:
    tests = [f"tests/gpu/{name}" for name in TESTS]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.cuda_standin.plugin",
        "-p",
        "no:cacheprovider",
        *tests,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " skipped" not in done.stdout
