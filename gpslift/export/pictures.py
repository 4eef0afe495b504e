"""Pictures of a field: a grid of views from all sides, and a turntable film."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gpslift.errors import UserError
from gpslift.export.views import Corner, RenderFunction, framing_cameras, ring

COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
ROWS = ("color", "depth", "normal", "opacity")
ELEVATION_DEG = 10.0
FRAMES_PER_SECOND = 24
BLOCK = 16
NOTHING = 0.85
DEPTH_COLORS = np.array(
    [[0.99, 0.91, 0.15], [0.37, 0.79, 0.38], [0.13, 0.57, 0.55], [0.23, 0.32, 0.55], [0.27, 0.0, 0.33]]
)
Pixels = NDArray[np.uint8]


def write_picture_grid(
    render: RenderFunction,
    box_min: Corner,
    box_max: Corner,
    size: int,
    path: Path,
    background: bool = False,
) -> Path:
    """Writes one picture: rows of colour, depth, normal and opacity; columns of views from N, NE, ... to NW.

    `render(cameras)` gives color, background and normal [B, H, W, 3], depth and opacity [B, H, W]; box in the cameras'
    unit; each view is `size` pixels square. background: colours have behind them what the render has, not grey.
    """
    cameras = framing_cameras(box_min, box_max, ring(len(COMPASS)), ELEVATION_DEG, size)
    views = [render(cameras[view : view + 1]) for view in range(len(cameras))]
    stacked = {row: np.concatenate([_array(getattr(view, row)) for view in views]) for row in ROWS[1:]}
    images = {
        "color": np.concatenate([color_picture(view, background) for view in views]),
        "depth": depth_picture(stacked["depth"], stacked["opacity"]),
        "normal": normal_picture(stacked["normal"], stacked["opacity"]),
        "opacity": to_pixels(np.repeat(stacked["opacity"][..., None], 3, -1)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    labelled_grid([list(images[row]) for row in ROWS], COMPASS, ROWS).save(path)
    return path


def write_turntable(
    render: RenderFunction,
    box_min: Corner,
    box_max: Corner,
    size: int,
    frames: int,
    path: Path,
    background: bool = False,
) -> Path:
    """Writes an H.264 film of one turn round the box, clockwise from north as seen from above, 24 frames a second.

    `render` and background: as of `write_picture_grid`, without normals. The side is `size` rounded up to a multiple of
    16, which the encoder needs.
    """
    side = -(-size // BLOCK) * BLOCK
    cameras = framing_cameras(box_min, box_max, ring(frames), ELEVATION_DEG, side)
    path.parent.mkdir(parents=True, exist_ok=True)
    film = imageio.get_writer(path, fps=FRAMES_PER_SECOND, codec="libx264", quality=8, macro_block_size=BLOCK)
    try:
        with closing(film) as writer:
            for frame in range(frames):
                writer.append_data(color_picture(render(cameras[frame : frame + 1]), background)[0])
    except OSError as error:
        if error.errno is not None:
            raise
        raise UserError(  # the encoder is a program of its own, whose troubles have no number
            f"the film {path} cannot be written; is the disk full? Free some space: {error}"
        ) from error
    return path


def to_pixels(values: NDArray[np.float32]) -> Pixels:
    """8-bit pixels of values in [0, 1]; values outside are clipped."""
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)


def color_picture(view: Any, background: bool) -> Pixels:
    """Colours [B, H, W, 3] of a view, over its own background or over grey."""
    color, opacity = _array(view.color), _array(view.opacity)
    return to_pixels(color if background else color + (1 - opacity)[..., None] * (NOTHING - _array(view.background)))


def depth_picture(depth: NDArray[np.float32], opacity: NDArray[np.float32]) -> Pixels:
    """Depths [..., H, W] as colours, yellow near to violet far in all pictures together; grey where opacity <= 0.5."""
    seen = opacity > 0.5
    if not seen.any():
        return to_pixels(np.full((*depth.shape, 3), NOTHING))
    near, far = np.percentile(depth[seen], [1, 99])
    share = np.clip((depth - near) / max(far - near, 1e-6), 0, 1)
    stops = np.linspace(0, 1, len(DEPTH_COLORS))
    color = np.stack([np.interp(share, stops, DEPTH_COLORS[:, channel]) for channel in range(3)], -1)
    return to_pixels(np.where(seen[..., None], color, NOTHING))


def normal_picture(normal: NDArray[np.float32], opacity: NDArray[np.float32]) -> Pixels:
    """World normals [..., H, W, 3] as colours (n + 1) / 2; grey where opacity <= 0.5."""
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return to_pixels(np.where(opacity[..., None] > 0.5, (normal / np.maximum(length, 1e-8) + 1) / 2, NOTHING))


def labelled_grid(rows: Sequence[Sequence[Pixels]], columns: Sequence[str], names: Sequence[str]) -> Image.Image:
    """One picture of `rows` of equally large images [H, W, 3], with a label over each column and beside each row."""
    height, width = rows[0][0].shape[:2]
    letters = max(9, height // 12)
    font = ImageFont.load_default(size=letters)
    top = round(1.6 * letters)
    left = round(max(font.getlength(name) for name in names) + letters)
    sheet = Image.new("RGB", (left + width * len(columns), top + height * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(columns):
        draw.text((left + (column + 0.5) * width, top / 2), label, fill="black", font=font, anchor="mm")
    for row, images in enumerate(rows):
        draw.text((left / 2, top + (row + 0.5) * height), names[row], fill="black", font=font, anchor="mm")
        for column, image in enumerate(images):
            sheet.paste(Image.fromarray(image), (left + column * width, top + row * height))
    return sheet


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.detach().float().cpu().numpy()
