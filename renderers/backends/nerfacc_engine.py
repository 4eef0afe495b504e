"""Ray marching and packed volume rendering by nerfacc's CUDA kernels (Li et al. 2023), round another engine's grid."""

import importlib
import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor
from torch.utils.cpp_extension import _get_build_directory

from renderers.backends.contract import Engine, GridLayout, OccupiedCells
from renderers.samples import Samples


def load_nerfacc() -> Any:
    """The package, with working kernels. Raises ImportError where there are none, without trying to compile in vain.

    nerfacc compiles its kernels at their first call, for which it needs a GPU and `nvcc`; this call is made here, so
    that whatever goes wrong goes wrong now.
    """
    nerfacc = importlib.import_module("nerfacc")
    ready = importlib.util.find_spec("nerfacc.csrc") is not None or shutil.which("nvcc") is not None
    if not (torch.cuda.is_available() and ready):
        raise ImportError("nerfacc's kernels need CUDA, and nvcc to compile them at their first call")
    with _compiling_alone():
        nerfacc.exclusive_sum(torch.ones(1, device="cuda"), torch.tensor([[0, 1]], device="cuda"))
    return nerfacc


@contextmanager
def _compiling_alone() -> Iterator[None]:
    """One process at a time, of those that start together: nerfacc empties the folder that it builds in.

    torch's own lock in that folder outlives a process that was killed, and is then waited for without end: held back by
    ours, which the system releases, no other process of this program can be at work there, so that it may go.
    """
    build = Path(_get_build_directory("nerfacc_cuda", verbose=False))
    with FileLock(build.with_name("nerfacc_cuda.gpslift.lock")):
        (build / "lock").unlink(missing_ok=True)
        yield


class NerfaccEngine:
    """Encodes as `grid` does, and marches and renders by nerfacc.

    Its march differs from the contract's at the two ends of a ray: an interval whose middle, before it is cut to
    [near, far], lies outside of them is left out, so that a ray may lack up to half a step there.
    library: the package, as from `load_nerfacc`.
    """

    def __init__(self, grid: Engine, library: Any) -> None:
        self.grid, self.library = grid, library
        self.name = f"{grid.name} and nerfacc"

    def encode(self, points: Tensor, table: Tensor, layout: GridLayout, active_levels: int) -> Tensor:
        """See `Engine.encode`."""
        return self.grid.encode(points, table, layout, active_levels)

    @torch.no_grad()
    def march(
        self,
        origins: Tensor,
        directions: Tensor,
        near: Tensor,
        far: Tensor,
        offset: Tensor,
        step: float,
        occupied: OccupiedCells,
    ) -> Samples:
        """See `Engine.march`, and above."""
        if len(near) == 0:
            return Samples(near.long(), near, near)
        shape = torch.tensor(occupied.cells.shape, device=near.device)
        box = torch.cat([occupied.box_min, occupied.box_min + shape / occupied.cells_per_unit])
        intervals, samples, _ = self.library.traverse_grids(
            origins,
            directions,
            occupied.cells[None],
            box[None],
            near_planes=near - offset * step,  # it counts steps from there on
            far_planes=far,
            step_size=step,
        )
        ray = samples.ray_indices
        start = torch.maximum(intervals.vals[intervals.is_left], near[ray])
        end = torch.minimum(intervals.vals[intervals.is_right], far[ray])
        return Samples(ray, start, end)[end > start]

    def weights(self, density: Tensor, samples: Samples, rays: int) -> Tensor:
        """See `Engine.weights`."""
        if len(samples) == 0:
            return density
        bounds = {"t_starts": samples.start, "t_ends": samples.end}
        return self.library.render_weight_from_density(**bounds, sigmas=density, ray_indices=samples.ray, n_rays=rays)[
            0
        ]

    def sum(self, values: Tensor, samples: Samples, rays: int) -> Tensor:
        """See `Engine.sum`."""
        ones = torch.ones_like(values[0])
        return self.library.accumulate_along_rays(ones, values.T, samples.ray, rays).T
