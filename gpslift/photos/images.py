"""Pixels: open an image safely, turn it upright, cut the centred square, shrink it without aliasing."""

import math
import struct
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpslift.errors import UserError

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
"""Kinds of files that carry EXIF and that Pillow (HEIC: pillow-heif) decodes."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
"""Pillow's names of what these may hold. It knows more, and hands some of them (EPS) to other programs."""

DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, RuntimeError, struct.error
)  # fmt: skip
"""What Pillow raises on files that are not what they claim to be. All are caught together, and told as one thing."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x112
_OPENING = threading.Lock()


def open_image(path: Path, megapixels_max: float) -> Image.Image:
    """An image whose header is read and whose pixels are not. To be closed by the caller (`with`).

    UserError, with the path: not an image, damaged, more than `megapixels_max` million pixels, HEIC without its plugin.
    """
    _prepare_plugins(path)
    with (
        _OPENING
    ):  # Pillow's own limit is one setting for the whole process; ours is checked below, before any decoding
        pillows_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            Image.init()
            image = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
        except DECODE_ERRORS as error:
            raise UserError(f"cannot read {path}: {_reason(path, error)}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillows_limit
    megapixels = image.width * image.height / 1e6
    if megapixels > megapixels_max:
        image.close()
        raise UserError(f"{path} has {megapixels:.1f} million pixels; data.image_megapixels_max is {megapixels_max:g}")
    return image


def _prepare_plugins(path: Path) -> None:
    if path.suffix.lower() not in (".heic", ".heif"):
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise UserError(
            f"cannot read {path}: HEIC photos need the package pillow-heif (pip install pillow-heif)"
        ) from error
    register_heif_opener()


def _reason(path: Path, error: BaseException) -> str:
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no image, or it is damaged"
    return str(error) or type(error).__name__


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where it is missing, out of range or unreadable."""
    try:
        value = int(image.getexif().get(_ORIENTATION, 1))
    except DECODE_ERRORS:
        return 1
    return value if 1 <= value <= 8 else 1


def load_square(path: Path, size: int, megapixels_max: float) -> NDArray[np.uint8]:
    """The centred square of a photo, upright, as RGB [3, size, size]; row 0 is the top.

    Transparent parts become white. UserError, with the path, if the file is damaged, cut off, or too large.
    """
    with open_image(path, megapixels_max) as image:
        try:
            square = shrink(image, (size, size), square=True)
            turn = orientation(image)  # after the pixels: reading these, Pillow turns TIFFs itself, and says so
        except DECODE_ERRORS as error:
            raise UserError(f"cannot read {path}: {_reason(path, error)}") from error
    if turn in _UPRIGHT:  # a centred square stays one when turned, and turning few pixels is cheap
        square = square.transpose(_UPRIGHT[turn])
    return np.ascontiguousarray(np.asarray(square, np.uint8).transpose(2, 0, 1))


def difference_hash(image: Image.Image) -> bytes:
    """16 bytes that stay nearly the same when a picture is scaled or compressed again (dHash, 64 bits across, 64 down).

    Each bit says whether a cell of a 9 x 9 thumbnail of the upright picture is brighter than its neighbour.
    """
    small = shrink(image, (9, 9), square=False).convert("L")
    turn = orientation(image)
    if turn in _UPRIGHT:
        small = small.transpose(_UPRIGHT[turn])
    grey = np.asarray(small, np.int16)
    across = grey[:8, 1:] > grey[:8, :-1]
    down = grey[1:, :8] > grey[:-1, :8]
    return np.packbits(np.stack([across, down])).tobytes()


def shrink(image: Image.Image, size: tuple[int, int], *, square: bool) -> Image.Image:
    """An RGB copy at `size`, antialiased, of the centred square or of the whole picture; not turned upright."""
    factor = 2 * max(size) / min(image.size)
    if factor < 1 and image.format in (
        "JPEG",
        "MPO",
    ):  # the decoder itself can halve, up to three times, and is faster then
        image.draft(None, (math.ceil(image.width * factor), math.ceil(image.height * factor)))
    image.load()
    rgb = to_rgb(image)
    width, height = rgb.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side) if square else (0, 0, width, height)
    return rgb.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def to_rgb(image: Image.Image) -> Image.Image:
    """Eight-bit RGB from any of Pillow's modes: grey of 1, 8, 16 or 32 bits, palette, CMYK, with or without alpha."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(image, np.float64)), "L").convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _eight_bits(grey: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey of unknown range to 0..255: white is 1, 255 or 65535, whichever first holds all values, else the peak."""
    peak = float(np.nanmax(grey, initial=0.0))
    white = next((limit for limit in (1.0, 255.0, 65535.0) if peak <= limit), peak)
    return np.clip(np.nan_to_num(grey) / white * 255.0 + 0.5, 0, 255).astype(np.uint8)
