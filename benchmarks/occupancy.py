"""What skipping empty space costs and gains: python -m benchmarks.occupancy [--steps N] [--threads T].

Trains a field, with skipping, on pictures of a small scene given by a formula (a plate, a block, a figure with a raised
arm), and then renders the same new views three times: with the occupied cells, with all cells inside the smallest box
round the scene, with all cells of the whole box. Writes docs/benchmarks.md.
"""

import argparse
import statistics
import time
from dataclasses import asdict

import torch
from torch import Tensor

from benchmarks.report import machine, table, write_table
from gpslift.cameras import orbit_cameras
from gpslift.schema.lift import RendererConfig
from renderers.renderer import Renderer
from renderers.volume import intersect_box, render_weights

BOX_MIN, BOX_MAX = (-1.0, -1.0, -0.05), (1.0, 1.0, 2.0)
SKY, GROUND = torch.tensor([0.6, 0.75, 0.95]), torch.tensor([0.35, 0.4, 0.3])
TRUTH_STEPS = 192


def block_distance(points: Tensor, middle: tuple, half: tuple) -> Tensor:
    """Signed distance to an axis-aligned block."""
    beyond = (points - torch.tensor(middle)).abs() - torch.tensor(half)
    return beyond.clamp_min(0).norm(dim=-1) + beyond.amax(-1).clamp_max(0)


def limb_distance(points: Tensor, start: tuple, end: tuple, radius: float) -> Tensor:
    """Signed distance to a rod with round ends."""
    first, along = torch.tensor(start), torch.tensor(end) - torch.tensor(start)
    place = ((points - first) @ along / (along @ along)).clamp(0, 1)
    return (points - first - place[:, None] * along).norm(dim=-1) - radius


def scene(points: Tensor) -> tuple[Tensor, Tensor]:
    """Density [N] and colour [N, 3] at points [N, 3]."""
    parts = {
        (0.5, 0.5, 0.45): block_distance(points, (0.0, 0.0, 0.0), (0.6, 0.6, 0.1)),
        (0.7, 0.55, 0.4): block_distance(points, (0.0, 0.0, 0.5), (0.22, 0.22, 0.45)),
        (0.3, 0.7, 0.6): limb_distance(points, (0.0, 0.0, 1.0), (0.0, 0.0, 1.6), 0.15),
        (0.3, 0.8, 0.6): limb_distance(points, (0.0, 0.15, 1.4), (0.25, 0.3, 1.85), 0.06),
        (0.1, 0.3, 0.8): block_distance(points, (-0.2, -0.1, 1.3), (0.04, 0.12, 0.15)),
    }
    distance, part = torch.stack(list(parts.values())).min(0)
    return 150 * torch.sigmoid(-distance / 0.01), torch.tensor(list(parts))[part]


@torch.no_grad()
def true_pictures(origins: Tensor, directions: Tensor) -> Tensor:
    """Colours [B, H, W, 3] of the scene before sky and ground, by many steps along each ray."""
    pictures = []
    for origin, direction in zip(
        origins.reshape(-1, 3).split(4096), directions.reshape(-1, 3).split(4096), strict=True
    ):
        near, far = intersect_box(origin, direction, torch.tensor(BOX_MIN), torch.tensor(BOX_MAX))
        edges = near[:, None] + (far - near)[:, None] * torch.linspace(0, 1, TRUTH_STEPS + 1)
        middle, length = (edges[:, 1:] + edges[:, :-1]) / 2, edges.diff(dim=-1)
        density, color = scene((origin[:, None] + direction[:, None] * middle[..., None]).view(-1, 3))
        weights = render_weights(density.view_as(middle), length)[..., None]
        behind = torch.where(direction[:, 2:] > 0, SKY, GROUND)
        pictures.append((weights * color.view(*middle.shape, 3)).sum(1) + (1 - weights.sum(1)) * behind)
    return torch.cat(pictures).view_as(origins)


def random_rays(count: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rays of `count` cameras all round the scene, elevations 0 to 25 degrees."""
    generator = torch.Generator().manual_seed(seed)
    azimuth, elevation = torch.rand(count, generator=generator) * 360, torch.rand(count, generator=generator) * 25
    many = torch.ones(count)
    return orbit_cameras(azimuth, elevation, 4 * many, 0.6 * many, torch.tensor([0.0, 0.0, 1.0]), size, size).rays()


def train(renderer: Renderer, steps: int) -> None:
    """Fits the renderer to 64 pictures of 48 pixels, 4 a step."""
    batches = [random_rays(4, 48, seed) for seed in range(16)]
    truth = [true_pictures(*rays) for rays in batches]
    optimizer = torch.optim.Adam(renderer.parameters(), lr=1e-2, eps=1e-15)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, steps)
    for step in range(steps):
        renderer.update(step, steps)
        render = renderer(*batches[step % 16], jitter=(step,))
        optimizer.zero_grad()
        (render.color - truth[step % 16]).square().mean().backward()
        optimizer.step()
        schedule.step()


def step(renderer: Renderer, rays: tuple[Tensor, Tensor], number: int) -> tuple[float, int]:
    """Seconds of a render with its backward pass, and its number of samples."""
    start = time.perf_counter()
    render = renderer(*rays, jitter=(number,))
    render.color.square().mean().backward()
    seconds = time.perf_counter() - start
    renderer.zero_grad()
    return seconds, len(render.samples)


def box_round_scene(renderer: Renderer) -> Tensor:
    """The cells of the smallest box that holds the scene, as its formula says: [R, R, R] bool."""
    occupancy = renderer.occupancy
    cells = torch.ones_like(occupancy.cells)
    middles = occupancy.box_min + (cells.nonzero() + 0.5) * occupancy.cell_size
    index = (scene(middles)[0] > 1).view(cells.shape).nonzero()
    low, high = index.amin(0), index.amax(0) + 1
    cells[:] = False
    cells[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = True
    return cells


def measure(renderer: Renderer, rounds: int) -> list[list[str]]:
    """Rows of the table. The ways take turns, so that other work on the machine meets all of them."""
    rays = random_rays(4, 64, seed=99)
    truth = true_pictures(*rays)
    occupied = renderer.occupancy.cells.clone()
    ways = {
        "occupied cells": occupied,
        "smallest box round the scene": box_round_scene(renderer),
        "whole box": torch.ones_like(occupied),
    }
    pictures, seconds, samples = {}, {name: [] for name in ways}, {}
    for name, cells in ways.items():
        renderer.occupancy.cells.copy_(cells)
        pictures[name] = renderer.render_image(*rays).color
        step(renderer, rays, 0)  # kernels are compiled at their first call
    for number in range(1, rounds + 1):
        for name, cells in ways.items():
            renderer.occupancy.cells.copy_(cells)
            taken, samples[name] = step(renderer, rays, number)
            seconds[name].append(taken)

    def psnr(first: Tensor, second: Tensor) -> str:
        error = (first - second).square().mean()
        return "the same" if error == 0 else f"{-10 * error.log10():.1f}"

    return [
        [
            name,
            f"{100 * ways[name].float().mean():.1f} %",
            f"{samples[name] / 1000:.0f}",
            f"{statistics.median(seconds[name]):.3f}",
            psnr(pictures[name], pictures["whole box"]),
            psnr(pictures[name], truth),
        ]
        for name in ways
    ]


def main() -> None:
    """Trains, measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = asdict(RendererConfig())
    renderer = Renderer(box_min=BOX_MIN, box_max=BOX_MAX, seed=0, device="cpu", **config)
    train(renderer, arguments.steps)
    header = [
        "rays pass through",
        "of the cells",
        "thousand samples",
        "s a step",
        "PSNR to whole box",
        "PSNR to the truth",
    ]
    text = (
        "## Skipping empty space\n\n"
        f"A field trained for {arguments.steps} steps with skipping, then 4 new views of 64 x 64 pixels, "
        f"{config['samples']} steps across the box; a step is forward and backward, PSNR in dB. "
        f"{renderer.engine_reason}. {machine()}. "
        f"Written by `python -m benchmarks.occupancy --threads {arguments.threads}`.\n\n"
        + table(header, measure(renderer, arguments.rounds))
    )
    print(text)
    write_table("occupancy", text)


if __name__ == "__main__":
    main()
