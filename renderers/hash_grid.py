"""Multi-resolution hash grid: features of a point, learned at many scales (Müller et al. 2022, section 3)."""

import math

import torch
from torch import Tensor, nn

from renderers.backends.contract import Engine, GridLayout

INITIAL_RANGE = 1e-4


class HashGrid(nn.Module):
    """A learned table [rows, features], asked through an engine.

    levels, features: how many levels, and features a level. log2_table: log2 of the most entries a level may have.
    base_resolution, finest_resolution: grid points a side of the coarsest and finest level.
    The start is uniform in +-1e-4, from torch's global generator.
    """

    active_levels: Tensor

    def __init__(
        self,
        *,
        levels: int,
        features: int,
        log2_table: int,
        base_resolution: int,
        finest_resolution: int,
        engine: Engine,
    ) -> None:
        super().__init__()
        self.layout = GridLayout.build(
            levels=levels,
            features=features,
            log2_table=log2_table,
            base_resolution=base_resolution,
            finest_resolution=finest_resolution,
        )
        self.engine = engine
        start = torch.rand(self.layout.total_entries, features)
        self.table = nn.Parameter((2 * start - 1) * INITIAL_RANGE)
        # in the state, so that a field loaded from a checkpoint is the field that was saved
        self.register_buffer("active_levels", torch.tensor(levels))
        self._active = levels  # the same where reading it does not wait for the GPU
        self.register_load_state_dict_post_hook(HashGrid._read_levels)

    @property
    def channels(self) -> int:
        """Features over all levels."""
        return len(self.layout.levels) * self.layout.features

    @property
    def finest_scale(self) -> float:
        """Cells along the unit interval in the finest active level."""
        return self.layout.levels[self._active - 1].scale

    def update(self, share: float, *, first_levels: int, full_share: float) -> None:
        """Coarse to fine: `first_levels` levels at share 0 of training, linearly up to all at `full_share`."""
        levels = len(self.layout.levels)
        progress = min(share / full_share, 1.0) if full_share > 0 else 1.0
        first = min(first_levels, levels)
        self._active = first + math.floor((levels - first) * progress)
        self.active_levels.fill_(self._active)

    def forward(self, points: Tensor) -> Tensor:
        """Features [N, levels * features] of points [N, 3] in [0, 1]; inactive levels give zeros and get no gradient.

        The result is the transpose of an array that lies channel by channel: `.T` of it costs nothing.
        """
        return self.engine.encode(points, self.table, self.layout, self._active).T

    def _read_levels(self, loaded: object) -> None:
        """After a state is loaded."""
        self._active = int(self.active_levels)
