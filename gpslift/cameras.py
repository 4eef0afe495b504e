"""Cameras and rays. The one module that owns what an azimuth means in three dimensions.

World frame: x east, y north, z up. A camera at azimuth a (degrees clockwise from north, as seen from the landmark) and
elevation e, at distance d from the look-at point, stands at look_at + d (sin a cos e, cos a cos e, sin e).
Camera axes are OpenGL's: it looks along -z, y is up, x is right.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cameras:
    """A batch of pinhole cameras.

    camera_to_world: [B, 4, 4]. fov_y: vertical field of view, radians, [B]. height, width: pixels (square pixels).
    """

    camera_to_world: Tensor
    fov_y: Tensor
    height: int
    width: int

    def __len__(self) -> int:
        return self.camera_to_world.shape[0]

    def __getitem__(self, index: slice) -> "Cameras":
        return Cameras(self.camera_to_world[index], self.fov_y[index], self.height, self.width)

    @property
    def positions(self) -> Tensor:
        """[B, 3], world units."""
        return self.camera_to_world[:, :3, 3]

    def rays(self) -> tuple[Tensor, Tensor]:
        """Origins and unit directions of the rays through all pixel centres, each [B, H, W, 3]; row 0 is the top."""
        device, dtype = self.camera_to_world.device, self.camera_to_world.dtype
        rows = (torch.arange(self.height, device=device, dtype=dtype) + 0.5) / self.height
        columns = (torch.arange(self.width, device=device, dtype=dtype) + 0.5) / self.width
        up, right = torch.meshgrid(1 - 2 * rows, 2 * columns - 1, indexing="ij")
        half_height = torch.tan(self.fov_y / 2)[:, None, None]
        half_width = half_height * (self.width / self.height)
        local = torch.stack(
            [right * half_width, up * half_height, -torch.ones_like(half_height).expand(-1, self.height, self.width)],
            -1,
        )
        rotation = self.camera_to_world[:, None, None, :3, :3]
        directions = (rotation * local[..., None, :]).sum(-1)  # no product of matrices: autocast would make it bf16
        directions = torch.nn.functional.normalize(directions, dim=-1)
        return self.positions[:, None, None, :].expand_as(directions), directions


def look_at_matrix(position: Tensor, target: Tensor, roll: Tensor | None = None) -> Tensor:
    """Camera-to-world matrices [B, 4, 4] of cameras at `position` [B, 3] that look at `target` [B, 3] with z up.

    roll: radians [B]; positive turns the camera counter-clockwise about its viewing direction as seen from behind it.
    A camera straight above or below its target has no defined right side; its right is then taken as east.
    """
    backward = torch.nn.functional.normalize(position - target, dim=-1)
    up = torch.tensor([0.0, 0.0, 1.0], device=position.device, dtype=position.dtype).expand_as(position)
    right = torch.linalg.cross(up, backward, dim=-1)
    east = torch.tensor([1.0, 0.0, 0.0], device=position.device, dtype=position.dtype)
    right = torch.where(right.norm(dim=-1, keepdim=True) < 1e-6, east, right)
    right = torch.nn.functional.normalize(right, dim=-1)
    camera_up = torch.linalg.cross(backward, right, dim=-1)
    if roll is not None:
        cos, sin = torch.cos(roll)[:, None], torch.sin(roll)[:, None]
        right, camera_up = cos * right + sin * camera_up, cos * camera_up - sin * right
    matrix = torch.zeros(*position.shape[:-1], 4, 4, device=position.device, dtype=position.dtype)
    matrix[..., :3, 0], matrix[..., :3, 1], matrix[..., :3, 2] = right, camera_up, backward
    matrix[..., :3, 3], matrix[..., 3, 3] = position, 1.0
    return matrix


def orbit_positions(azimuth_deg: Tensor, elevation_deg: Tensor, distance: Tensor, look_at: Tensor) -> Tensor:
    """Positions [B, 3] at `distance` [B] from `look_at` [3] or [B, 3]; angles in degrees [B]."""
    azimuth, elevation = torch.deg2rad(azimuth_deg), torch.deg2rad(elevation_deg)
    direction = torch.stack(
        [torch.sin(azimuth) * torch.cos(elevation), torch.cos(azimuth) * torch.cos(elevation), torch.sin(elevation)], -1
    )
    return look_at + distance[:, None] * direction


def orbit_cameras(
    azimuth_deg: Tensor,
    elevation_deg: Tensor,
    distance: Tensor,
    fov_y: Tensor,
    look_at: Tensor,
    height: int,
    width: int,
) -> Cameras:
    """Cameras on spheres round `look_at` [3], looking at it. Angles in degrees, `fov_y` in radians, all [B]."""
    positions = orbit_positions(azimuth_deg, elevation_deg, distance, look_at)
    return Cameras(look_at_matrix(positions, look_at.expand_as(positions)), fov_y, height, width)


def camera_azimuth(positions: Tensor) -> Tensor:
    """Azimuths, degrees in [0, 360), of positions [..., 3] as seen from the origin: atan2(east, north)."""
    return torch.rad2deg(torch.atan2(positions[..., 0], positions[..., 1])) % 360.0


def field_of_view(frame_width: Tensor | float, distance: Tensor | float) -> Tensor:
    """Field of view, radians, of a square frame that covers `frame_width` at `distance` (same unit): 2 atan(w / 2d)."""
    return 2 * torch.atan(torch.as_tensor(frame_width) / (2 * torch.as_tensor(distance)))
