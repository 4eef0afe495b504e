"""The scene: density and colour at every point of a box, from a hash grid and two small heads."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from renderers.hash_grid import HashGrid

NORMALS_CELL = 1 / 512
"""Over less of the box differences of densities are rounding, where GPUs multiply with ten bits (TF32)."""


class Head(nn.Module):
    """A network with one hidden layer, channels first: [inputs, N] to [outputs, N].

    Channels first because a grid's features come so: nothing is transposed on the way there or back.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """[inputs, N] to [outputs, N]."""
        hidden = torch.addmm(self.hidden.bias[:, None], self.hidden.weight, features).relu_()
        return torch.addmm(self.output.bias[:, None], self.output.weight, hidden)


class Field(nn.Module):
    """Density >= 0 (per world unit) and colour in [0, 1], independent of the view, inside a box; nothing outside it.

    box_min, box_max: corners of the box, world units. The longest side is the grid's unit, so that cells are cubes.
    hidden: width of the heads. blob_scale, blob_radius (world units): training starts from a ball in the box's middle:
    density = softplus(head + blob_scale (1 - |x - middle| / blob_radius)), as in threestudio.
    """

    box_min: Tensor
    box_max: Tensor

    def __init__(
        self,
        *,
        grid: HashGrid,
        box_min: tuple[float, float, float],
        box_max: tuple[float, float, float],
        hidden: int,
        blob_scale: float,
        blob_radius: float,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.density_head = Head(grid.channels, hidden, 1)
        self.color_head = Head(grid.channels, hidden, 3)
        self.blob_scale, self.blob_radius = blob_scale, blob_radius
        self.longest_side = max(high - low for low, high in zip(box_min, box_max, strict=True))
        self.register_buffer("box_min", torch.tensor(box_min, dtype=torch.float32), persistent=False)
        self.register_buffer("box_max", torch.tensor(box_max, dtype=torch.float32), persistent=False)

    @property
    def middle(self) -> Tensor:
        """The middle of the box, [3]."""
        return (self.box_min + self.box_max) / 2

    @property
    def finest_cell(self) -> float:
        """Side of a cell of the finest active grid level, world units."""
        return self.longest_side / self.grid.finest_scale

    def shape_parameters(self) -> list[nn.Parameter]:
        """Parameters that density depends on: all but the colour head's."""
        return [*self.grid.parameters(), *self.density_head.parameters()]

    def features(self, points: Tensor) -> Tensor:
        """Grid features, channels first, [channels, N], of points [N, 3] in world units."""
        return self.grid((points - self.box_min) / self.longest_side).T

    def density_of(self, features: Tensor, points: Tensor) -> Tensor:
        """Density [N] of points [N, 3] with features [channels, N]."""
        distance = (points - self.middle).norm(dim=-1)
        raw = self.density_head(features)[0] + self.blob_scale * (1 - distance / self.blob_radius)
        inside = ((points >= self.box_min) & (points <= self.box_max)).all(-1)
        return functional.softplus(raw) * inside

    def density(self, points: Tensor) -> Tensor:
        """Density [N] at points [N, 3], world units."""
        return self.density_of(self.features(points), points)

    def color(self, points: Tensor) -> Tensor:
        """Colour [N, 3] at points [N, 3], world units."""
        return self.color_head(self.features(points)).sigmoid().T

    def density_and_color(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [N] and colour [N, 3] at points [N, 3], with one look into the grid."""
        features = self.features(points)
        return self.density_of(features, points), self.color_head(features).sigmoid().T

    def normals(self, points: Tensor, epsilon: float | None = None) -> Tensor:
        """Outward unit normals [N, 3] at points [N, 3]: -grad density, normalised; 0 where the density is constant.

        Central differences over +-epsilon (world units; None = the finest active cell, or NORMALS_CELL of the longest
        side where that is more), so that the parameters get gradients without second derivatives of the grid.
        """
        step = max(self.finest_cell, NORMALS_CELL * self.longest_side) if epsilon is None else epsilon
        axes = torch.eye(3, device=points.device, dtype=points.dtype) * step
        around = torch.cat([points + axis for axis in axes] + [points - axis for axis in axes])
        plus, minus = self.density(around).view(2, 3, -1)
        return functional.normalize((minus - plus).T / (2 * step), dim=-1)
