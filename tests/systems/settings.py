"""Settings of the whole process that a job changes."""

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import torch


@contextmanager
def settings_kept() -> Iterator[None]:
    """Brings back the settings of the whole process that a job changes: determinism and numbers of threads."""
    before = torch.are_deterministic_algorithms_enabled()
    threads, kernels = torch.get_num_threads(), numba.get_num_threads()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)
        numba.set_num_threads(kernels)
