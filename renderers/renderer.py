"""The renderer: rays in, pictures out, with what the regularisers need."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from renderers.backends import pick_engine
from renderers.background import Background
from renderers.field import Field
from renderers.hash_grid import HashGrid
from renderers.occupancy import OccupancyGrid
from renderers.samples import Padding, Samples
from renderers.seeds import generator_of
from renderers.volume import expected_depth, intersect_box, render_weights


@dataclass(frozen=True)
class SampledNormals:
    """Normals at some samples. normal, direction (of the ray): unit, [K, 3]. weight: [K], scaled so that sums over K
    estimate the sums over all samples."""

    normal: Tensor
    direction: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Picture:
    """A batch of pictures, for looking at: the first fields of `Render`."""

    color: Tensor
    opacity: Tensor
    depth: Tensor
    background: Tensor
    normal: Tensor | None


@dataclass(frozen=True)
class Render(Picture):
    """A batch of pictures. Distances in world units, colours in [0, 1].

    color, background: [B, H, W, 3]; color has the background behind it. opacity, depth (mean distance of what is
    seen, along the ray): [B, H, W]. normal: [B, H, W, 3], outward, shorter than 1 where the view is half clear; or None.
    samples, with density and weights [M]: all samples of all rays, packed (ray index = (b H + row) W + column).
    sampled_normals: what orientation_loss takes; or None.
    """

    samples: Samples
    density: Tensor
    weights: Tensor
    sampled_normals: SampledNormals | None


class Renderer(nn.Module):
    """Field, occupancy and background, and the way from rays to pictures.

    box_min, box_max: world units. seed: of the start and of the occupancy grid's draws. device: where it will run, which
    decides the engine. The other arguments are those of the config's `renderer` section (`grid`: those of HashGrid).
    blob_radius: world units. Raises EngineUnavailable if the engine asked for does not work.
    """

    def __init__(
        self,
        *,
        box_min: tuple[float, float, float],
        box_max: tuple[float, float, float],
        seed: int,
        device: torch.device | str,
        engine: str,
        grid: dict[str, int],
        hidden: int,
        samples: int,
        occupancy_resolution: int,
        occupancy_threshold: float,
        occupancy_every_steps: int,
        occupancy_warmup_steps: int,
        coarse_levels: int,
        coarse_share: float,
        blob_scale: float,
        blob_radius: float,
        background_hidden: int,
    ) -> None:
        super().__init__()
        self.seed, self.occupancy_every_steps = seed, occupancy_every_steps
        self.coarse_levels, self.coarse_share = coarse_levels, coarse_share
        self.engine, self.engine_reason = pick_engine(engine, device)
        self.step_length = math.dist(box_min, box_max) / samples
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.field = Field(
                grid=HashGrid(**grid, engine=self.engine),
                box_min=box_min,
                box_max=box_max,
                hidden=hidden,
                blob_scale=blob_scale,
                blob_radius=blob_radius,
                blob_center=tuple((low + high) / 2 for low, high in zip(box_min, box_max, strict=True)),
            )
            self.background = Background(hidden=background_hidden)
        self.occupancy = OccupancyGrid(
            box_min=box_min,
            box_max=box_max,
            resolution=occupancy_resolution,
            step=self.step_length,
            threshold=occupancy_threshold,
            warmup_steps=occupancy_warmup_steps,
        )

    def update(self, step: int, total_steps: int) -> None:
        """To be called before the render of each optimiser step: grid levels coarse to fine, occupancy now and then."""
        share = step / max(total_steps, 1)
        self.field.grid.update(share, first_levels=self.coarse_levels, full_share=self.coarse_share)
        if step % self.occupancy_every_steps == 0:
            self.occupancy.update(step, self.field.density, self.seed)

    def march(self, origins: Tensor, directions: Tensor, offset: Tensor) -> Samples:
        """The samples of rays [R, 3] in occupied cells; `offset` [R] in [0, 1) shifts a ray's intervals."""
        near, far = intersect_box(origins, directions, self.field.box_min, self.field.box_max)
        occupied = self.occupancy.occupied_cells
        return self.engine.march(origins, directions, near, far, offset, self.step_length, occupied)

    def forward(
        self,
        origins: Tensor,
        directions: Tensor,
        *,
        jitter_seed: int | None = None,
        first_image: int = 0,
        background: bool = True,
        normals: str = "none",
        normal_samples: int = 0,
    ) -> Render:
        """Renders rays [B, H, W, 3] (origins in world units, unit directions).

        jitter_seed: shifts every ray's intervals at random; None = not at all. Image b draws from (jitter_seed,
        first_image + b), so that ranks that share a batch render what one would. background: False leaves black behind.
        normals: 'none'; 'sampled', at about `normal_samples` samples, drawn by their weights, for orientation_loss;
        'all', at every sample, for normal pictures too.
        """
        shape = origins.shape[:3]
        with torch.autocast(origins.device.type, enabled=False):
            offset = ray_offsets(shape, jitter_seed, first_image).to(origins.device)
            origins, directions = origins.reshape(-1, 3).float(), directions.reshape(-1, 3).float()
            samples = self.march(origins, directions, offset)
            points = samples.points(origins, directions)
            density, color = self.field.density_and_color(points)
            padding = Padding.of(samples.ray)
            weights = padding.unpad(render_weights(padding.pad(density), padding.pad(samples.length)))
            seen = torch.cat([color.T, torch.ones_like(weights)[None], samples.middle[None]])
            *rgb, opacity, distance = padding.sum(weights * seen, len(origins))
            behind = self.background(directions) if background else torch.zeros_like(directions)
            pixels = torch.stack(rgb, -1) + (1 - opacity)[:, None] * behind
            normal, sampled = None, None
            if normals == "all":
                per_sample = self.field.normals(points)
                normal = padding.sum(weights * per_sample.T, len(origins)).T.view(*shape, 3)
                sampled = SampledNormals(per_sample, directions[samples.ray], weights)
            elif normals == "sampled":
                chosen, scaled = draw_by_weight(
                    weights, samples.ray, shape, normal_samples, (jitter_seed or 0, first_image)
                )
                sampled = SampledNormals(self.field.normals(points[chosen]), directions[samples.ray[chosen]], scaled)
        return Render(
            color=pixels.view(*shape, 3),
            opacity=opacity.view(shape),
            depth=expected_depth(distance, opacity).view(shape),
            background=behind.view(*shape, 3),
            normal=normal,
            samples=samples,
            density=density,
            weights=weights,
            sampled_normals=sampled,
        )

    @torch.no_grad()
    def render_image(
        self,
        origins: Tensor,
        directions: Tensor,
        *,
        chunk_rays: int = 16384,
        background: bool = True,
        normals: str = "none",
    ) -> Picture:
        """Pictures of rays [B, H, W, 3] without gradients, `chunk_rays` rays at a time, so that memory is bounded."""
        shape = origins.shape[:3]
        chunks = zip(origins.reshape(-1, 3).split(chunk_rays), directions.reshape(-1, 3).split(chunk_rays), strict=True)
        parts = [self(o[None, None], d[None, None], background=background, normals=normals) for o, d in chunks]

        def joined(name: str, *channels: int) -> Tensor:
            return torch.cat([getattr(part, name)[0, 0] for part in parts]).view(*shape, *channels)

        return Picture(
            color=joined("color", 3),
            opacity=joined("opacity"),
            depth=joined("depth"),
            background=joined("background", 3),
            normal=joined("normal", 3) if normals == "all" else None,
        )


def ray_offsets(shape: tuple[int, ...], jitter_seed: int | None, first_image: int) -> Tensor:
    """Shifts [B H W] in [0, 1) of the rays of pictures [B, H, W]: image b's from (jitter_seed, first_image + b)."""
    images, height, width = shape
    if jitter_seed is None:
        return torch.zeros(images * height * width)
    generators = [generator_of(jitter_seed, first_image + image) for image in range(images)]
    return torch.cat([torch.rand(height * width, generator=generator) for generator in generators])


def draw_by_weight(
    weights: Tensor, ray: Tensor, shape: tuple[int, ...], count: int, key: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """About `count` samples [K], an equal number from each picture, drawn in proportion to their weights.

    Systematic sampling: one random number a picture, equal steps through the running sum of weights. Also returns
    w_i / (expected number of draws of i), [K]: with it, sums over the draws estimate sums over all samples.
    """
    images, height, width = shape
    per_image = max(count // images, 1)
    bounds = torch.searchsorted(ray, torch.arange(images + 1, device=ray.device) * height * width).tolist()
    chosen, scaled = [], []
    for image, (first, last) in enumerate(zip(bounds, bounds[1:], strict=False)):
        running = weights[first:last].detach().double().cumsum(0)
        if last == first or running[-1] <= 0:
            continue
        start = torch.rand(1, generator=generator_of(*key, 1, image), dtype=torch.float64)
        marks = (torch.arange(per_image) + start).to(running.device) * (running[-1] / per_image)
        index = torch.searchsorted(running, marks, right=True).clamp_max(last - first - 1) + first
        probability = weights[index].detach() / running[-1]
        chosen.append(index)
        scaled.append(weights[index] / (per_image * probability))
    if not chosen:
        return ray[:0], weights[:0]
    return torch.cat(chosen), torch.cat(scaled).float()
