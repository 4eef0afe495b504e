"""At which density to cut the surface, chosen from the field alone: no truth is needed."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.cameras import Cameras
from gpslift.export.surface import DensityGrid, empty_field_error, extract_surface, is_flat
from gpslift.export.views import RenderFunction, framing_cameras, ring
from gpslift.metrics.silhouettes import silhouette_iou, silhouettes

LOG = logging.getLogger(__name__)
VIEWS, VIEW_SIZE, GRID_NODES = 12, 96, 97


@dataclass(frozen=True)
class LevelChoice:
    """The chosen level, and every level tried with the mean IoU of its silhouettes, in rising order of level."""

    level: float
    table: list[tuple[float, float]]
    explanation: str


def choose_level(
    grid: DensityGrid, render: RenderFunction, box_min: Sequence[float], box_max: Sequence[float]
) -> LevelChoice:
    """The level whose mesh has the silhouettes that agree best with the field's own opacity.

    `render(cameras)` gives an object with `opacity` [B, H, W]; where it is over 0.5, the field covers the pixel. Twelve
    cameras ring the box (world units, the grid's). Nine levels, evenly spaced in the logarithm from where the field
    starts to be more than background to the top of its range, are tried first, then four on each side of the best.
    UserError if the field is empty: flat, nowhere positive, or nowhere opaque.
    """
    coarse = grid.coarser(GRID_NODES)
    low, high = _level_range(coarse)
    cameras = framing_cameras(box_min, box_max, ring(VIEWS), 10.0, VIEW_SIZE)
    covered = _covered(render, cameras)
    if not covered.any():
        raise empty_field_error(
            "no pixel of the field's own render is more than half opaque, and export.level gives no level", *grid.range
        )
    scores: dict[float, float] = {}
    for level in np.geomspace(low, high, 9):
        scores[float(level)] = _agreement(coarse, float(level), cameras, covered)
    best = max(scores, key=lambda level: scores[level])
    step = (high / low) ** (1 / 8)
    for level in np.geomspace(max(low, best / step), min(high, best * step), 10)[1:-1]:
        scores[float(level)] = _agreement(coarse, float(level), cameras, covered)
    best = max(scores, key=lambda level: scores[level])
    explanation = (
        f"density level {best:.4g}: of {len(scores)} levels from {low:.4g} to {high:.4g}, its silhouettes agree best "
        f"with the field's own opacity (IoU {scores[best]:.3f} over {VIEWS} views)"
    )
    LOG.info(explanation)
    return LevelChoice(best, sorted(scores.items()), explanation)


def _covered(render: RenderFunction, cameras: Cameras) -> NDArray[np.bool_]:
    views = [render(cameras[view : view + 1]).opacity for view in range(len(cameras))]
    return np.concatenate([view.detach().float().cpu().numpy() > 0.5 for view in views])


def _level_range(grid: DensityGrid) -> tuple[float, float]:
    """From which to which density levels are worth trying."""
    least, most = grid.range
    if is_flat(least, most):
        raise empty_field_error("the density field is flat", least, most)
    high = min(float(np.quantile(grid.values, 0.999)), 0.99 * most)
    if high <= 0:
        high = 0.5 * most
    low = max(float(np.quantile(grid.values, 0.25)), least + 1e-3 * (high - least), 1e-3 * high)
    return min(low, 0.5 * high), high


def _agreement(grid: DensityGrid, level: float, cameras: Cameras, covered: NDArray[np.bool_]) -> float:
    if not level < float(grid.values.max()):
        return 0.0
    return float(silhouette_iou(silhouettes(extract_surface(grid, level), cameras), covered).mean())
