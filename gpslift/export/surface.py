"""From a density function to a surface: sampling on a grid, and marching cubes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import skimage.measure
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from gpslift.errors import UserError

FLAT = 1e-6
DensityFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class DensityGrid:
    """Densities at the nodes of a box-shaped grid.

    values: [X, Y, Z] float32. lower: position of the first node [3]. spacing: distance of neighbouring nodes [3].
    """

    values: NDArray[np.float32]
    lower: NDArray[np.float64]
    spacing: NDArray[np.float64]

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest density."""
        return float(self.values.min()), float(self.values.max())

    def coarser(self, most_nodes: int) -> "DensityGrid":
        """Every nth node, with the least n for which no side has more than `most_nodes` nodes."""
        stride = max(1, -(-max(self.values.shape) // most_nodes))
        return DensityGrid(self.values[::stride, ::stride, ::stride], self.lower, self.spacing * stride)


def sample_grid(
    density: DensityFunction, box_min: Sequence[float], box_max: Sequence[float], resolution: int, chunk: int = 2**18
) -> DensityGrid:
    """Samples `density` (points [N, 3] -> [N]) on nodes from face to face of the box, `resolution` on its longest side.

    `resolution` counts cells, which are as near to cubes as whole numbers allow. At most `chunk` points are asked for
    at once. UserError where the field is not finite.
    """
    low, high = np.asarray(box_min, float), np.asarray(box_max, float)
    cells = np.maximum(1, np.ceil((high - low) / ((high - low).max() / resolution) - 1e-9)).astype(int)
    axes = [np.linspace(low[axis], high[axis], cells[axis] + 1, dtype=np.float32) for axis in range(3)]
    nodes = torch.cartesian_prod(*(torch.from_numpy(axis) for axis in axes))
    with torch.no_grad():
        parts = [density(part).reshape(-1).float().cpu().numpy() for part in nodes.split(chunk)]
    values = np.concatenate(parts).reshape(tuple(cells + 1))
    if not np.isfinite(values).all():
        bad = 100 * float((~np.isfinite(values)).mean())
        raise UserError(
            f"the density field is not finite at {bad:.3g} % of the grid: the run diverged; "
            "export an earlier checkpoint, or train again with a lower optim.lr"
        )
    return DensityGrid(values, low, (high - low) / cells)


def extract_surface(grid: DensityGrid, level: float) -> trimesh.Trimesh:
    """The surface where the density is `level`, closed where the box cuts it, normals outward; in the grid's unit.

    Marching cubes of Lewiner et al. 2003 (scikit-image). The grid is padded with values far below the level, so that
    the box's faces close the mesh less than a thousandth of a cell outside. UserError, with the field's range and a
    remedy, if no surface has this level.
    """
    least, most = grid.range
    if is_flat(least, most):
        raise empty_field_error("the density field is flat", least, most)
    if level >= most:
        raise UserError(
            f"nothing to export at density level {level:.4g}: the density runs from {least:.4g} to {most:.4g}; set "
            "export.level inside that range, or to 0 to have it chosen from the field"
        )
    padding = level - 1e3 * (most - level)
    padded = np.pad(grid.values.astype(np.float32), 1, constant_values=padding)
    vertices, faces, _, _ = skimage.measure.marching_cubes(padded, level, allow_degenerate=False)
    vertices = grid.lower + (vertices - 1) * grid.spacing
    return trimesh.Trimesh(vertices, faces[:, ::-1], process=False)


def empty_field_error(reason: str, least: float, most: float) -> UserError:
    """The error for a field, with densities from `least` to `most`, that holds no landmark."""
    return UserError(
        f"nothing to export: {reason} (densities run from {least:.4g} to {most:.4g} per world unit); the run is too "
        "short or has collapsed: look at its previews, then train longer (optim.steps), or again with lower "
        "losses.sparsity and losses.entropy, or a later losses.ramp"
    )


def is_flat(least: float, most: float) -> bool:
    """Whether a field of this range has no surface worth the name."""
    return most <= 0 or most - least < FLAT * max(1.0, most)
