"""GPS features: metres from a city's centre to what a place token is made of."""

import math

import torch
from torch import Tensor


def wavelengths(longest_m: float, shortest_m: float, scales: int) -> list[float]:
    """`scales` wavelengths in metres, each the same factor below the one before.

    >>> wavelengths(1600.0, 100.0, 3)
    [1600.0, 400.0, 100.0]
    """
    factor = (shortest_m / longest_m) ** (1 / max(scales - 1, 1))
    return [longest_m * factor**scale for scale in range(scales)]


def plane_waves(east_m: Tensor, north_m: Tensor, wavelength_m: float, directions: int, turn: float = 0.0) -> Tensor:
    """sin and cos of plane waves over the map: [..., 2 directions].

    2 pi (east sin b + north cos b) / wavelength for bearings b = pi (k + turn) / directions, k = 0 ... directions - 1.
    Unlike sines of east and of north apart, these tell a place from one that shares only its street's longitude.
    """
    bearing = math.pi * (torch.arange(directions, device=east_m.device, dtype=east_m.dtype) + turn) / directions
    along_m = east_m[..., None] * torch.sin(bearing) + north_m[..., None] * torch.cos(bearing)
    phase = 2 * math.pi / wavelength_m * along_m
    return torch.cat([torch.sin(phase), torch.cos(phase)], -1)
