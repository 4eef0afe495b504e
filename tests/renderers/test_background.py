"""The background: smooth, so that it cannot draw the object, and able to make a sky and a ground."""

import torch

from gpslift.cameras import orbit_cameras
from renderers.background import Background


def directions(azimuth: torch.Tensor, elevation: torch.Tensor) -> torch.Tensor:
    """Unit vectors, angles in degrees."""
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    return torch.stack([a.sin() * e.cos(), a.cos() * e.cos(), e.sin()], -1)


def fitted(target: torch.Tensor, rays: torch.Tensor, steps: int) -> tuple[Background, float]:
    """A background trained on colours, and its mean squared error."""
    background = Background(hidden=16)
    optimizer = torch.optim.Adam(background.parameters(), lr=2e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (background(rays) - target).square().mean()
        loss.backward()
        optimizer.step()
    return background, float(loss.detach())


def test_colours_and_shape() -> None:
    color = Background(hidden=8)(torch.nn.functional.normalize(torch.randn(2, 5, 4, 3), dim=-1))
    assert color.shape == (2, 5, 4, 3) and color.min() > 0 and color.max() < 1


def test_learns_sky_and_ground() -> None:
    elevation = torch.linspace(-40, 40, 400)
    rays = directions(torch.rand(400) * 360, elevation)
    sky, ground = torch.tensor([0.6, 0.8, 1.0]), torch.tensor([0.3, 0.35, 0.2])
    soft = torch.sigmoid(elevation / 2)[:, None]  # a horizon about 8 degrees wide
    _, error = fitted(ground + soft * (sky - ground), rays, 400)
    assert error < 1e-3


def test_cannot_draw_an_object() -> None:
    # a bright bar 6 degrees wide at azimuth 0, 25 degrees tall: variance 0.0164 if left out
    azimuth = torch.linspace(-180, 179, 360).repeat(5)
    elevation = torch.linspace(-25, 25, 5).repeat_interleave(360)
    bar = (azimuth.abs() < 3).float()[:, None].expand(-1, 3)
    background, error = fitted(bar, directions(azimuth, elevation), 300)
    assert error > 0.7 * float(bar.var())
    turned = background(directions(torch.arange(0.0, 360.0), torch.zeros(360)))
    assert (turned - turned.roll(1, 0)).abs().max() < 0.05  # a degree changes little, all round


def test_smooth_within_a_picture() -> None:
    torch.manual_seed(3)
    one = torch.ones(1)
    _, rays = orbit_cameras(30 * one, 10 * one, 4 * one, 0.6 * one, torch.zeros(3), 64, 64).rays()
    picture = Background(hidden=16)(rays)[0]
    assert (picture[1:] - picture[:-1]).abs().max() < 0.02 and (picture[:, 1:] - picture[:, :-1]).abs().max() < 0.02
