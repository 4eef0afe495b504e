"""What several processes of one training tell each other. Alone, a process hears itself."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process among them, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def average_over_processes(tensors: Iterable[Tensor]) -> None:
    """Puts the mean over all processes into each tensor. All processes call it, with tensors of the same shapes."""
    if world_size() == 1:
        return
    for tensor in tensors:
        dist.all_reduce(tensor)
        tensor /= world_size()


def share_of_mean(count: int, device: torch.device) -> float:
    """By what to multiply this process's mean of `count` values, so that the mean over processes is that of all values.

    All processes call it. 0 values in all: 1.
    """
    if world_size() == 1:
        return 1.0
    total = torch.tensor(float(count), device=device)
    dist.all_reduce(total)
    return count * world_size() / float(total) if total else 1.0


def rows_of_all(rows: Tensor) -> Tensor:
    """The rows [B, ...] of all processes, in their order. All processes call it, with as many rows each."""
    if world_size() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def own_rows(rows: Tensor) -> Tensor:
    """The inverse of `rows_of_all`: this process's share. Raises ValueError where the rows cannot be shared alike."""
    if len(rows) % world_size():
        raise ValueError(f"{len(rows)} rows cannot be shared by {world_size()} processes")
    return rows.chunk(world_size())[rank()]
