"""The renderer: rays in, pictures out, with what the regularisers need."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from renderers.backends import pick_engine
from renderers.backends.contract import GridLayout
from renderers.background import Background, PlainBackground, ground_distance
from renderers.chunks import render_in_chunks
from renderers.draws import DrawnRays, draw_by_weight, random_colors, ray_offsets
from renderers.field import Field
from renderers.hash_grid import HashGrid
from renderers.occupancy import OccupancyGrid
from renderers.render import Picture, Render, SampledNormals
from renderers.samples import Samples
from renderers.shading import Lights, shade
from renderers.volume import expected_depth, intersect_box

Point = tuple[float, float, float]
NormalMode = Literal["none", "sampled", "all"]


class Renderer(nn.Module):
    """Field, occupancy and background, and the way from rays to pictures.

    box_min, box_max: world units. seed: of the start, and of the occupancy grid's draws. device: where it will run,
    which decides the engine. blob_radius: world units. The other arguments are the keys of the config's `renderer`
    section (`grid`: those of HashGrid). Raises EngineUnavailable if the engine asked for does not work.
    """

    def __init__(
        self,
        *,
        box_min: Point,
        box_max: Point,
        seed: int,
        device: torch.device | str,
        engine: str,
        marching: str,
        grid: dict[str, int],
        hidden: int,
        samples: int,
        occupancy_resolution: int,
        occupancy_threshold: float,
        occupancy_every_steps: int,
        occupancy_decay: float,
        occupancy_warmup_steps: int,
        coarse_levels: int,
        coarse_share: float,
        blob_scale: float,
        blob_radius: float,
        background: str,
        background_color: Sequence[float],
        background_hidden: int,
        chunk_rays: int = 0,
    ) -> None:
        super().__init__()
        self.chunk_rays = chunk_rays
        self.seed, self.occupancy_every_steps = seed, occupancy_every_steps
        self.coarse_levels, self.coarse_share = coarse_levels, coarse_share
        self.engine, self.engine_reason = pick_engine(engine, device, marching, GridLayout.build(**grid))
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
            )
            learned = background == "learned"
            self.background = Background(hidden=background_hidden) if learned else PlainBackground(background_color)
        self.random_background = background == "random"
        self.occupancy = OccupancyGrid(
            box_min=box_min,
            box_max=box_max,
            resolution=occupancy_resolution,
            step=self.step_length,
            threshold=occupancy_threshold,
            warmup_steps=occupancy_warmup_steps,
            decay=occupancy_decay,
        )

    def update(self, step: int, total_steps: int) -> None:
        """To be called before each optimiser step's render: grid levels coarse to fine, occupancy now and then."""
        share = step / max(total_steps, 1)
        self.field.grid.update(share, first_levels=self.coarse_levels, full_share=self.coarse_share)
        if step % self.occupancy_every_steps == 0:
            with _in_32_bits(self.occupancy.density.device):  # as renders see it
                self.occupancy.update(step, self.field.density, self.seed)

    def density(self, points: Tensor) -> Tensor:
        """Density [N] at points [N, 3] as renders see it: 0 in cells that rays skip, whatever the field holds there."""
        return self.field.density(points) * self.occupancy.occupied(points)

    def march(self, origins: Tensor, directions: Tensor, offset: Tensor) -> Samples:
        """Samples of rays [R, 3] in occupied cells above ground; `offset` [R] in [0, 1) shifts a ray's intervals."""
        near, far = intersect_box(origins, directions, self.field.box_min, self.field.box_max)
        far = torch.maximum(near, torch.minimum(far, ground_distance(origins, directions)))
        occupied = self.occupancy.occupied_cells
        return self.engine.march(origins, directions, near, far, offset, self.step_length, occupied)

    def forward(
        self,
        origins: Tensor,
        directions: Tensor,
        *,
        jitter: tuple[int, ...] | None = None,
        first_image: int = 0,
        background: bool = True,
        normals: NormalMode = "none",
        normal_samples: int = 0,
        lights: Lights | None = None,
        drawn: DrawnRays | None = None,
    ) -> Render:
        """Renders rays [B, H, W, 3] (origins in world units, unit directions).

        jitter: shifts every ray's intervals at random, by a key such as (seed, step); None = not at all. Image b draws
        from (*jitter, first_image + b), so that ranks that share a batch render what one would.
        background: False leaves black behind.
        normals: 'none'; 'sampled', at about `normal_samples` samples, drawn by their weights; 'all', at every sample,
        and as pictures.
        lights: of each view; None = the albedo.
        drawn: what is drawn for the rays, where they are a part of others; None = it is drawn here.
        """
        shape, key = origins.shape[:3], (*(jitter or (0,)), first_image)
        drawn = self.draw(shape, jitter, first_image, origins.device) if drawn is None else drawn
        if self.chunk_rays and shape.numel() > self.chunk_rays:
            settings = {"background": background, "normals": normals, "lights": lights}
            return render_in_chunks(self, origins, directions, self.chunk_rays, drawn, key, normal_samples, settings)
        origins, directions = origins.reshape(-1, 3).float(), directions.reshape(-1, 3).float()
        with _in_32_bits(origins.device):
            samples = self.march(origins, directions, drawn.offset)
            points = samples.points(origins, directions)
            density, color = self.field.density_and_color(points)
            weights = self.engine.weights(density, samples, len(origins))
            if lights is not None:
                color = shade(color, points, weights, drawn.view[samples.ray], self.field.normals, lights)
            seen = torch.cat([color.T, torch.ones_like(weights)[None], samples.middle[None]])
            *rgb, opacity, distance = self.engine.sum(weights * seen, samples, len(origins))
            black = torch.zeros_like(directions)
            behind = self.behind(origins, directions, drawn) if background else black
            chosen = self.choose(normals, normal_samples, weights, samples.ray, shape, key)
            sampled = None if chosen is None else self.normals_at(*chosen, points, directions[samples.ray])
            normal = None
            if sampled is not None and normals == "all":
                normal = self.engine.sum(weights * sampled.normal.T, samples, len(origins)).T.reshape(*shape, 3)
        return Render(
            color=(torch.stack(rgb, -1) + (1 - opacity)[:, None] * behind).view(*shape, 3),
            opacity=opacity.view(shape),
            depth=expected_depth(distance, opacity).view(shape),
            background=behind.view(*shape, 3),
            normal=normal,
            samples=samples,
            density=density,
            weights=weights,
            sampled_normals=sampled,
        )

    def draw(
        self, shape: torch.Size, jitter: tuple[int, ...] | None, first_image: int, device: torch.device
    ) -> DrawnRays:
        """What is drawn for images [B, H, W]: see `forward`.

        Random colours behind are an image's own, drawn from (seed, first_image + its number), and only while training
        (`jitter` is given); other pictures get the one colour of the config.
        """
        images, pixels = shape[0], shape[1] * shape[2]
        random = self.random_background and jitter is not None
        return DrawnRays(
            ray_offsets(images, pixels, jitter, first_image).to(device),
            torch.arange(images, device=device).repeat_interleave(pixels),
            random_colors(images, self.seed, first_image).to(device) if random else None,
        )

    def behind(self, origins: Tensor, directions: Tensor, drawn: DrawnRays) -> Tensor:
        """Colours [R, 3] behind the object on the rays [R, 3]."""
        if drawn.behind is not None:
            return drawn.behind[drawn.view]
        return self.background(origins, directions)

    def choose(
        self, normals: NormalMode, count: int, weights: Tensor, ray: Tensor, shape: torch.Size, key: tuple[int, ...]
    ) -> tuple[Tensor, Tensor] | None:
        """Positions [K] of the samples that get normals, and their weights [K]; None if `normals` is 'none'."""
        if normals == "none":
            return None
        if normals == "all":
            return torch.arange(len(ray), device=ray.device), weights
        if normals == "sampled":
            return draw_by_weight(weights, ray, shape[0], shape[1] * shape[2], count, key)
        raise ValueError(f"normals must be 'none', 'sampled' or 'all', not {normals!r}")

    def normals_at(self, position: Tensor, weight: Tensor, points: Tensor, directions: Tensor) -> SampledNormals:
        """Normals at some of the samples; points and directions are those of all samples, [M, 3]."""
        return SampledNormals(self.field.normals(points[position]), directions[position], weight)

    @torch.no_grad()
    def render_image(
        self,
        origins: Tensor,
        directions: Tensor,
        *,
        chunk_rays: int = 4096,
        background: bool = True,
        normals: bool = False,
    ) -> Picture:
        """Pictures of rays [B, H, W, 3] without gradients, `chunk_rays` rays at a time, so that memory is bounded."""
        shape = origins.shape[:3]
        chunks = zip(origins.reshape(-1, 3).split(chunk_rays), directions.reshape(-1, 3).split(chunk_rays), strict=True)
        mode: NormalMode = "all" if normals else "none"
        parts = [self(o[None, None], d[None, None], background=background, normals=mode) for o, d in chunks]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(part, name)[0, 0] for part in parts]).unflatten(0, shape)

        return Picture(
            color=joined("color"),
            opacity=joined("opacity"),
            depth=joined("depth"),
            background=joined("background"),
            normal=joined("normal") if normals else None,
        )


def _in_32_bits(device: torch.device) -> torch.autocast:
    """Autocast off, with what Lightning sets of it put back: else a compiled engine would be compiled twice, once for
    its trial and once for training.
    """
    return torch.autocast(device.type, enabled=False, cache_enabled=True)
