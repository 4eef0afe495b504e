"""Images as picture files: one each, or a grid of many."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

LABEL_HEIGHT = 18
"""Pixels of the strip above a tile that holds its label."""

HOT, COLD = (1.0, 0.42, 0.0), (0.0, 0.3, 1.0)


def to_picture(image: Tensor) -> Image.Image:
    """An image [3, H, W] in [0, 1] as eight-bit RGB."""
    return Image.fromarray((image.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())


def save_image(image: Tensor, path: Path) -> None:
    """Writes an image [3, H, W] in [0, 1] as a PNG of its own size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    to_picture(image).save(path)


def save_grid(
    images: Tensor, path: Path, columns: int, least_height: int = 128, labels: Sequence[str] | None = None
) -> None:
    """Writes images [B, 3, H, W] in [0, 1], row by row, as a PNG; small ones are enlarged to `least_height` at least.

    labels: one for each image, written above it.
    """
    rows = -(-len(images) // columns)
    height, width = images.shape[-2:]
    enlarge = max(1, -(-least_height // height))
    tile_size, strip = (width * enlarge, height * enlarge), LABEL_HEIGHT if labels else 0
    sheet = Image.new("RGB", (columns * tile_size[0], rows * (tile_size[1] + strip)))
    draw = ImageDraw.Draw(sheet)
    for number, image in enumerate(images):
        left, top = number % columns * tile_size[0], number // columns * (tile_size[1] + strip)
        if labels:
            draw.text((left + 4, top + 2), _plain(labels[number]), fill="white", font=ImageFont.load_default())
        sheet.paste(to_picture(image).resize(tile_size, Image.Resampling.BICUBIC), (left, top + strip))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _plain(label: str) -> str:
    """Without accents: Pillow's own font draws boxes for them."""
    return "".join(letter for letter in unicodedata.normalize("NFD", label) if not unicodedata.combining(letter))


def overlay(image: Tensor, values: Tensor, strength: float = 0.75) -> Tensor:
    """An image [3, H, W] in [0, 1], greyed, under colours of values [H, W] in [-1, 1]: -1 is cold, 1 hot, 0 no colour.

    strength: the share of the colour where a value is -1 or 1.
    """
    grey = image.mean(0, keepdim=True).expand_as(image)
    hot, cold = (torch.tensor(color).to(image).view(3, 1, 1) for color in (HOT, COLD))
    share = strength * values.to(image).clamp(-1, 1)
    return (1 - share.abs()) * grey + share.clamp_min(0) * hot - share.clamp_max(0) * cold
