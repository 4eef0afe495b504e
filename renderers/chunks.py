"""Rendering some rays at a time, so that memory does not grow with the picture."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from renderers.draws import DrawnRays
from renderers.render import Render, SampledNormals
from renderers.samples import Samples


def render_in_chunks(
    render: Callable[..., Render],
    origins: Tensor,
    directions: Tensor,
    chunk_rays: int,
    drawn: DrawnRays,
    key: tuple[int, ...],
    normal_samples: int,
    settings: dict[str, Any],
) -> Render:
    """What `render` (a renderer) makes of rays [B, H, W, 3], asked for at most `chunk_rays` of them at a time.

    drawn: of all rays. key: what draws of normals depend on. settings: what else `render` takes.
    Where gradients are wanted, a chunk keeps only what it returns and is rendered again on the way back (Chen et al.
    2016): memory is one chunk's, time a third more. Values are those of all rays at once, to rounding, but for the
    draws of normals: each chunk draws its share of `normal_samples`.
    """
    shape = origins.shape[:3]
    rays = shape.numel()
    parts = []
    for start in range(0, rays, chunk_rays):
        chunk = slice(start, start + chunk_rays)
        o, d = origins.reshape(-1, 3)[chunk], directions.reshape(-1, 3)[chunk]
        share = max(normal_samples * len(o) // rays, 1)
        part = partial(render, drawn=drawn[chunk], jitter=key, first_image=start, normal_samples=share, **settings)
        parts.append(checkpoint(part, o[None, None], d[None, None], use_reentrant=False, preserve_rng_state=False))
    return _joined(parts, shape)


def _joined(parts: Sequence[Render], shape: torch.Size) -> Render:
    """One render of `shape` rays from those of its chunks, in order."""

    def picture(name: str) -> Tensor:
        return torch.cat([getattr(part, name)[0, 0] for part in parts]).unflatten(0, shape)

    starts, count = [], 0
    for part in parts:
        starts.append(count)
        count += part.opacity.numel()
    samples = Samples(
        torch.cat([part.samples.ray + start for part, start in zip(parts, starts, strict=True)]),
        torch.cat([part.samples.start for part in parts]),
        torch.cat([part.samples.end for part in parts]),
    )
    return Render(
        color=picture("color"),
        opacity=picture("opacity"),
        depth=picture("depth"),
        background=picture("background"),
        normal=None if parts[0].normal is None else picture("normal"),
        samples=samples,
        density=torch.cat([part.density for part in parts]),
        weights=torch.cat([part.weights for part in parts]),
        sampled_normals=_joined_normals([part.sampled_normals for part in parts]),
    )


def _joined_normals(parts: Sequence[SampledNormals | None]) -> SampledNormals | None:
    found = [part for part in parts if part is not None]
    if not found:
        return None
    columns = ("normal", "direction", "weight")
    return SampledNormals(*(torch.cat([getattr(part, name) for part in found]) for name in columns))
