"""What a ray sees behind the object: a smooth function of its direction."""

import torch
from torch import Tensor, nn

ELEVATION_FREQUENCIES = (1, 2, 4, 8)


class Background(nn.Module):
    """Colour by direction: sky above, ground below, a soft change with the azimuth.

    The direction enters as its three components and as sin and cos of a few multiples of its elevation angle. There is
    no fine detail in azimuth, so that it cannot draw the object; the finest wave in elevation is 45 degrees long, so
    that it can make a soft horizon. hidden: width of the two hidden layers.
    """

    def __init__(self, *, hidden: int) -> None:
        super().__init__()
        inputs = 3 + 2 * len(ELEVATION_FREQUENCIES)
        self.network = nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 3),
            nn.Sigmoid(),
        )

    def forward(self, directions: Tensor) -> Tensor:
        """Colours [..., 3] in [0, 1] of unit directions [..., 3] (z up)."""
        elevation = torch.asin(directions[..., 2:].clamp(-1, 1))
        angles = elevation * torch.tensor(ELEVATION_FREQUENCIES, device=directions.device, dtype=directions.dtype)
        return self.network(torch.cat([directions, angles.sin(), angles.cos()], -1))
