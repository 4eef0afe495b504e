"""Grids of images as one picture file."""

from pathlib import Path

from PIL import Image
from torch import Tensor


def save_grid(images: Tensor, path: Path, columns: int, least_height: int = 128) -> None:
    """Writes images [B, 3, H, W] in [0, 1], row by row, as a PNG; small ones are enlarged to at least `least_height`."""
    rows = -(-len(images) // columns)
    height, width = images.shape[-2:]
    enlarge = max(1, -(-least_height // height))
    sheet = Image.new("RGB", (columns * width * enlarge, rows * height * enlarge))
    for number, image in enumerate((images.detach().cpu().clamp(0, 1) * 255).round().byte()):
        tile = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((width * enlarge, height * enlarge), Image.Resampling.BICUBIC)
        sheet.paste(tile, (number % columns * width * enlarge, number // columns * height * enlarge))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
