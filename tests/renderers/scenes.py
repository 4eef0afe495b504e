"""A small renderer, and scenes given by a formula: what the renderer's tests share."""

from collections.abc import Callable

import torch
from torch import Tensor

from gpslift.cameras import Cameras, orbit_cameras
from renderers.field import Field
from renderers.renderer import Renderer

BOX_MIN, BOX_MAX = (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)


class AnalyticField(Field):
    """A field whose density and colour are formulas; its grid is there and unused."""

    density_formula: Callable[[Tensor], Tensor]
    color_formula: Callable[[Tensor], Tensor]

    def density(self, points: Tensor) -> Tensor:
        return self.density_formula(points)

    def density_and_color(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self.density_formula(points), self.color_formula(points)


def make_renderer(**changes: object) -> Renderer:
    """A small renderer; `changes` replace its arguments."""
    arguments = {
        "box_min": BOX_MIN,
        "box_max": BOX_MAX,
        "seed": 0,
        "device": "cpu",
        "engine": "torch",
        "marching": "own",
        "grid": {"levels": 4, "features": 2, "log2_table": 10, "base_resolution": 4, "finest_resolution": 32},
        "hidden": 16,
        "samples": 64,
        "occupancy_resolution": 16,
        "occupancy_threshold": 0.01,
        "occupancy_every_steps": 4,
        "occupancy_decay": 0.7,
        "occupancy_warmup_steps": 8,
        "coarse_levels": 2,
        "coarse_share": 0.5,
        "blob_scale": 10.0,
        "blob_radius": 0.5,
        "background": "learned",
        "background_color": (1.0, 1.0, 1.0),
        "background_hidden": 16,
    }
    return Renderer(**{**arguments, **changes})


def analytic_renderer(
    density: Callable[[Tensor], Tensor], color: Callable[[Tensor], Tensor] | None = None, **changes: object
) -> Renderer:
    """A renderer of formulas: density [N, 3] to [N], colour [N, 3] to [N, 3] (grey if None)."""
    renderer = make_renderer(**changes)
    renderer.field.__class__ = AnalyticField
    renderer.field.density_formula = density
    renderer.field.color_formula = color or (lambda points: torch.full_like(points, 0.5))
    return renderer


def side_cameras(*azimuths: float, size: int = 33, elevation: float = 0.0) -> Cameras:
    """Cameras 4 units from the origin with a field of view of 0.5 radians (a frame 2.04 units wide)."""
    azimuth = torch.tensor(azimuths)
    many = torch.ones_like(azimuth)
    return orbit_cameras(azimuth, elevation * many, 4 * many, 0.5 * many, torch.zeros(3), size, size)


def psnr(first: Tensor, second: Tensor) -> float:
    """Peak signal-to-noise ratio, dB, of pictures in [0, 1]."""
    return float(-10 * torch.log10((first - second).square().mean().clamp_min(1e-12)))
