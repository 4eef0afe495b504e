"""Cameras: azimuths there and back, axes, rays, fields of view."""

import math

import pytest
import torch

from gpslift.cameras import (
    Cameras,
    camera_azimuth,
    field_of_view,
    look_at_matrix,
    orbit_cameras,
    orbit_positions,
)

LOOK_AT = torch.tensor([0.0, 0.0, 46.5])


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "position"),
    [(0, 0, (0, 10, 0)), (90, 0, (10, 0, 0)), (180, 0, (0, -10, 0)), (270, 0, (-10, 0, 0)), (0, 90, (0, 0, 10)),
     (90, 30, (10 * math.sqrt(3) / 2, 0, 5)), (135, -30, (10 * math.sqrt(6) / 4, -10 * math.sqrt(6) / 4, -5))],
)  # fmt: skip
def test_azimuth_is_clockwise_from_north(azimuth: float, elevation: float, position: tuple[float, ...]) -> None:
    got = orbit_positions(tensor(azimuth), tensor(elevation), tensor(10.0), torch.zeros(3))[0]
    assert got.tolist() == pytest.approx(position, abs=1e-5)


def test_azimuths_there_and_back() -> None:
    azimuth = torch.arange(0.0, 360.0, 7.5)
    elevation = torch.linspace(-40, 80, len(azimuth))
    positions = orbit_positions(azimuth, elevation, torch.linspace(50, 400, len(azimuth)), LOOK_AT)
    assert torch.allclose(camera_azimuth(positions), azimuth, atol=1e-3)


def test_cameras_look_at_their_target_and_are_upright() -> None:
    cameras = orbit_cameras(
        tensor(30.0, 200.0), tensor(-5.0, 40.0), tensor(100.0, 200.0), tensor(0.5, 0.7), LOOK_AT, 5, 5
    )
    assert len(cameras) == 2 and len(cameras[1:]) == 1
    for matrix, position in zip(cameras.camera_to_world, cameras.positions, strict=True):
        rotation = matrix[:3, :3]
        assert torch.allclose(rotation.T @ rotation, torch.eye(3), atol=1e-5)
        assert torch.det(rotation) == pytest.approx(1, abs=1e-5)
        toward = (LOOK_AT - position) / (LOOK_AT - position).norm()
        assert torch.allclose(-rotation[:, 2], toward, atol=1e-5)
        assert rotation[2, 0] == pytest.approx(0, abs=1e-6) and rotation[2, 1] > 0
    origins, directions = cameras.rays()
    assert torch.allclose(directions[:, 2, 2], -cameras.camera_to_world[:, :3, 2], atol=1e-5)  # the middle pixel
    assert torch.allclose(origins[1, 0, 0], cameras.positions[1])


def test_rays_by_hand() -> None:
    """From the south, looking north: right is east. 90 degrees over two rows: pixel centres at half the tangent."""
    cameras = orbit_cameras(tensor(180.0), tensor(0.0), tensor(10.0), tensor(math.pi / 2), torch.zeros(3), 2, 4)
    _, directions = cameras.rays()
    assert directions.shape == (1, 2, 4, 3)
    expected = torch.tensor([-1.5, 1.0, 0.5])  # top left: 3/4 of twice the tangent to the west, half of it up
    assert torch.allclose(directions[0, 0, 0], expected / expected.norm(), atol=1e-5)
    expected = torch.tensor([0.5, 1.0, -0.5])
    assert torch.allclose(directions[0, 1, 2], expected / expected.norm(), atol=1e-5)


def test_rays_are_exact_where_matrix_products_are_not() -> None:
    cameras = orbit_cameras(tensor(37), tensor(11), tensor(500), tensor(0.3), LOOK_AT, height=64, width=64)
    with torch.autocast("cpu", torch.bfloat16):
        origins, directions = cameras.rays()
    assert torch.equal(origins, cameras.rays()[0])
    assert torch.equal(directions, cameras.rays()[1])


def test_roll_turns_counter_clockwise_seen_from_behind() -> None:
    """Looking north and rolled by 90 degrees, the camera's right is up and its up is west."""
    matrix = look_at_matrix(tensor(0.0, -10.0, 0.0)[None], torch.zeros(1, 3), tensor(math.pi / 2))[0]
    assert matrix[:3, 0].tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    assert matrix[:3, 1].tolist() == pytest.approx([-1, 0, 0], abs=1e-6)


def test_straight_down_the_right_is_east() -> None:
    matrix = look_at_matrix(tensor(0.0, 0.0, 9.0)[None], torch.zeros(1, 3))[0]
    assert matrix[:3, 0].tolist() == pytest.approx([1, 0, 0])
    assert matrix[:3, 1].tolist() == pytest.approx([0, 1, 0])  # the top of the picture is north
    assert matrix.isfinite().all()


def test_field_of_view_of_a_frame_by_hand() -> None:
    assert float(field_of_view(20.0, 10.0)) == pytest.approx(math.pi / 2)
    assert math.tan(float(field_of_view(104.0, 210.0)) / 2) == pytest.approx(52 / 210, rel=1e-5)


def test_slices_keep_the_size() -> None:
    cameras = Cameras(torch.eye(4).expand(3, 4, 4), torch.ones(3), 6, 8)
    assert (cameras[:2].height, cameras[:2].width, len(cameras[:2])) == (6, 8, 2)
