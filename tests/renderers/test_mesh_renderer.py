"""The second stage's scene: smooth offsets against a dense solution, pictures of a ball, what gets gradients."""

import numpy as np
import pytest
import torch
import trimesh

from renderers.mesh_renderer import MeshRenderer
from renderers.render import Picture
from renderers.smooth_offsets import SmoothOffsets, laplacian
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
        smoothness=4.0,
    )


def pictures(renderer: MeshRenderer, size: int = 32, normals: bool = False) -> Picture:
    cameras = side_cameras(180.0, 90.0, size=size)
    return renderer(cameras.camera_to_world, cameras.fov_y, cameras.rays()[1], normals=normals)


def test_the_laplacian_of_one_triangle() -> None:
    assert laplacian(np.array([[0, 1, 2]]), 4).toarray().tolist() == [
        [2, -1, -1, 0],
        [-1, 2, -1, 0],
        [-1, -1, 2, 0],
        [0, 0, 0, 0],
    ]


def test_offsets_solve_the_smoothed_system_and_so_do_their_gradients() -> None:
    faces = torch.tensor(trimesh.creation.icosahedron().faces)
    offsets = SmoothOffsets(faces, 12, smoothness=3.0)
    assert torch.equal(offsets(), torch.zeros(12, 3))
    inverse = torch.linalg.inv(torch.eye(12) + 3 * torch.tensor(laplacian(faces.numpy(), 12).toarray())).float()
    latent = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    offsets.latent.data = latent
    assert torch.allclose(offsets(), inverse @ latent, atol=1e-6)
    offsets()[4, 1].backward()
    assert torch.allclose(offsets.latent.grad[:, 1], inverse[4], atol=1e-6)
    assert (offsets.latent.grad[:, [0, 2]] == 0).all() and (inverse[4] > 0).all()  # one vertex draws all along


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


def test_gradients_reach_colors_background_and_shape_but_no_density() -> None:
    renderer = ball_renderer()
    pictures(renderer).color.square().sum().backward()
    with_gradient = {name for name, value in renderer.named_parameters() if value.grad is not None}
    assert not [name for name in with_gradient if "density" in name]
    for name in ("field.grid.table", "field.color_head.output.bias", "background.sky.0.weight", "offsets.latent"):
        assert dict(renderer.named_parameters())[name].grad.abs().max() > 0, name


def test_a_ball_grows_when_more_of_it_is_asked_for() -> None:
    """Silhouettes alone move the vertices outward, and those beside them along."""
    renderer = ball_renderer()
    optimizer = torch.optim.Adam(renderer.offsets.parameters(), lr=0.02)
    before = pictures(renderer).opacity.detach().sum()
    for _ in range(5):
        optimizer.zero_grad()
        (-pictures(renderer).opacity.sum()).backward()
        optimizer.step()
    assert pictures(renderer).opacity.detach().sum() > 1.05 * before
    outward = (renderer.offsets() * renderer.vertices).sum(-1) / RADIUS
    assert (outward > 0.01).float().mean() > 0.9


def test_colors_stay_on_the_surface_when_it_moves() -> None:
    renderer = ball_renderer(supersample=1)
    before = pictures(renderer).color.detach()
    renderer.offsets.latent.data[:, 1] = 0.3  # all vertices alike: north, away from the first camera
    after = pictures(renderer).color.detach()
    assert torch.allclose(renderer.moved(), renderer.vertices + torch.tensor([0, 0.3, 0]), atol=1e-5)
    assert torch.allclose(after[0, 16, 16], before[0, 16, 16], atol=1e-3)
