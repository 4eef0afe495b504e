"""The hash grid of tiny-cuda-nn (Müller 2021), where its Python module `tinycudann` is installed.

The tables, their sizes and the hash are ours (`GridLayout`), so that a checkpoint of any engine loads into this one.
What differs: tiny-cuda-nn computes a level's scale, b^l base - 1, in float32 from a float32 b, and an error in the last
place could round a resolution up to the next number, which moves every row of the table behind it. Therefore b is
taken a few units in the last place lower, until all resolutions are ours whatever the rounding; coordinates in the
finest level are then off by at most a few hundredths of a cell.
"""

import importlib
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from renderers.backends.contract import GridLayout
from renderers.backends.torch_engine import TorchEngine

ROUNDING = 2.0**-21  # relative error of a scale that must not matter: four units in the last place of a float32
MOST_STEPS = 256


def per_level_scale(layout: GridLayout) -> float:
    """The growth b from level to level that gives tiny-cuda-nn our resolutions.

    Raises ValueError if there is none within `MOST_STEPS` units in the last place of the exact one.
    """
    levels = layout.levels
    base = levels[0].resolution
    exact = ((levels[-1].scale + 1) / base) ** (1 / (len(levels) - 1)) if len(levels) > 1 else 1.0
    growth = np.float32(exact)
    for _ in range(MOST_STEPS):
        power = np.exp2(np.arange(len(levels), dtype=np.float32) * np.log2(growth)) * np.float32(base)
        margin = np.where(np.arange(len(levels)) > 0, ROUNDING, 0) * power
        if all(
            math.ceil(low) == math.ceil(high) == level.resolution - 1
            for low, high, level in zip(power - margin - 1, power + margin - 1, levels, strict=True)
        ):
            return float(growth)
        growth = np.nextafter(growth, np.float32(0))
    raise ValueError(
        f"tiny-cuda-nn rounds the resolutions of this hash grid ({base} to {levels[-1].resolution}, {len(levels)} "
        "levels) otherwise: choose renderer.engine=compiled, or another renderer.grid.finest_resolution"
    )


def encoding_config(layout: GridLayout, active_levels: int) -> dict[str, Any]:
    """The first levels of a grid in tiny-cuda-nn's words (its DOCUMENTATION.md, "Grid")."""
    return {
        "otype": "HashGrid",
        "n_levels": active_levels,
        "n_features_per_level": layout.features,
        "log2_hashmap_size": math.ceil(math.log2(max(level.entries for level in layout.levels))),
        "base_resolution": layout.levels[0].resolution,
        "per_level_scale": per_level_scale(layout),
        "interpolation": "Linear",
    }


class TcnnEngine(TorchEngine):
    """tiny-cuda-nn encodes, in float32: normals are differences of densities, in which half precision would be lost.

    Raises ImportError or OSError where `tinycudann` cannot be loaded.
    """

    name = "tcnn"

    def __init__(self) -> None:
        self.library = importlib.import_module("tinycudann")
        self.modules: dict[tuple[GridLayout, int], nn.Module] = {}

    def encode(self, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        """See `Engine.encode`. Raises ValueError if tiny-cuda-nn would lay out the table otherwise."""
        channels = len(layout.levels) * layout.features
        if len(points) == 0:
            return table.new_zeros(channels, 0) + table[:0].sum()  # of several processes, each needs a gradient
        key = layout, active_levels
        if key not in self.modules:
            self.modules[key] = self.build(layout, active_levels)
        rows = table[: rows_of(layout, active_levels)].reshape(-1)
        features = torch.func.functional_call(self.modules[key], {"params": rows}, (points.clamp(0, 1),)).T
        return torch.cat([features, features.new_zeros(channels - len(features), len(points))])

    def build(self, layout: GridLayout, active_levels: int) -> nn.Module:
        """tiny-cuda-nn's module for the first levels of a grid. It has no parameters left: calls bring them."""
        config = encoding_config(layout, active_levels)
        module: nn.Module = self.library.Encoding(n_input_dims=3, encoding_config=config, dtype=torch.float32)
        expected, found = rows_of(layout, active_levels) * layout.features, module.get_parameter("params").numel()
        if found != expected:
            raise ValueError(
                f"tiny-cuda-nn's table for {config} holds {found} numbers and not {expected}: this version of it sizes "
                "its levels otherwise; choose renderer.engine=compiled"
            )
        module.register_parameter("params", nn.Parameter(torch.empty(0), requires_grad=False))
        return module


def rows_of(layout: GridLayout, active_levels: int) -> int:
    """Rows of the table that the first levels take."""
    last = layout.levels[active_levels - 1]
    return last.offset + last.entries
