"""Colours as displays take them, and the light that they stand for (IEC 61966-2-1)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def srgb_to_linear(color: NDArray[Any]) -> NDArray[np.float32]:
    """Linear light of sRGB values, both in [0, 1]."""
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(color: NDArray[Any]) -> NDArray[np.float32]:
    """sRGB values of linear light, clipped to [0, 1]."""
    color = np.clip(color, 0.0, 1.0)
    return np.where(color <= 0.0031308, 12.92 * color, 1.055 * color ** (1 / 2.4) - 0.055).astype(np.float32)
