"""Stand-ins for CUDA libraries: their documented interfaces, computed slowly on the CPU as their kernels do."""

import math
from types import SimpleNamespace
from typing import Any

import nerfacc
import numpy as np
import torch
from torch import Tensor, nn


class Encoding(nn.Module):
    """`tinycudann.Encoding` for a HashGrid with linear interpolation, after `encodings/grid.h`, in float32."""

    def __init__(self, n_input_dims: int, encoding_config: dict[str, Any], seed: int = 1337, dtype: Any = None) -> None:
        super().__init__()
        assert n_input_dims == 3 and encoding_config["otype"] == "HashGrid" and dtype == torch.float32
        if encoding_config["n_features_per_level"] not in (1, 2, 4, 8):
            raise RuntimeError("HashGridEncoding: n_features_per_level must be 1, 2, 4, or 8")
        self.config = encoding_config
        self.offsets, self.n_output_dims = [0], encoding_config["n_levels"] * encoding_config["n_features_per_level"]
        for level in range(encoding_config["n_levels"]):
            _, resolution = self.scale_and_resolution(level)
            entries = min(math.ceil(resolution**3 / 8) * 8, 2 ** encoding_config["log2_hashmap_size"])
            self.offsets.append(self.offsets[-1] + entries)
        self.params = nn.Parameter(torch.rand(self.offsets[-1] * encoding_config["n_features_per_level"]) * 2e-4 - 1e-4)

    def scale_and_resolution(self, level: int) -> tuple[float, int]:
        log2 = np.log2(np.float32(self.config["per_level_scale"]))
        scale = np.exp2(np.float32(level) * log2) * np.float32(self.config["base_resolution"]) - np.float32(1)
        return float(scale), math.ceil(scale) + 1

    def row(self, corner: Tensor, level: int, resolution: int) -> Tensor:
        size, stride, index = self.offsets[level + 1] - self.offsets[level], 1, torch.zeros_like(corner[:, 0])
        for axis in range(3):
            if stride > size:
                break
            index, stride = index + corner[:, axis] * stride, stride * resolution
        if size < stride:
            index = corner[:, 0] ^ (corner[:, 1] * 2654435761 % 2**32) ^ (corner[:, 2] * 805459861 % 2**32)
        return self.offsets[level] + index % size

    def forward(self, points: Tensor) -> Tensor:
        """Features [N, n_output_dims] of points [N, 3] in [0, 1]."""
        table = self.params.view(-1, self.config["n_features_per_level"])
        features = []
        for level in range(self.config["n_levels"]):
            scale, resolution = self.scale_and_resolution(level)
            position = points * scale + 0.5
            cell = position.detach().floor()
            fraction, total = position - cell, torch.zeros(len(points), table.shape[1])
            for corner in torch.cartesian_prod(*[torch.tensor([0, 1])] * 3):
                weight = torch.where(corner > 0, fraction, 1 - fraction).prod(-1)
                total = total + weight[:, None] * table[self.row(cell.long() + corner, level, resolution)]
            features.append(total)
        return torch.cat(features, -1)


tinycudann = SimpleNamespace(Encoding=Encoding)


def traverse_grids(
    rays_o: Tensor,
    rays_d: Tensor,
    binaries: Tensor,
    aabbs: Tensor,
    near_planes: Tensor,
    far_planes: Tensor,
    step_size: float,
) -> tuple[nerfacc.RayIntervals, nerfacc.RaySamples, Tensor]:
    """`nerfacc.traverse_grids` for one grid: equal steps from the near plane on, with middles in full cells."""
    low, high = aabbs[0, :3], aabbs[0, 3:]
    resolution = torch.tensor(binaries.shape[1:])
    ray, start = [], []
    for number, (origin, direction) in enumerate(zip(rays_o, rays_d, strict=True)):
        sides = torch.stack([(low - origin) / direction, (high - origin) / direction])
        enter, leave = float(sides.amin(0).amax()), float(sides.amax(0).amin())
        if enter > leave or leave <= 0:
            continue
        enter, leave = max(enter, float(near_planes[number])), min(leave, float(far_planes[number]))
        at = float(near_planes[number])
        while at + step_size / 2 < leave:
            if at + step_size / 2 >= enter:
                cell = (origin + direction * (at + step_size / 2) - low) / (high - low) * resolution
                x, y, z = torch.minimum(cell.long().clamp_min(0), resolution - 1).tolist()
                if binaries[0, x, y, z]:
                    ray.append(number)
                    start.append(at)
            at += step_size
    index, left = torch.tensor(ray, dtype=torch.int64), torch.tensor(start)
    edges = torch.stack([left, left + step_size], -1).flatten()  # the real one joins neighbours' edges
    is_left = torch.tensor([True, False]).repeat(len(left))
    intervals = nerfacc.RayIntervals(edges, ray_indices=index.repeat_interleave(2), is_left=is_left, is_right=~is_left)
    return intervals, nerfacc.RaySamples(left + step_size / 2, ray_indices=index), far_planes


def render_weight_from_density(
    t_starts: Tensor, t_ends: Tensor, sigmas: Tensor, ray_indices: Tensor, n_rays: int
) -> tuple[Tensor, Tensor, Tensor]:
    """`nerfacc.render_weight_from_density` of packed samples, by its own function for single rays."""
    assert ray_indices.max() < n_rays
    counts = torch.unique_consecutive(ray_indices, return_counts=True)[1].tolist()
    rows = zip(t_starts.split(counts), t_ends.split(counts), sigmas.split(counts), strict=True)
    results = [nerfacc.render_weight_from_density(*(part[None] for part in row)) for row in rows]
    weights, trans, alphas = (torch.cat([result[kind][0] for result in results]) for kind in range(3))
    return weights, trans, alphas


nerfacc_on_cpu = SimpleNamespace(
    traverse_grids=traverse_grids,
    render_weight_from_density=render_weight_from_density,
    accumulate_along_rays=nerfacc.accumulate_along_rays,
)
