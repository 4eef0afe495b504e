"""Lifts before and after their second stage: colours and shape against the truth. Writes docs/benchmarks.md.

compare exported runs:        python -m benchmarks.refine NAME=RUN [NAME=RUN ...] [--picture FILE]

RUN is a run folder of `launch.py`, of a lift or of a refinement, whose export was made. --picture: their turntables
from eight sides, one run below the other.
"""

import argparse
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import trimesh

from benchmarks.lifting import cost_of, exported
from benchmarks.report import table, write_table
from gpslift.config import load_config
from gpslift.export.pictures import COMPASS, labelled_grid
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.metrics.mesh_colors import COLUMNS, compare_colors
from gpslift.metrics.mesh_truth import FIGURES
from gpslift.procedural.truth import SHAPE_FACTS, comparison_with, true_mesh
from gpslift.runs import Run, open_run

SHAPE = ["IoU", "F 2 %", "upper: to truth m", "best yaw °"]
HEADER = [*COLUMNS, "upper part: color distance", "chromaticity distance", *SHAPE, "training s"]


class Truth:
    """What all meshes of a landmark are compared with."""

    def __init__(self, landmark: Landmark) -> None:
        self.mesh, facts = true_mesh(landmark.name), SHAPE_FACTS[landmark.name]
        self.low, self.high = (np.asarray(corner, float) for corner in landmark.own_volume)
        self.upper_low = np.array([self.low[0], self.low[1], facts.upper_from_m])
        self.shape = comparison_with(self.mesh, facts, landmark)

    def row(self, name: str, mesh: trimesh.Trimesh, seconds: float | None) -> list[str]:
        """The cells that `HEADER` names."""
        whole = compare_colors(mesh, self.mesh, self.low, self.high)
        upper, figures = compare_colors(mesh, self.mesh, self.upper_low, self.high), self.shape.compare(mesh)
        shape = [FIGURES[heading](figures) for heading in SHAPE]
        distances = [f"{upper.as_they_are:.3f}", f"{upper.chromaticity:.3f}"]
        return [*whole.row(name), *distances, *shape, "-" if seconds is None else f"{seconds:.0f}"]


def turntable_views(run: Run, landmark: Landmark) -> list[np.ndarray]:
    """Frames of a run's turntable from north, north-east and so on."""
    frames = list(imageio.get_reader(run.export / f"{landmark.name}.mp4").iter_data())
    return [np.asarray(frames[index * len(frames) // len(COMPASS)]) for index in range(len(COMPASS))]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    runs = {name: open_run(folder) for name, _, folder in (item.partition("=") for item in given.runs)}
    landmark = load_landmark(load_config(next(iter(runs.values())).config).landmark)
    truth = Truth(landmark)
    rows = [truth.row(name, exported(run, landmark.name), cost_of(run).train_seconds) for name, run in runs.items()]
    rows.append(truth.row("truth against itself", truth.mesh, None))
    text = (
        f"{landmark.title}: exported meshes against the true one, which has no light on it, in the true frame. Colors "
        "are RGB in [0, 1], distances root mean squares over points of the outer surface, even by area; gain and "
        "offset are fitted, one of each a channel, as the light of the photos is free. Contrast: standard deviation "
        "over the truth's. Chromaticity: colors divided by the sum of their channels, which is the same in shade and "
        "sunshine. Written by `python -m benchmarks.refine`"
    )
    write_table("refine", f"## The second stage\n\n{text}\n\n{table(HEADER, rows)}")
    if given.picture:
        views = [turntable_views(run, landmark) for run in runs.values()]
        labelled_grid(views, COMPASS, list(runs)).save(given.picture, quality=88)


if __name__ == "__main__":
    main()
