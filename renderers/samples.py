"""The points on rays at which a field is asked: packed (only those that matter) and padded (a table, ray by ray)."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """The intervals of all rays, packed: ordered by ray, then by distance. M intervals in all.

    ray: index of the ray, int64, non-decreasing, [M]. start, end: distances along the ray, world units, [M].
    """

    ray: Tensor
    start: Tensor
    end: Tensor

    def __len__(self) -> int:
        return self.ray.shape[0]

    def __getitem__(self, index: Tensor) -> "Samples":
        """A subset: `index` is a mask [M] or increasing positions [K]."""
        return Samples(self.ray[index], self.start[index], self.end[index])

    @property
    def middle(self) -> Tensor:
        """Distance of the middle of each interval, [M]."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> Tensor:
        """Length of each interval, [M]."""
        return self.end - self.start

    @cached_property
    def padding(self) -> "Padding":
        """Where the samples go in a table with one row a ray."""
        return Padding.of(self.ray)

    def points(self, origins: Tensor, directions: Tensor) -> Tensor:
        """Middles in space, [M, 3], on the rays `origins` [R, 3] + t `directions` [R, 3]."""
        return origins[self.ray] + directions[self.ray] * self.middle[:, None]


@dataclass(frozen=True)
class Padding:
    """Where packed values go in a table with one row a ray that has samples: short rows are padded at their end.

    rays: the rays that have samples, [K]. position: place of each sample in the flattened table, [M]. width: the
    longest row's number of samples.
    """

    rays: Tensor
    position: Tensor
    width: int

    @classmethod
    def of(cls, ray: Tensor) -> "Padding":
        """The table of the samples whose rays are `ray` [M], non-decreasing.

        >>> Padding.of(torch.tensor([3, 3, 7])).pad(torch.tensor([1.0, 2.0, 5.0]))
        tensor([[1., 2.],
                [5., 0.]])
        """
        rays, row, counts = torch.unique_consecutive(ray, return_inverse=True, return_counts=True)
        width = int(counts.max()) if len(counts) else 0
        first = counts.cumsum(0) - counts
        slot = torch.arange(len(ray), device=ray.device) - first[row]
        return cls(rays, row * width + slot, width)

    def pad(self, values: Tensor) -> Tensor:
        """Packed values [..., M] as tables [..., K, width], zero where a row has ended."""
        table = values.new_zeros(*values.shape[:-1], len(self.rays) * self.width)
        return table.index_copy(-1, self.position, values).unflatten(-1, (len(self.rays), self.width))

    def unpad(self, table: Tensor) -> Tensor:
        """The packed values [..., M] of tables [..., K, width]."""
        return table.flatten(-2).index_select(-1, self.position)

    def sum(self, values: Tensor, rays: int) -> Tensor:
        """Sums of packed values [..., M] along each of `rays` rays: [..., rays]; 0 for rays without samples."""
        total = values.new_zeros(*values.shape[:-1], rays)
        return total.index_copy(-1, self.rays, self.pad(values).sum(-1))
