"""Random numbers that depend on nothing but the numbers they are named by, on any device."""

import numpy as np
import torch


def generator_of(*key: int) -> torch.Generator:
    """A CPU generator seeded by non-negative numbers, say (seed, step): equal keys, equal streams."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
