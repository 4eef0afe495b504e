"""A mesh whose colours are a field's: the second stage's scene, and its pictures."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

from renderers.antialias import Edges, antialias
from renderers.background import Background, PlainBackground
from renderers.field import Field
from renderers.rasterise import Fragments, rasterise
from renderers.render import Picture
from renderers.visibility import project


class MeshRenderer(nn.Module):
    """A mesh, a field that colours its surface, and the background behind it.

    vertices: [V, 3], world units. faces: [F, 3], int64, outward counter-clockwise. field: its colours are asked for at
    points of the surface, its density never. supersample: pictures are drawn this many times larger, and made smaller.
    """

    vertices: Tensor
    faces: Tensor
    edge_ends: Tensor
    edge_beside: Tensor
    edge_opposite: Tensor

    def __init__(
        self,
        *,
        vertices: Tensor,
        faces: Tensor,
        field: Field,
        background: Background | PlainBackground,
        supersample: int,
    ) -> None:
        super().__init__()
        self.register_buffer("vertices", vertices.float())
        self.register_buffer("faces", faces.long())
        edges = Edges.of(faces.long())
        self.register_buffer("edge_ends", edges.ends, persistent=False)
        self.register_buffer("edge_beside", edges.beside, persistent=False)
        self.register_buffer("edge_opposite", edges.opposite, persistent=False)
        self.field, self.background, self.supersample = field, background, supersample
        field.density_head.requires_grad_(False)

    def color(self, points: Tensor) -> Tensor:
        """Colours [N, 3] in [0, 1] of points [N, 3] of the surface, world units."""
        return self.field.color(points)

    def forward(self, camera_to_world: Tensor, fov_y: Tensor, directions: Tensor, *, normals: bool = False) -> Picture:
        """Pictures of B cameras; colours are differentiable by the field and the background.

        camera_to_world: [B, 4, 4]. fov_y: radians, [B]. directions: unit, of the pixels' rays, [B, H, W, 3].
        """
        with torch.autocast(directions.device.type, enabled=False):
            return self._drawn(camera_to_world, fov_y, directions, normals)

    def _drawn(self, camera_to_world: Tensor, fov_y: Tensor, directions: Tensor, normals: bool) -> Picture:
        height, width = (side * self.supersample for side in directions.shape[1:3])
        screen = project(self.vertices, camera_to_world, fov_y, height, width)
        fragments = rasterise(screen, self.faces, height, width)
        points = fragments.interpolate(self.vertices)
        values = torch.cat([self.color(points), torch.ones_like(points[:, :1])], -1)
        edges = Edges(self.edge_ends, self.edge_beside, self.edge_opposite)
        drawn = antialias(fragments.picture(values), fragments, screen, self.faces, edges)
        color, opacity = self._smaller(drawn).split([3, 1], -1)
        behind = self.background(camera_to_world[:, None, None, :3, 3].expand_as(directions), directions)
        return Picture(
            color=color + (1 - opacity) * behind,
            opacity=opacity[..., 0],
            depth=self._depth(fragments, points, camera_to_world[:, :3, 3]),
            background=behind,
            normal=self._smaller(fragments.picture(self._normals(fragments))) if normals else None,
        )

    def _smaller(self, picture: Tensor) -> Tensor:
        """Means [B, h, w, C] of the supersampled pixels [B, H, W, C]."""
        return avg_pool2d(picture.permute(0, 3, 1, 2), self.supersample).permute(0, 2, 3, 1)

    def _depth(self, fragments: Fragments, points: Tensor, positions: Tensor) -> Tensor:
        """Mean distance [B, h, w] of what is seen; 0 where nothing is."""
        each = fragments.face[0].numel()
        distance = (points - positions[fragments.pixel // each]).norm(dim=-1, keepdim=True)
        total, seen = self._smaller(fragments.picture(torch.cat([distance, torch.ones_like(distance)], -1))).unbind(-1)
        return total / seen.clamp_min(1e-6)

    def _normals(self, fragments: Fragments) -> Tensor:
        """Unit normals [N, 3] at the N pixels: of the vertices, weighted by the area of their faces, in between."""
        a, b, c = self.vertices[self.faces].unbind(1)
        area = torch.linalg.cross(b - a, c - a)
        around = torch.zeros_like(self.vertices).index_add(0, self.faces.flatten(), area.repeat_interleave(3, 0))
        return normalize(fragments.interpolate(normalize(around, dim=-1)), dim=-1)
