"""The noise that images start from."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def first_noise(
    unet: Any, count: int, generator: torch.Generator | Sequence[torch.Generator] | None, device: torch.device
) -> Tensor:
    """Noise [count, C, h, w] of unit variance for a U-Net's latents. generator: one for all, or one an image.

    It is drawn where the generator is, so that a generator of the CPU's gives the same noise on every device. Raises
    ValueError for generators that are not `count`.
    """
    side = unet.config.sample_size
    shape = (unet.config.in_channels, side, side)
    if generator is None or isinstance(generator, torch.Generator):
        drawn_on = device if generator is None else generator.device
        return torch.randn((count, *shape), generator=generator, device=drawn_on).to(device)
    each = [torch.randn(shape, generator=one, device=one.device).to(device) for one in generator]
    if len(each) != count:
        raise ValueError(f"{len(each)} generators for {count} images")
    return torch.stack(each)
