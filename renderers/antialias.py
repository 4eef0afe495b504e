"""Silhouettes of a mesh that are smooth on the screen, and differentiable by its vertices.

After Laine et al. 2020, section 3.5. There each pixel looks for outlines among the edges of its own triangle, which
finds few where triangles are no larger than pixels; here each edge on the outline looks for the pixels that it parts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from renderers.rasterise import Fragments


@dataclass(frozen=True)
class Edges:
    """The edges of a mesh. ends: vertices [E, 2]. beside: the two faces at each, the same one twice at a border [E, 2].
    opposite: the corner of the first face that is not on the edge [E]."""

    ends: Tensor
    beside: Tensor
    opposite: Tensor

    @classmethod
    def of(cls, faces: Tensor) -> "Edges":
        """The edges of faces [F, 3], int64. Where more than two faces meet, there is an edge for every two of them."""
        ends = torch.stack([faces, faces.roll(-1, 1)], -1).view(-1, 2).sort(-1).values
        key = ends[:, 0] * (int(faces.max()) + 1) + ends[:, 1]
        order = key.argsort(stable=True)
        _, group, counts = key[order].unique_consecutive(return_inverse=True, return_counts=True)
        number = torch.arange(len(order), device=faces.device) - (counts.cumsum(0) - counts)[group]
        first = torch.nonzero(number % 2 == 0)[:, 0]
        second = (first + 1).clamp_max(len(order) - 1)
        second = torch.where(group[second] == group[first], second, first)
        one, other = order[first], order[second]
        return cls(ends[one], torch.stack([one // 3, other // 3], -1), faces[one // 3].sum(-1) - ends[one].sum(-1))


@dataclass(frozen=True)
class Crossings:
    """Where outlines pass between two neighbouring pixels. inner, outer: places in the flattened picture [N], inner on
    the mesh's side. share: of the way from the inner to the outer centre, [N], differentiable. nearness: there [N]."""

    inner: Tensor
    outer: Tensor
    share: Tensor
    nearness: Tensor

    def __getitem__(self, chosen: Tensor) -> "Crossings":
        return Crossings(self.inner[chosen], self.outer[chosen], self.share[chosen], self.nearness[chosen])


def antialias(picture: Tensor, fragments: Fragments, screen: Tensor, faces: Tensor, edges: Edges) -> Tensor:
    """Pictures [B, H, W, C] that change smoothly as outlines move over pixels.

    Where the outline passes between the centres of two neighbouring pixels, at the share s of the way from the one
    inside to the one outside: for s < 1/2 the inner pixel takes 1/2 - s of the outer's value, for s > 1/2 the outer
    takes s - 1/2 of the inner's. Of several outlines between two pixels the nearest counts; one that passes behind what
    the outer pixel shows, or with nothing nearer on its inner side, does not.
    """
    flat = picture.reshape(-1, picture.shape[-1])
    result = flat
    image, edge = torch.nonzero(on_outline(screen, faces, edges), as_tuple=True)
    for axis in (0, 1):
        found = visible(crossings(screen, edges, image, edge, picture.shape, axis), fragments)
        inner, outer = flat[found.inner], flat[found.outer]
        into_inner = (0.5 - found.share).clamp_min(0)[:, None] * (outer - inner)
        into_outer = (found.share - 0.5).clamp_min(0)[:, None] * (inner - outer)
        result = result.index_add(0, found.inner, into_inner).index_add(0, found.outer, into_outer)
    return result.view(picture.shape)


@torch.no_grad()
def on_outline(screen: Tensor, faces: Tensor, edges: Edges) -> Tensor:
    """Which edges [B, E] lie on an outline: the mesh ends there, or turns its back there. False behind the camera."""
    a, b, c = screen[:, faces, :2].unbind(2)
    turn = ((b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]) > 0
    one, other = edges.beside.unbind(-1)
    ahead = (screen[:, edges.ends, 2] > 0).all(-1)
    return ahead & ((one == other) | (turn[:, one] != turn[:, other]))


def crossings(screen: Tensor, edges: Edges, image: Tensor, edge: Tensor, shape: torch.Size, axis: int) -> Crossings:
    """All places where edges `edge` [K] of images `image` [K] pass between pixels that are neighbours along an axis.

    Of edges that run rather across the axis than along it: so each counts once. shape: of the picture, B, H, W, C.
    axis: 0 = x, 1 = y.
    """
    along, across = axis, 1 - axis
    sides = (shape[2], shape[1])
    ends = screen[image[:, None], edges.ends[edge]]
    span = (ends[:, 1] - ends[:, 0]).detach().abs()
    steep = torch.nonzero(span[:, 0] <= span[:, 1] if axis == 0 else span[:, 0] > span[:, 1])[:, 0]
    image, edge, ends = image[steep], edge[steep], ends[steep]
    low, high = ends.detach()[..., across].aminmax(dim=1)
    first = (low - 0.5).ceil().clamp(0, sides[across]).long()
    counts = ((high - 0.5).ceil().clamp(0, sides[across]).long() - first).clamp_min(0)
    index = torch.arange(len(edge), device=edge.device).repeat_interleave(counts)
    line = first[index] + torch.arange(len(index), device=edge.device) - (counts.cumsum(0) - counts)[index]
    start, end = ends[index].unbind(1)
    way = (line + 0.5 - start[:, across]) / (end - start)[:, across]
    at = start + way[:, None] * (end - start)
    before = (at.detach()[:, along] - 0.5).floor()
    up = _side(screen.detach(), edges, image[index], edge[index], axis)
    share = torch.where(up, before + 1.5 - at[:, along], at[:, along] - before - 0.5)
    stride = (1, shape[2])
    place = image[index] * sides[0] * sides[1] + line * stride[across] + before.long() * stride[along]
    found = Crossings(
        torch.where(up, place + stride[along], place), torch.where(up, place, place + stride[along]), share, at[:, 2]
    )
    return found[(before >= 0) & (before < sides[along] - 1)]


def _side(screen: Tensor, edges: Edges, image: Tensor, edge: Tensor, axis: int) -> Tensor:
    """Whether the mesh lies on the side of growing x (axis 0) or y (1) of edges, [N]."""
    start, end = screen[image[:, None], edges.ends[edge], :2].unbind(1)
    (x, y), (to_x, to_y) = (end - start).unbind(-1), (screen[image, edges.opposite[edge], :2] - start).unbind(-1)
    return (x * to_y - y * to_x > 0) == ((-y if axis == 0 else x) > 0)


def visible(found: Crossings, fragments: Fragments) -> Crossings:
    """Those that show: nearer than what the outer pixel sees, which is farther than what the inner sees; one a pair."""
    nearness = fragments.nearness.flatten()
    inner, outer = nearness[found.inner], nearness[found.outer]
    found = found[(inner > outer) & (found.nearness.detach() > outer)]
    pair = 2 * torch.minimum(found.inner, found.outer) + (found.inner < found.outer)
    _, pair = pair.unique(return_inverse=True)
    near = found.nearness.detach()
    nearest = torch.zeros_like(near).scatter_reduce(0, pair, near, "amax")[pair]
    numbers = torch.arange(len(pair), device=pair.device)
    first = torch.full_like(numbers, len(pair)).scatter_reduce(
        0, pair[near == nearest], numbers[near == nearest], "amin"
    )
    return found[numbers == first[pair]]
