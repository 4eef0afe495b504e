"""Changes of photos that leave their azimuths true, for few photos: scale, crop, colour, blur, cut-outs. Never a flip,
since a mirrored photo has another azimuth.

The numbers of one sample follow from (seed, global sample index) alone, so that a resumed run draws what an
uninterrupted one would. What lies outside the photo, or in a cut-out, is told by a mask and does not count in the loss,
so that no generated image has borders or holes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from gpslift.randomness import generator_for

ZOOM_IN, ZOOM_OUT = 0.25, 0.15
"""At full strength a sample shows 75 to 115 % of the photo's width."""
SHIFT = 0.06  # of the photo's width, where the crop leaves no more room
BRIGHTNESS, TINT, CONTRAST, SATURATION = 0.2, 0.06, 0.2, 0.3
BLURRED = 0.15  # share of samples
CUT, CUT_SIDE = 0.5, (0.1, 0.35)  # share of samples; sides, of the photo's
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
_DRAWS = 16


def augment(batch: dict[str, Any], strength: float, seed: int) -> dict[str, Any]:
    """The batch with other images [B, 3, S, S] in [0, 1], their frame widths, and `counted` [B, 1, S, S]: 1 where a
    pixel is of the photo, else 0.

    strength: 0 (nothing changes) to 1. A crop's frame width is the photo's times the share of it that is shown.
    """
    with torch.autocast(batch["image"].device.type, enabled=False):  # pixels moved by bf16 miss by up to a pixel
        return _augmented(batch, strength, seed)


def _augmented(batch: dict[str, Any], strength: float, seed: int) -> dict[str, Any]:
    image = batch["image"]
    draws = draws_for_samples(seed, batch["index"].tolist()).to(image)
    shown = 1 - ZOOM_IN * strength + (ZOOM_IN + ZOOM_OUT) * strength * draws[:, 0]
    shifted, counted = _cropped(image, shown, draws[:, 1:3] * 2 - 1, strength)
    colored = _recolored(shifted, draws[:, 3:9] * 2 - 1, strength)
    blur = strength * draws[:, 10] * (draws[:, 9] < BLURRED * strength)
    image = torch.lerp(colored, _blurred(colored), blur.view(-1, 1, 1, 1))
    image, counted = _cut_out(image, counted, draws[:, 11:16], strength)
    changed = {"image": image, "counted": counted}
    if "frame_width_m" in batch:
        changed["frame_width_m"] = batch["frame_width_m"] * shown.to(batch["frame_width_m"])
    return batch | changed


def draws_for_samples(seed: int, indices: Sequence[int]) -> Tensor:
    """Numbers [B, _DRAWS] in [0, 1), each row from its global sample index."""
    return torch.stack([torch.rand(_DRAWS, generator=generator_for(seed, "augment", index)) for index in indices])


def counted_in_latents(counted: Tensor, size: Sequence[int]) -> Tensor:
    """Which latent values [B, 1, h, w] are of counted pixels [B, 1, S, S] alone."""
    return interpolate(counted, tuple(size), mode="area").ge(1 - 1e-4).to(counted)


def _cropped(image: Tensor, shown: Tensor, toward: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Images that show `shown` [B] of the photo's width, moved by `toward` [B, 2] in [-1, 1], and what is counted."""
    room = (1 - shown).clamp_min(0) + SHIFT * strength
    rows = torch.zeros(len(image), 2, 3, dtype=image.dtype, device=image.device)
    rows[:, 0, 0] = rows[:, 1, 1] = shown
    rows[:, :, 2] = toward * room[:, None]
    grid = affine_grid(rows, list(image.shape), align_corners=False)
    moved = grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
    return moved, (grid.abs() <= 1).all(-1)[:, None].to(image)


def _recolored(image: Tensor, draws: Tensor, strength: float) -> Tensor:
    """Other brightness, tint, contrast and saturation, by `draws` [B, 6] in [-1, 1]."""
    brightness, contrast, saturation, *tint = (strength * draws.T.view(6, -1, 1, 1, 1)).unbind()
    gain = torch.exp(BRIGHTNESS * brightness + TINT * torch.cat(tint, 1))
    image = image * gain
    middle = image.mean((1, 2, 3), keepdim=True)
    image = middle + (image - middle) * torch.exp(CONTRAST * contrast)
    grey = (image * image.new_tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + (image - grey) * torch.exp(SATURATION * saturation)).clamp(0, 1)


def _blurred(image: Tensor) -> Tensor:
    """Every pixel as the mean of 3 x 3 with weights 1, 2, 1 along each side."""
    wide = pad(image, (1, 1, 0, 0), mode="replicate")
    image = (wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]) / 4
    high = pad(image, (0, 0, 1, 1), mode="replicate")
    return (high[..., :-2, :] + 2 * high[..., 1:-1, :] + high[..., 2:, :]) / 4


def _cut_out(image: Tensor, counted: Tensor, draws: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """A rectangle of some images in their mean colour, and not counted. draws: [B, 5], whether, how large, where."""
    side = image.shape[-1]
    low, high = CUT_SIDE
    sizes = (low + (high - low) * draws[:, 1:3]) * side
    starts = draws[:, 3:5] * (side - sizes)
    at = torch.arange(side, device=image.device) + 0.5
    inside = (at >= starts[..., None]) & (at < (starts + sizes)[..., None])
    hole = inside[:, 0, None, None, :] & inside[:, 1, None, :, None]
    hole &= (draws[:, 0] < CUT * strength).view(-1, 1, 1, 1)
    return torch.where(hole, image.mean((2, 3), keepdim=True), image), counted * ~hole
