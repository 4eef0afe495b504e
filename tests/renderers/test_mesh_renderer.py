"""The second stage's scene: pictures of a ball, and what gets gradients."""

import numpy as np
import pytest
import torch
import trimesh

from renderers.mesh_renderer import MeshRenderer
from renderers.render import Picture
from tests.renderers.scenes import make_renderer, side_cameras

RADIUS = 0.7
BALL = trimesh.creation.icosphere(subdivisions=4, radius=RADIUS)


def ball_renderer(supersample: int = 2) -> MeshRenderer:
    lifted = make_renderer()
    return MeshRenderer(
        vertices=torch.tensor(BALL.vertices),
        faces=torch.tensor(BALL.faces),
        field=lifted.field,
        background=lifted.background,
        supersample=supersample,
    )


def pictures(renderer: MeshRenderer, size: int = 32, normals: bool = False) -> Picture:
    cameras = side_cameras(180.0, 90.0, size=size)
    return renderer(cameras.camera_to_world, cameras.fov_y, cameras.rays()[1], normals=normals)


def test_a_ball_covers_the_disc_it_should_at_the_distance_it_should() -> None:
    picture = pictures(ball_renderer(), normals=True)
    half_angle = np.arcsin(RADIUS / 4)
    radius = 16 * np.tan(half_angle) / np.tan(0.25)
    assert picture.opacity.sum((1, 2)).tolist() == pytest.approx([np.pi * radius**2] * 2, rel=0.01)
    assert float(picture.depth[0, 16, 16]) == pytest.approx(4 - RADIUS, abs=0.01)
    assert picture.depth[0, 0, 0] == 0 and picture.opacity[0, 0, 0] == 0
    assert picture.normal is not None
    assert picture.normal[:, 16, 16].tolist() == [
        pytest.approx([0, -1, 0], abs=0.1),  # seen from the south, then from the east
        pytest.approx([1, 0, 0], abs=0.1),
    ]


def test_colors_are_the_fields_and_clear_pixels_the_backgrounds() -> None:
    renderer = ball_renderer(supersample=1)
    with torch.no_grad():
        renderer.field.color_head.output.weight.zero_()
        renderer.field.color_head.output.bias.copy_(torch.tensor([2.0, 0.0, -2.0]))
    picture = pictures(renderer)
    expected = torch.tensor([2.0, 0.0, -2.0]).sigmoid()
    assert torch.allclose(picture.color[picture.opacity == 1], expected, atol=1e-3)
    clear = picture.opacity == 0
    assert torch.equal(picture.color[clear], picture.background[clear])


def test_gradients_reach_colors_and_background_but_no_density() -> None:
    renderer = ball_renderer()
    pictures(renderer).color.square().sum().backward()
    with_gradient = {name for name, value in renderer.named_parameters() if value.grad is not None}
    assert not [name for name in with_gradient if "density" in name]
    for name in ("field.grid.table", "field.color_head.output.bias", "background.sky.0.weight"):
        assert dict(renderer.named_parameters())[name].grad.abs().max() > 0, name
