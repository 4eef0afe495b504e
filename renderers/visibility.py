"""Which triangle each pixel of a picture sees: a z-buffer, without OpenGL, on any device. No gradient.

Screen coordinates: x right and y down in pixels, (0, 0) the corner of the first pixel, and nearness, the inverse of
the depth, which is linear on the screen.
"""

import torch
from torch import Tensor

from renderers.backends.numba_raster import TOLERANCE, nearest_faces

CANDIDATES = 2**21
"""Pairs of pixel and triangle that the torch version looks at together, about 150 bytes each."""


def project(points: Tensor, camera_to_world: Tensor, fov_y: Tensor, height: int, width: int) -> Tensor:
    """Points [V, 3] on the screens of B cameras: (x, y, nearness), [B, V, 3]; differentiable.

    camera_to_world: [B, 4, 4], OpenGL axes (looking along -z, y up). fov_y: radians, [B]. Nearness is 1 / depth, depth
    the distance along the viewing axis; it is 0 for points behind the camera, whose x and y mean nothing.
    """
    offset, rotation = points - camera_to_world[:, None, :3, 3], camera_to_world[:, None, :3, :3]
    local = (offset[..., None] * rotation).sum(-2)  # no product of matrices: autocast, or TF32, would round it
    depth = -local[..., 2]
    ahead = depth > 0
    nearness = torch.where(ahead, 1 / torch.where(ahead, depth, 1), 0)
    focal = height / (2 * torch.tan(fov_y / 2))[:, None]
    x = width / 2 + focal * local[..., 0] * nearness
    y = height / 2 - focal * local[..., 1] * nearness
    return torch.stack([x, y, nearness], -1)


@torch.no_grad()
def visible_faces(screen: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
    """The face that each pixel's centre sees, int64 [B, height, width]; -1 where there is none.

    screen: vertices [B, V, 3] as `project` gives them. faces: [F, 3]; both sides are seen. Faces that reach behind the
    camera are left out. Of faces equally near, the first is taken. CPU: compiled; else `nearest_face`.
    """
    if screen.device.type != "cpu":
        return torch.stack([nearest_face(one, faces, height, width) for one in screen])
    from renderers.backends.numba_engine import match_threads  # starts numba's threads, which would not survive a fork

    match_threads()
    result = torch.full((len(screen), height, width), -1)
    nearest_faces(screen.detach().double().contiguous().numpy(), faces.contiguous().numpy(), result.numpy())
    return result


def nearest_face(screen: Tensor, faces: Tensor, height: int, width: int, candidates: int = CANDIDATES) -> Tensor:
    """`visible_faces` of one image, screen [V, 3], in plain torch: [height, width].

    Triangles are taken together until they have `candidates` pixels in their bounding boxes.
    """
    corners = screen.double()[faces]
    corners = torch.where((corners[..., 2] > 0).all(-1)[:, None, None], corners, torch.nan)
    first, counts, columns = bounding_boxes(corners[..., :2], height, width)
    best = corners.new_zeros(height * width)
    result = torch.full((height * width,), -1, device=screen.device)
    batch = counts.cumsum(0) // candidates
    for chosen in (torch.nonzero(batch == number)[:, 0] for number in batch.unique()):
        face = chosen.repeat_interleave(counts[chosen])
        start = (counts[chosen].cumsum(0) - counts[chosen]).repeat_interleave(counts[chosen])
        step = torch.arange(len(face), device=face.device) - start
        row = first[face, 1] + torch.div(step, columns[face], rounding_mode="floor")
        column = first[face, 0] + step % columns[face]
        near = nearness_at(corners[face], column + 0.5, row + 0.5)
        inside, pixel = near > 0, row * width + column
        nearest = best.scatter_reduce(0, pixel[inside], near[inside], "amax")
        shown = inside & (near == nearest[pixel])
        owner = torch.full_like(result, len(faces)).scatter_reduce(0, pixel[shown], face[shown], "amin")
        result = torch.where(nearest > best, owner, result)
        best = nearest
    return result.view(height, width)


def bounding_boxes(corners: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of triangles [F, 3, 2]: first pixel (x, y) [F, 2], number of pixels [F], columns [F], with centres in the box.

    Triangles without an area, or with undefined corners, have none.
    """
    size = torch.tensor([width, height], device=corners.device)
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    flat = ~(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).abs().gt(0)  # undefined ones too
    known = torch.where(flat[:, None, None], 0, corners)
    first = (known.amin(1) - 0.5).ceil().clamp_min(0).minimum(size).long()
    last = (known.amax(1) - 0.5).floor().clamp_min(-1).minimum(size - 1).long()
    sides = (last - first + 1).clamp_min(0)
    return first, torch.where(flat, 0, sides.prod(-1)), sides[:, 0].clamp_min(1)


def nearness_at(corners: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Nearness [N] of triangles [N, 3, 3] at screen points x, y [N]; 0 outside them."""
    weights = screen_weights(corners, x, y)
    near = weights[:, 0] * corners[:, 0, 2] + weights[:, 1] * corners[:, 1, 2] + weights[:, 2] * corners[:, 2, 2]
    return torch.where((weights >= TOLERANCE).all(-1), near, 0)


def screen_weights(corners: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Barycentric weights [N, 3], sum 1, of screen points x, y [N] in triangles [N, 3, 2 or 3]; differentiable."""
    (x0, x1, x2), (y0, y1, y2) = corners[..., 0].unbind(-1), corners[..., 1].unbind(-1)
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    a = ((x1 - x) * (y2 - y) - (y1 - y) * (x2 - x)) / area
    b = ((x2 - x) * (y0 - y) - (y2 - y) * (x0 - x)) / area
    return torch.stack([a, b, 1 - a - b], -1)
