"""The background: a sky by direction, a ground by place; too smooth to draw the object."""

import pytest
import torch
from torch import Tensor

from gpslift.cameras import Cameras, orbit_cameras
from renderers.background import Background, ground_distance
from renderers.draws import random_colors
from tests.renderers.scenes import analytic_renderer, make_renderer, side_cameras

EYE = torch.tensor([0.0, 0.0, 0.5])


def directions(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Unit vectors, angles in degrees."""
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    return torch.stack([a.sin() * e.cos(), a.cos() * e.cos(), e.sin()], -1)


def fitted(target: Tensor, origins: Tensor, rays: Tensor, steps: int) -> tuple[Background, float]:
    """A background trained on colours, and its mean squared error."""
    torch.manual_seed(0)
    background = Background(hidden=16)
    optimizer = torch.optim.Adam(background.parameters(), lr=2e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (background(origins, rays) - target).square().mean()
        loss.backward()
        optimizer.step()
    return background, float(loss.detach())


def ring(azimuths: int, size: int = 24) -> Cameras:
    """Cameras round the origin, a little above the ground."""
    azimuth = torch.arange(azimuths) * 360.0 / azimuths
    one = torch.ones(azimuths)
    return orbit_cameras(azimuth, 12 * one, 4 * one, 0.6 * one, torch.tensor([0.0, 0.0, 0.4]), size, size)


def test_distance_to_the_ground() -> None:
    origins = torch.tensor([[0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [5.0, 1.0, -1.0]])
    rays = torch.tensor([[0.0, 0.0, -1.0], [0.8, 0.0, -0.6], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    distance = ground_distance(origins, rays)
    torch.testing.assert_close(distance, torch.tensor([2.0, 2 / 0.6, torch.inf, torch.inf]))


def test_colours_and_shape() -> None:
    rays = torch.nn.functional.normalize(torch.randn(2, 5, 4, 3), dim=-1)
    color = Background(hidden=8)(EYE.expand_as(rays), rays)
    assert color.shape == (2, 5, 4, 3) and color.min() > 0 and color.max() < 1


def test_what_lies_on_the_ground_keeps_its_colour_from_everywhere() -> None:
    background, point = Background(hidden=16), torch.tensor([0.7, -1.2, 0.0])
    eyes = torch.tensor([[3.0, 0.0, 1.0], [-2.0, 2.0, 0.2], [0.7, -1.2, 5.0]])
    seen = background(eyes, torch.nn.functional.normalize(point - eyes, dim=-1))
    torch.testing.assert_close(seen, seen[:1].expand(3, 3), rtol=0, atol=1e-5)


def test_the_sky_does_not_hang_on_where_one_stands() -> None:
    background, up = Background(hidden=16), directions(torch.rand(6) * 360, torch.rand(6) * 80)
    assert torch.equal(background(torch.zeros(6, 3), up), background(torch.randn(6, 3), up))


def test_learns_sky_and_ground_from_all_sides() -> None:
    """A disc of lawn in the sea, which a ground by direction alone cannot have where the cameras stand all round."""
    origins, rays = ring(8).rays()
    distance = ground_distance(origins, rays)
    point = (origins + torch.where(torch.isfinite(distance), distance, 0)[..., None] * rays)[..., :2]
    lawn = torch.sigmoid((2 - point.norm(dim=-1, keepdim=True)) * 4)
    sea, grass, sky = torch.tensor([0.1, 0.2, 0.4]), torch.tensor([0.3, 0.5, 0.2]), torch.tensor([0.6, 0.8, 1.0])
    target = torch.where(torch.isfinite(distance)[..., None], sea + lawn * (grass - sea), sky)
    _, error = fitted(target, origins, rays, 400)
    assert error < 1e-3


@pytest.mark.parametrize("elevation", [0.0, 25.0])
def test_cannot_draw_an_object_on_the_sky(elevation: float) -> None:
    azimuth = torch.linspace(-180, 179, 360).repeat(5)
    rays = directions(azimuth, torch.linspace(0.0, 25.0, 5).repeat_interleave(360))
    bar = (azimuth.abs() < 3).float()[:, None].expand(-1, 3)  # 6 degrees wide
    background, error = fitted(bar, EYE.expand_as(rays), rays, 300)
    assert error > 0.7 * float(bar.var())
    round_about = directions(torch.arange(0.0, 360.0), torch.full((360,), elevation))
    turned = background(EYE.expand_as(round_about), round_about)
    assert (turned - turned.roll(1, 0)).abs().max() < 0.05  # a degree changes little, all round


def test_cannot_draw_an_object_on_the_ground() -> None:
    """A tower covers another part of the ground from each of eight sides: no picture on the ground does for it."""
    origins, rays = ring(8).rays()
    across = (origins[..., 0] * rays[..., 1] - origins[..., 1] * rays[..., 0]).abs()  # of the ray, to the z axis
    tower = (across < 0.15).float()[..., None].expand(*across.shape, 3)
    _, error = fitted(tower, origins, rays, 300)
    assert error > 0.5 * float(tower.var())


def test_a_solid_background_shows_wherever_there_is_nothing() -> None:
    plain = {"background": "solid", "background_color": [1, 0.5, 0]}
    renderer = analytic_renderer(lambda points: 400.0 * (points.norm(dim=-1) < 0.5), **plain)
    picture = renderer.render_image(*side_cameras(0.0, 90.0, size=9).rays())
    torch.testing.assert_close(picture.background, torch.tensor([1, 0.5, 0]).expand(2, 9, 9, 3))
    torch.testing.assert_close(picture.color[:, 0, 0], torch.tensor([[1, 0.5, 0]] * 2))
    torch.testing.assert_close(picture.color[:, 4, 4], torch.full((2, 3), 0.5))  # the ball
    assert not list(renderer.background.parameters())


def test_random_backgrounds_are_a_views_own_while_training() -> None:
    renderer = make_renderer(background="random", background_color=[0, 0, 1], samples=8)
    origins, directions = side_cameras(0.0, 90.0, 180.0, size=3).rays()
    behind = renderer(origins, directions, jitter=(0, 7), first_image=20).background
    assert behind.flatten(1, 2).std(1).max() == 0 and behind[:, 0, 0].unique().numel() == 9
    later = renderer(origins[1:], directions[1:], jitter=(0, 8), first_image=21).background
    torch.testing.assert_close(later, behind[1:])  # of samples 21 and 22, whatever the step and the batch
    many = random_colors(2000, 0, 0)
    assert many.min() >= 0 and many.max() < 1 and (many.mean(0) - 0.5).abs().max() < 0.03
    pictures = renderer.render_image(origins, directions).background
    torch.testing.assert_close(pictures, torch.tensor([0.0, 0, 1]).expand(3, 3, 3, 3))


def test_matter_shows_before_changing_backgrounds_and_not_before_one_of_its_color() -> None:
    """What random backgrounds are for: a white wall is free before white, and costs before colours of chance."""
    changes = {}
    for background in ("solid", "random"):
        plain = {"background": background, "background_color": [1, 1, 1]}
        renderer = analytic_renderer(lambda points: torch.full_like(points[:, 0], 9.0), torch.ones_like, **plain)
        filled = renderer(*side_cameras(0.0, 90.0, size=5).rays(), jitter=(0, 0))
        changes[background] = float((filled.color - filled.background)[:, 2, 2].abs().max())
    assert changes["solid"] < 1e-5 and changes["random"] > 0.1


def test_waves_on_the_ground_are_whole_over_the_disc() -> None:
    """Points half a disc apart, 1 and -1 world units: the same up to the disc itself, as all waves have period 1."""
    background, met = Background(hidden=8), []
    background.ground.register_forward_hook(lambda module, inputs, output: met.append(inputs[0]))
    background.ground_color(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))  # at 1/2 and -1/2 in the disc
    torch.testing.assert_close(met[0][0, 2:8:2], torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)
