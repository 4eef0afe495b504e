"""The rasteriser: pixels counted by hand, rays cast by trimesh, gradients by finite differences."""

import math

import pytest
import torch
import trimesh
from torch import Tensor

from renderers.antialias import Edges, antialias
from renderers.rasterise import rasterise
from renderers.visibility import nearest_face, project, visible_faces
from tests.renderers.scenes import side_cameras

SLOPE = torch.tensor([[[0.3, 0.2, 1.0], [3.9, 0.6, 0.25], [0.7, 3.8, 0.5]]])
"""One triangle on the screen, its corners at depths 1, 4 and 2."""
ONE = torch.tensor([[0, 1, 2]])


def mesh_of(solid: trimesh.Trimesh) -> tuple[Tensor, Tensor]:
    return torch.tensor(solid.vertices, dtype=torch.float32), torch.tensor(solid.faces)


@pytest.fixture(scope="module")
def knot() -> trimesh.Trimesh:
    """Two balls, one partly behind the other."""
    other = trimesh.creation.icosphere(subdivisions=2, radius=0.4)
    other.apply_translation([0.5, -0.6, 0.3])
    return trimesh.util.concatenate([trimesh.creation.icosphere(subdivisions=3, radius=0.7), other])


def test_a_point_lands_where_the_pinhole_puts_it() -> None:
    cameras = side_cameras(180.0)  # at y = -4, looking north: x to the right, z up
    screen = project(torch.tensor([[0.5, 0.0, 0.25], [0.0, -5.0, 0.0]]), cameras.camera_to_world, cameras.fov_y, 33, 33)
    focal = 33 / (2 * math.tan(0.25))
    assert screen[0, 0].tolist() == pytest.approx([16.5 + focal * 0.5 / 4, 16.5 - focal * 0.25 / 4, 0.25], abs=1e-4)
    assert screen[0, 1, 2] == 0  # behind the camera


def test_points_land_there_under_autocast_too() -> None:
    cameras, points = side_cameras(200.0), torch.tensor([[0.51, 0.13, 0.27], [-0.32, 0.44, 0.9]])
    exact = project(points, cameras.camera_to_world, cameras.fov_y, 512, 512)
    with torch.autocast("cpu", torch.bfloat16):
        assert project(points, cameras.camera_to_world, cameras.fov_y, 512, 512).equal(exact)


def test_a_triangle_covers_the_pixel_centres_inside_it_and_the_nearer_one_hides_it() -> None:
    screen = torch.tensor([[[0, 0, 1], [4, 0, 1], [0, 4, 1], [0, 0, 2], [2, 0, 2], [0, 2, 2]]], dtype=torch.float32)
    faces = torch.tensor([[0, 1, 2], [5, 4, 3]])
    shown = visible_faces(screen, faces, 4, 5)[0]
    assert shown.tolist() == [[1, 1, 0, 0, -1], [1, 0, 0, -1, -1], [0, 0, -1, -1, -1], [0, -1, -1, -1, -1]]
    behind = torch.cat([screen[:, :3], torch.tensor([[[0, 0, 0.0], [2, 0, 2], [0, 2, 2]]])], 1)
    assert (visible_faces(behind, faces, 4, 5) < 1).all()  # a face that reaches behind the camera is left out


def test_of_faces_equally_near_the_first_is_seen() -> None:
    screen = torch.tensor([[[0, 0, 1], [4, 0, 1], [0, 4, 1]]], dtype=torch.float32)
    faces = torch.tensor([[0, 1, 2], [0, 1, 2]])
    assert visible_faces(screen, faces, 4, 4).max() == 0 and nearest_face(screen[0], faces, 4, 4).max() == 0


def test_pixels_see_what_rays_hit(knot: trimesh.Trimesh) -> None:
    vertices, faces = mesh_of(knot)
    cameras = side_cameras(20.0, 130.0, size=40, elevation=25.0)
    shown = visible_faces(project(vertices, cameras.camera_to_world, cameras.fov_y, 40, 40), faces, 40, 40)
    for view in range(2):
        origins, directions = (rays[view].reshape(-1, 3).double().numpy() for rays in cameras.rays())
        hit = torch.from_numpy(knot.ray.intersects_first(origins, directions)).view(40, 40)
        assert (hit >= 0).sum() > 300
        assert (hit != shown[view]).sum() <= 2  # rounding on edges


@pytest.mark.parametrize("candidates", [300, 2**20])
def test_the_compiled_z_buffer_equals_the_readable_one(knot: trimesh.Trimesh, candidates: int) -> None:
    vertices, faces = mesh_of(knot)
    cameras = side_cameras(200.0, size=37, elevation=10.0)
    screen = project(vertices, cameras.camera_to_world, cameras.fov_y, 37, 37)
    assert torch.equal(visible_faces(screen, faces, 37, 37)[0], nearest_face(screen[0], faces, 37, 37, candidates))


def test_values_are_linear_in_space_not_on_the_screen() -> None:
    inverse_depth = SLOPE[0, :, 2]
    fragments = rasterise(SLOPE, ONE, 4, 4)
    assert len(fragments.pixel) == 7
    shown = fragments.interpolate(1 / inverse_depth[:, None])[:, 0]  # each corner's depth
    x, y = fragments.pixel % 4 + 0.5, fragments.pixel // 4 + 0.5
    plane = torch.linalg.solve(torch.cat([SLOPE[0, :, :2], torch.ones(3, 1)], 1), inverse_depth)
    assert torch.allclose(1 / shown, torch.stack([x, y, torch.ones_like(x)], 1) @ plane, atol=1e-5)


def numeric_gradient(function: object, at: Tensor, step: float = 1e-5) -> Tensor:
    """Central differences of a scalar function."""
    result = torch.zeros_like(at)
    for index in range(at.numel()):
        shift = torch.zeros_like(at).view(-1)
        shift[index] = step
        ends = [function(at + sign * shift.view(at.shape)) for sign in (1, -1)]  # type: ignore[operator]
        result.view(-1)[index] = (ends[0] - ends[1]) / (2 * step)
    return result


def test_gradients_by_values_and_vertices_are_the_finite_differences() -> None:
    weight = torch.linspace(-1, 1, 48, dtype=torch.float64).view(1, 4, 4, 3).sin()
    colors = torch.tensor([[0.2, 0.9, 0.1], [0.7, 0.3, 0.5], [0.1, 0.4, 0.8]], dtype=torch.float64)

    def loss(screen: Tensor, values: Tensor) -> Tensor:
        fragments = rasterise(screen, ONE, 4, 4)
        return (fragments.picture(fragments.interpolate(values)) * weight).sum()

    screen, values = SLOPE.double().requires_grad_(), colors.clone().requires_grad_()
    loss(screen, values).backward()
    assert torch.allclose(values.grad, numeric_gradient(lambda v: loss(SLOPE.double(), v).detach(), colors), atol=1e-6)
    expected = numeric_gradient(lambda s: loss(s, colors).detach(), SLOPE.double())
    assert expected.abs().max() > 0.1
    assert torch.allclose(screen.grad, expected, atol=1e-6)


def test_edges_of_a_box_and_of_an_open_sheet() -> None:
    box = torch.tensor(trimesh.creation.box().faces)
    edges = Edges.of(box)
    assert len(edges.ends) == 18  # 12 edges, and a diagonal on each of 6 sides
    for ends, beside, opposite in zip(edges.ends.tolist(), edges.beside.tolist(), edges.opposite.tolist(), strict=True):
        one, other = (set(box[face].tolist()) for face in beside)
        assert one & other == set(ends) and one - set(ends) == {opposite}
    sheet = Edges.of(torch.tensor([[0, 1, 2], [2, 1, 3]]))
    assert sorted(one == other for one, other in sheet.beside.tolist()) == [False, True, True, True, True]


def square(right: float) -> Tensor:
    """A square from x = 1 to `right`, y = 1 to 3."""
    return torch.tensor([[[1, 1, 1], [right, 1, 1], [right, 3, 1], [1, 3, 1]]], dtype=torch.float64)


SQUARE = torch.tensor([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize(("right", "row"), [(3.3, [0, 1, 1, 0.3, 0]), (2.8, [0, 1, 0.8, 0, 0]), (3.0, [0, 1, 1, 0, 0])])
def test_a_border_inside_a_pixel_covers_it_by_its_share(right: float, row: list[float]) -> None:
    """Past a centre by more than half a pixel, a border colours the next pixel; by less, it takes from its own."""
    screen = square(right)
    fragments = rasterise(screen, SQUARE, 4, 5)
    picture = fragments.picture(torch.ones(len(fragments.pixel), 1, dtype=torch.float64))
    smooth = antialias(picture, fragments, screen, SQUARE, Edges.of(SQUARE))[0, :, :, 0]
    assert smooth[1].tolist() == pytest.approx(row) and smooth[2].tolist() == pytest.approx(row)
    assert smooth[0].tolist() == pytest.approx([0] * 5)


def test_the_diagonal_between_two_triangles_is_no_border() -> None:
    screen = square(3.0)
    fragments = rasterise(screen, SQUARE, 4, 5)
    values = torch.where(fragments.corners.sum(-1, keepdim=True) == 3, 0.0, 1.0).double()  # one face black, one white
    picture = fragments.picture(values)
    assert picture.unique().tolist() == [0, 1]
    inner = antialias(picture, fragments, screen, SQUARE, Edges.of(SQUARE))[0, 1:3, 1:3]
    assert torch.equal(inner, picture[0, 1:3, 1:3])


def test_silhouettes_follow_the_vertices(knot: trimesh.Trimesh) -> None:
    """The covered area grows with a ball's size by its outline times the growth, and the gradient says so."""
    ball = trimesh.creation.icosphere(subdivisions=2)
    vertices, faces = mesh_of(ball)
    vertices, edges, cameras = vertices.double() * 0.7, Edges.of(faces), side_cameras(30.0, size=32)
    matrix, fov = cameras.camera_to_world.double(), cameras.fov_y.double()

    def area(scale: Tensor) -> Tensor:
        screen = project(vertices * scale, matrix, fov, 32, 32)
        fragments = rasterise(screen, faces, 32, 32)
        ones = fragments.picture(torch.ones(len(fragments.pixel), 1, dtype=torch.float64))
        return antialias(ones, fragments, screen, faces, edges).sum()

    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(area(scale), scale)
    expected = (area(torch.tensor(1.05)) - area(torch.tensor(0.95))) / 0.1
    assert float(slope) == pytest.approx(float(expected), rel=0.1)
