"""The hash grid as fast as plain torch was made to do it: what the numba engine is measured against.

Blocks of points, so that intermediates stay in the cache; coordinates in rows, so that arithmetic is vectorised;
`embedding_bag` for the look-ups; a backward pass of its own, which recomputes rows and weights and adds them with
one-dimensional `index_add_`. Of the variants tried, this was the fastest.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from renderers.backends.contract import PRIMES, GridLayout, GridLevel

BLOCK = 16384


def rows_and_weights(points: Tensor, level: GridLevel) -> tuple[Tensor, Tensor]:
    """Rows within the level [8, N] and trilinear weights [8, N] of the corners round points [3, N]."""
    position = points * level.scale + 0.5
    cell = position.int()
    upper = position - cell
    lower = 1 - upper
    strides = (1, level.resolution, level.resolution**2) if level.dense else PRIMES
    first = cell.long() * torch.tensor(strides)[:, None]
    second = first + torch.tensor(strides)[:, None]
    x, y = (first[0], second[0], first[0], second[0]), (first[1], first[1], second[1], second[1])
    if level.dense:
        plane = torch.stack(x) + torch.stack(y)
        rows = torch.cat([plane + first[2], plane + second[2]]).remainder_(level.entries)
    else:
        plane = torch.stack(x) ^ torch.stack(y)
        rows = torch.cat([plane ^ first[2], plane ^ second[2]]).bitwise_and_(level.entries - 1)
    flat = torch.stack([lower[0] * lower[1], upper[0] * lower[1], lower[0] * upper[1], upper[0] * upper[1]])
    return rows, torch.cat([flat * lower[2], flat * upper[2]])


class FastTorchGrid(torch.autograd.Function):
    """points [N, 3], table [rows, features] to features [levels * features, N]; gradient to the table only."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, layout: GridLayout) -> Tensor:
        ctx.layout = layout
        ctx.save_for_backward(points, table)
        out = torch.empty(len(layout.levels), layout.features, len(points))
        for start in range(0, len(points), BLOCK):
            block = points[start : start + BLOCK].T.contiguous()
            for number, level in enumerate(layout.levels):
                rows, weights = rows_and_weights(block, level)
                part = table[level.offset : level.offset + level.entries]
                bags = rows.T.contiguous(), part, weights.T.contiguous()
                features = functional.embedding_bag(bags[0], bags[1], per_sample_weights=bags[2], mode="sum")
                out[number, :, start : start + BLOCK] = features.T
        return out.flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, None]:
        points, table = ctx.saved_tensors
        count = ctx.layout.features
        gradient = torch.zeros_like(table)
        for start in range(0, len(points), BLOCK):
            block = points[start : start + BLOCK].T.contiguous()
            for number, level in enumerate(ctx.layout.levels):
                rows, weights = rows_and_weights(block, level)
                part = gradient[level.offset : level.offset + level.entries].view(-1)
                for feature in range(count):
                    sent = weights * upstream[number * count + feature, start : start + BLOCK]
                    part.index_add_(0, (rows * count + feature).view(-1), sent.view(-1))
        return None, gradient, None
