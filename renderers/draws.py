"""Everything random in a render. Each draw depends on nothing but the numbers that name it, on any device."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor


class Purpose(IntEnum):
    """What a draw is for: draws with different purposes are independent though their numbers be equal."""

    RAY_OFFSETS = 1
    NORMALS = 2
    OCCUPANCY = 3
    LIGHTS = 4
    BACKGROUND = 5


def generator_of(purpose: Purpose, *key: int) -> torch.Generator:
    """A CPU generator for a purpose and non-negative integers, say (seed, step): equal keys, equal streams."""
    state = np.random.SeedSequence((int(purpose), *key)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def ray_offsets(images: int, pixels: int, jitter: tuple[int, ...] | None, first_image: int) -> Tensor:
    """Shifts [images * pixels] in [0, 1) of the rays' intervals; image b draws from (*jitter, first_image + b).

    Zeros if `jitter` is None.
    """
    if jitter is None:
        return torch.zeros(images * pixels)
    keys = [(*jitter, first_image + image) for image in range(images)]
    return torch.cat([torch.rand(pixels, generator=generator_of(Purpose.RAY_OFFSETS, *key)) for key in keys])


@dataclass(frozen=True)
class DrawnRays:
    """What is drawn for rays, and which view they are of.

    offset: shift of a ray's intervals, [R] in [0, 1). view: number of its view, int64 [R]. behind: random colours
    behind the views [B, 3], or None.
    """

    offset: Tensor
    view: Tensor
    behind: Tensor | None

    def __getitem__(self, rays: slice) -> "DrawnRays":
        return DrawnRays(self.offset[rays], self.view[rays], self.behind)


def random_colors(images: int, seed: int, first_image: int) -> Tensor:
    """Colours [images, 3], uniform in [0, 1); image b draws from (seed, first_image + b)."""
    keys = [(seed, first_image + image) for image in range(images)]
    return torch.stack([torch.rand(3, generator=generator_of(Purpose.BACKGROUND, *key)) for key in keys])


def draw_by_weight(
    weights: Tensor, ray: Tensor, images: int, pixels: int, count: int, key: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Draws `count` samples, an equal number from each image, in proportion to their weights.

    Systematic sampling: one random number an image, then equal steps through the running sum of the weights. weights,
    ray: of all samples, packed, [M]. key: what the draws depend on, the number of the first image last. Returns the
    samples' positions [K] and w_i / (expected number of draws of i) [K]: with these, sums over the draws estimate sums
    over all samples, and gradients reach the weights. An image with nothing in it gives no samples.
    """
    per_image = max(count // images, 1)
    bounds = torch.searchsorted(ray, torch.arange(images + 1, device=ray.device) * pixels).tolist()
    positions, scaled = [ray[:0]], [weights[:0]]
    for image, (first, last) in enumerate(pairwise(bounds)):
        running = weights[first:last].detach().double().cumsum(0)
        if last == first or running[-1] <= 0:
            continue
        generator = generator_of(Purpose.NORMALS, *key[:-1], key[-1] + image)
        start = torch.rand(1, generator=generator, dtype=torch.float64)
        marks = (torch.arange(per_image) + start).to(running.device) * (running[-1] / per_image)
        index = torch.searchsorted(running, marks, right=True).clamp_max(last - first - 1) + first
        expected = per_image * weights[index].detach() / running[-1].float()
        positions.append(index)
        scaled.append(weights[index] / expected)
    return torch.cat(positions), torch.cat(scaled)
