"""The rasteriser on CUDA sees and draws what it does on the CPU."""

import pytest
import torch
import trimesh

from renderers.antialias import Edges, antialias
from renderers.rasterise import rasterise
from renderers.visibility import project
from tests.renderers.scenes import side_cameras

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def drawn(device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Faces, picture and the gradient by the vertices of a ball in a colour of its own at each vertex."""
    ball, cameras = trimesh.creation.icosphere(subdivisions=3, radius=0.7), side_cameras(20.0, 130.0, size=48)
    vertices = torch.tensor(ball.vertices, device=device).requires_grad_()
    faces = torch.tensor(ball.faces, device=device)
    screen = project(vertices, cameras.camera_to_world.double().to(device), cameras.fov_y.double().to(device), 48, 48)
    fragments = rasterise(screen, faces, 48, 48)
    picture = fragments.picture(fragments.interpolate(vertices.detach()))
    smooth = antialias(picture, fragments, screen, faces, Edges.of(faces))
    smooth.square().sum().backward()
    return fragments.face.cpu(), smooth.detach().cpu(), vertices.grad.cpu()


def test_faces_pictures_and_gradients_are_those_of_the_cpu() -> None:
    (face, picture, gradient), (cpu_face, cpu_picture, cpu_gradient) = drawn("cuda"), drawn("cpu")
    assert (face != cpu_face).float().mean() < 1e-3  # rounding on edges
    assert (picture - cpu_picture).abs().mean() < 1e-4
    assert torch.allclose(gradient, cpu_gradient, atol=1e-2 * float(cpu_gradient.abs().max()))
