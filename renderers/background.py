"""What a ray sees behind the object: a sky by direction, and a ground by the point where the ray meets it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ELEVATION_FREQUENCIES = (1, 2, 4, 8)
GROUND_FREQUENCIES = (1, 2, 4)


class Background(nn.Module):
    """The sky, a smooth function of direction, and the ground, a smooth picture on the plane z = 0.

    The sky's direction enters as its three components and as sin and cos of a few multiples of its elevation angle.
    There is no fine detail in azimuth, so that it cannot draw the object. The ground's point enters with the whole
    plane drawn together into a disc of radius 1, and sin and cos of a few multiples: waves no shorter than half a
    world unit. A ground that depended on direction alone would shift with the camera, and matter would have to stand
    in for the true one. hidden: width of the two hidden layers of each.
    """

    def __init__(self, *, hidden: int) -> None:
        super().__init__()
        self.sky = _network(3 + 2 * len(ELEVATION_FREQUENCIES), hidden)
        self.ground = _network(2 + 4 * len(GROUND_FREQUENCIES), hidden)

    def forward(self, origins: Tensor, directions: Tensor) -> Tensor:
        """Colours [..., 3] in [0, 1] along rays: origins [..., 3] in world units, unit directions [..., 3] (z up)."""
        distance = ground_distance(origins, directions)
        down = torch.isfinite(distance)
        point = origins[..., :2] + torch.where(down, distance, 0)[..., None] * directions[..., :2]
        return torch.where(down[..., None], self.ground_color(point), self.sky_color(directions))

    def sky_color(self, directions: Tensor) -> Tensor:
        """Colours [..., 3] of the sky in unit directions [..., 3]."""
        elevation = torch.asin(directions[..., 2:].clamp(-1, 1))
        return self.sky(torch.cat([directions, *_waves(elevation, ELEVATION_FREQUENCIES)], -1))

    def sky_parameters(self) -> list[nn.Parameter]:
        """What the sky alone is made of."""
        return list(self.sky.parameters())

    def ground_color(self, points: Tensor) -> Tensor:
        """Colours [..., 3] of the ground at points [..., 2], world units."""
        disc = points / (1 + points.norm(dim=-1, keepdim=True))
        return self.ground(torch.cat([disc, *_waves(torch.pi * disc, GROUND_FREQUENCIES)], -1))


class PlainBackground(nn.Module):
    """The same colour everywhere. color: three numbers in [0, 1]."""

    color: Tensor

    def __init__(self, color: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("color", torch.tensor(list(color), dtype=torch.float32), persistent=False)

    def sky_parameters(self) -> list[nn.Parameter]:
        """None: it is what it is."""
        return []

    def forward(self, origins: Tensor, directions: Tensor) -> Tensor:
        """Colours [..., 3] along rays: origins, directions [..., 3]."""
        return self.color.expand_as(directions)


def ground_distance(origins: Tensor, directions: Tensor) -> Tensor:
    """Distance [...] along rays [..., 3] to the plane z = 0 from above; infinite for those that never meet it so."""
    height, slope = origins[..., 2], directions[..., 2]
    meets = (slope < 0) & (height > 0)
    return torch.where(meets, height / torch.where(meets, -slope, 1), torch.inf)


def _network(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, 3),
        nn.Sigmoid(),
    )


def _waves(phase: Tensor, frequencies: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    angles = torch.cat([phase * frequency for frequency in frequencies], -1)
    return angles.sin(), angles.cos()
