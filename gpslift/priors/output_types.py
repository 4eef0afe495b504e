"""The forms that a call of the pipeline gives its images in, named as diffusers names them."""

from typing import Any

from diffusers.utils import numpy_to_pil
from torch import Tensor

OUTPUT_TYPES = ("pil", "pt", "np", "latent")


def check_output_type(output_type: str) -> None:
    """Raises ValueError, which names the choices, for what is none of OUTPUT_TYPES."""
    if output_type not in OUTPUT_TYPES:
        raise ValueError(f"there is no output_type '{output_type}'; choose from {', '.join(OUTPUT_TYPES)}")


def in_form(images: Tensor, output_type: str) -> Any:
    """Images [N, 3, H, W] in [0, 1] as N PIL images, or as an array [N, H, W, 3]; for "pt" and "latent" as they are."""
    if output_type in ("pt", "latent"):
        return images
    array = images.permute(0, 2, 3, 1).cpu().numpy()
    return array if output_type == "np" else numpy_to_pil(array)
