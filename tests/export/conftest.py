"""Fields of known shape, rendered without any renderer of the project."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from gpslift.cameras import Cameras

SUN = torch.tensor([0.0, 0.0, 1.0])


class SolidField:
    """Balls of constant density `inside` with soft edges, ray-marched through the box [-1, 1]^2 x [0, 2].

    centers [N, 3], radii [N]; colour: red east of the middle, blue west of it.
    """

    def __init__(self, centers: list[list[float]], radii: list[float], inside: float = 60.0) -> None:
        self.centers, self.radii, self.inside = torch.tensor(centers), torch.tensor(radii), inside

    def density(self, points: Tensor) -> Tensor:
        depth = (self.radii - torch.cdist(points, self.centers)).amax(1)
        return self.inside * torch.sigmoid(40 * depth)

    def color(self, points: Tensor) -> Tensor:
        east = (points[:, 0] > 0).float()
        return torch.stack([east, torch.zeros_like(east), 1 - east], -1)

    def render(self, cameras: Cameras, steps: int = 96) -> SimpleNamespace:
        origins, directions = cameras.rays()
        middle = (torch.tensor([0.0, 0.0, 1.0]) - origins).norm(dim=-1).mean()
        distance = middle + torch.linspace(-1.6, 1.6, steps)
        points = origins[..., None, :] + distance[:, None] * directions[..., None, :]
        inside = ((points >= torch.tensor([-1.0, -1, 0])) & (points <= torch.tensor([1.0, 1, 2]))).all(-1)
        density = self.density(points.reshape(-1, 3)).reshape(inside.shape) * inside
        alpha = 1 - torch.exp(-density * 3.2 / steps)
        weights = alpha * torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha[..., :-1]], -1), -1)
        opacity = weights.sum(-1)
        color = (weights[..., None] * self.color(points.reshape(-1, 3)).reshape(points.shape)).sum(-2)
        return SimpleNamespace(
            color=color + (1 - opacity)[..., None] * 0.5,
            background=torch.full_like(color, 0.5),
            opacity=opacity,
            depth=(weights * distance).sum(-1) / opacity.clamp_min(1e-6),
            normal=SUN.expand_as(directions) * opacity[..., None],
        )


@pytest.fixture(scope="session")
def solid_field() -> type[SolidField]:
    """The class of fields that are known."""
    return SolidField
