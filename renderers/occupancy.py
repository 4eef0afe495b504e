"""Which cells of the box hold something, so that rays skip the rest (Müller et al. 2022, appendix E.1)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from renderers.backends.contract import OccupiedCells
from renderers.draws import Purpose, generator_of
from renderers.volume import interval_opacity

SUBSET_SHARE = 4  # after the warm-up, one cell in this many is asked at random, beside the occupied ones


class OccupancyGrid(nn.Module):
    """A decayed maximum of the density in each cell, and which cells count as occupied.

    box_min, box_max: world units. resolution: cells a side. step: length of a ray step, world units. threshold: a cell
    is occupied if one step through it is more opaque than this, or than the mean over all cells, if that is less.
    warmup_steps: as long, every update asks every cell. decay: of the stored density, at each update of a cell.
    All cells are occupied at first.
    """

    density: Tensor
    cells: Tensor
    box_min: Tensor
    cell_size: Tensor

    def __init__(
        self,
        *,
        box_min: tuple[float, float, float],
        box_max: tuple[float, float, float],
        resolution: int,
        step: float,
        threshold: float,
        warmup_steps: int,
        decay: float,
    ) -> None:
        super().__init__()
        self.resolution, self.step, self.threshold = resolution, step, threshold
        self.warmup_steps, self.decay = warmup_steps, decay
        shape = (resolution, resolution, resolution)
        self.register_buffer("density", torch.zeros(shape))
        self.register_buffer("cells", torch.ones(shape, dtype=torch.bool))
        low, high = torch.tensor(box_min, dtype=torch.float32), torch.tensor(box_max, dtype=torch.float32)
        self.register_buffer("box_min", low, persistent=False)
        self.register_buffer("cell_size", (high - low) / resolution, persistent=False)

    @property
    def occupied_cells(self) -> OccupiedCells:
        """The cells as an engine's march takes them."""
        return OccupiedCells(self.cells, self.box_min, 1 / self.cell_size)

    def occupied(self, points: Tensor) -> Tensor:
        """Whether points [..., 3] (world units) lie in occupied cells; False outside the box."""
        corner = self.box_min + self.cell_size * self.resolution
        inside = ((points >= self.box_min) & (points <= corner)).all(-1)
        return inside & self.occupied_cells.contains(points)

    def cells_to_ask(self, step: int, generator: torch.Generator) -> Tensor:
        """Flat indices of the cells that an update asks: all while warming up, then the occupied and a random share."""
        total = self.cells.numel()
        if step < self.warmup_steps:
            return torch.arange(total, device=self.cells.device)
        chosen = self.cells.flatten().clone()
        chosen[torch.randperm(total, generator=generator)[: total // SUBSET_SHARE].to(chosen.device)] = True
        return chosen.nonzero()[:, 0]

    @torch.no_grad()
    def update(self, step: int, density: Callable[[Tensor], Tensor], seed: int) -> None:
        """Asks `density` ([N, 3] world units to [N]) at one random point in each chosen cell.

        What is drawn depends on (seed, step) alone: a resumed run equals one that never stopped.
        """
        generator = generator_of(Purpose.OCCUPANCY, seed, step)
        index = self.cells_to_ask(step, generator)
        corner = torch.stack(torch.unravel_index(index, self.cells.shape), -1)
        jitter = torch.rand(len(index), 3, generator=generator).to(corner.device)
        found = density(self.box_min + (corner + jitter) * self.cell_size)
        flat = self.density.view(-1)
        flat[index] = torch.maximum(flat[index] * self.decay, found)
        opacity = interval_opacity(self.density, torch.tensor(self.step, device=flat.device))
        self.cells.copy_(opacity > opacity.mean().clamp_max(self.threshold))
