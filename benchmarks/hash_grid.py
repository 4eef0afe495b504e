"""Speed of the hash-grid engines: python -m benchmarks.hash_grid [--points N] [--levels L] [--threads T].

Three programs for the same grid and points, in one run: the torch reference, a torch version written for speed, and
numba. Medians over rounds in which they take turns, so that a busy moment of the machine hits all of them. Writes
docs/benchmarks.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.fast_torch_grid import FastTorchGrid
from benchmarks.report import machine, table, write_table
from renderers.backends import load_engine
from renderers.backends.contract import GridLayout


def rounds_of(programs: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each program, which take turns; one round is run first and not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            start = time.perf_counter()
            program()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def measure(points: Tensor, layout: GridLayout, rounds: int) -> list[list[str]]:
    """Rows of the table. Raises AssertionError if the programs do not agree."""
    encoders = {
        "torch, the reference": load_engine("torch", "cpu").encode,
        "torch, written for speed": lambda points, table, layout, levels: FastTorchGrid.apply(points, table, layout),
        "numba": load_engine("numba", "cpu").encode,
    }
    table = (torch.rand(layout.total_entries, layout.features) * 2 - 1).requires_grad_()
    levels = len(layout.levels)
    upstream = torch.randn(levels * layout.features, len(points))
    few = points[:1000]
    for name, encode in encoders.items():
        torch.testing.assert_close(
            encode(few, table, layout, levels),
            encoders["torch, the reference"](few, table, layout, levels),
            rtol=1e-3,
            atol=1e-3,
            msg=lambda message, name=name: f"{name}: {message}",
        )

    def forward(encode: Callable[..., Tensor]) -> None:
        with torch.no_grad():
            encode(points, table, layout, levels)

    def both(encode: Callable[..., Tensor]) -> None:
        table.grad = None
        encode(points, table, layout, levels).backward(upstream)

    once = rounds_of({name: lambda e=encode: forward(e) for name, encode in encoders.items()}, rounds)
    twice = rounds_of({name: lambda e=encode: both(e) for name, encode in encoders.items()}, rounds)
    million = len(points) / 1e6
    fast = twice["torch, written for speed"]
    return [
        [name, f"{million / once[name]:.2f}", f"{million / twice[name]:.2f}", f"{fast / twice[name]:.1f}"]
        for name in encoders
    ]


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--levels", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    layout = GridLayout.build(
        levels=arguments.levels, features=2, log2_table=16, base_resolution=16, finest_resolution=512
    )
    rows = measure(torch.rand(arguments.points, 3), layout, arguments.rounds)
    header = ["engine", "forward", "forward and backward", "times the fast torch version"]
    text = (
        "## Hash-grid encode\n\n"
        f"Million random points a second; {arguments.points} points, {arguments.levels} levels of 2 features, 16 to "
        f"512, 2^16 entries; medians of {arguments.rounds} rounds in which the programs take turns. {machine()}. "
        f"Written by `python -m benchmarks.hash_grid --threads {arguments.threads}`.\n\n" + table(header, rows)
    )
    print(text)
    write_table("hash_grid", text)


if __name__ == "__main__":
    main()
