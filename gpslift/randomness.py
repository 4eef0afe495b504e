"""Random numbers as pure functions of (seed, draw, index): a resumed run draws what an uninterrupted one would."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def generator_for(*key: int | str) -> torch.Generator:
    """A CPU generator that depends on `key` alone, such as (seed, "noise", sample index)."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def normal_for_samples(seed: int, name: str, indices: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers [len(indices), *shape], each row from its global sample index."""
    return torch.stack([torch.randn(shape, generator=generator_for(seed, name, index)) for index in indices])


def independent_for_samples(seed: int, name: str, indices: Sequence[int]) -> Tensor:
    """Numbers [len(indices)] in [0, 1), each from its global sample index, independent of all others."""
    return torch.stack([torch.rand((), generator=generator_for(seed, name, index)) for index in indices])


def uniform_for_samples(seed: int, name: str, indices: Sequence[int]) -> Tensor:
    """Numbers [len(indices)] in [0, 1), spread evenly over any run of neighbouring indices (golden ratio sequence).

    Of the same indices under two names they differ by an offset alone: what has to be independent of a number drawn so
    is drawn by `independent_for_samples`.
    """
    offset = float(torch.rand((), generator=generator_for(seed, name), dtype=torch.float64))
    golden = 0.6180339887498949
    spread = torch.tensor([(offset + index * golden) % 1.0 for index in indices], dtype=torch.float64)
    return spread.float().clamp_max(1 - 1e-7)
