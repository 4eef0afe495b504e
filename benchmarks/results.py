"""All six landmarks against the truth, beside the same lifts told no azimuth or a wrong one. Writes docs/results.md.

make the lifts that are not there yet:   python -m benchmarks.results [key=value ...] --run [--landmarks NAME ...]
write the tables of those that are:      python -m benchmarks.results [key=value ...]

Lifts are found by their names under `output`; angle accuracies are those that lie beside the shipped priors, as
`validation.json`, which `--validate` of their configs wrote.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.lifting import CASES, COST_FILE, compared, cost_of, exported, lift_config, make_run
from benchmarks.report import machine, table, write_table
from gpslift.config import REPOSITORY, load_config, resolve_path
from gpslift.errors import UserError
from gpslift.geo.landmarks import load_landmark
from gpslift.metrics.mesh_colors import compare_colors
from gpslift.metrics.mesh_truth import HEADINGS, MeshComparison
from gpslift.procedural.truth import ShapeFacts, true_mesh
from gpslift.runs import Run, last_run
from systems.distillation import prior_of
from systems.validation.lift import goals_reached

LANDMARKS = (
    "leaning_tower_of_pisa",
    "arc_de_triomphe",
    "washington_monument",
    "statue_of_liberty",
    "stonehenge",
    "space_needle",
)
SHOWN = ("seed_0", "dropped", "shuffled")
REPORT, PICTURES = REPOSITORY / "docs" / "results.md", REPOSITORY / "docs" / "pictures"
ROW_PIXELS = 96
INTRODUCTION = """# Results

Landmarks lifted from their shipped priors with one set of settings, but for four, chosen on the Statue and, for what
is thin, on the Space Needle with an eye on Stonehenge; the timesteps' end on Stonehenge, with an eye on all but the
Monument, and on a throw-away shape; how lifts are finished, on the Statue, but that the Monument and the Needle,
whose priors tell sides least, keep an earlier finish ([benchmarks.md](benchmarks.md#what-finishes-a-lift)); what
clears haze, on the Statue, the Needle and Stonehenge, and four times as much on the Statue, whose prior is clearer
([benchmarks.md](benchmarks.md#close-photos)), and on the Arc, round which paving stood up
([benchmarks.md](benchmarks.md#haze)). Compared with the shapes that their embedded photos were taken
of: in the true frame, without alignment, both cut to the landmark's own volume. Beside each, where it was made, the
same lift with the azimuth hidden from the prior (as text alone would do) and with a wrong one told, and the truth
itself turned, mirrored and revolved. Columns as in [benchmarks.md](benchmarks.md); contrast 1 = as strong as the
truth's colours, which have no light on them. Seconds: wall time of each lift as it was made. Compared on {machine}.
Written by `python -m benchmarks.results`.

![Each landmark's lift from eight sides, N to NW: colours and normals](pictures/results.jpg)
"""

CONTROLS = """With the azimuth told, hidden and shuffled, from above to below:
"""


def config_of(landmark: str) -> str:
    """The config that lifts a landmark."""
    return f"configs/{landmark}.yaml"


def latest_run(landmark: str, case: str, overrides: Sequence[str]) -> Run | None:
    """The last run of a case, however far it came; None if its config is not that of the case."""
    base = load_config(config_of(landmark), overrides)
    try:
        run = last_run(base.output, f"{base.name}_{case}")
    except UserError:
        return None
    return run if load_config(run.config, CASES[case][1]) == load_config(run.config) else None


def finished_run(landmark: str, case: str, overrides: Sequence[str]) -> Run | None:
    """The last run of a case if it was lifted and exported to its end."""
    run = latest_run(landmark, case, overrides)
    return run if run is not None and (run.folder / COST_FILE).is_file() else None


def lift_all(landmarks: Sequence[str], overrides: Sequence[str]) -> None:
    """Makes the lifts that are not there yet, one after the other: the controls last. One that fails stops no other."""
    for case in SHOWN:
        for landmark in landmarks:
            if finished_run(landmark, case, overrides) is None:
                try:
                    make_run(config_of(landmark), case, [*overrides, *CASES[case][1]])
                except SystemExit as error:
                    print(error)


def angle_accuracy(run: Run) -> str:
    """Exact and within one bin, percent, of the prior that a run was lifted from."""
    file = resolve_path(prior_of(lift_config(run))) / "validation.json"
    if not file.is_file():
        return "-"
    accuracy = json.loads(file.read_text(encoding="utf-8"))["accuracy"]
    return f"{100 * accuracy['exact']:.0f} / {100 * accuracy['within_one']:.0f}"


def verdict(landmark: str, figures: dict[str, MeshComparison], facts: ShapeFacts) -> str:
    """What a landmark's figures say, in a line. facts: of its true shape."""
    ours = figures["seed_0"]
    missed = [name for name, reached in goals_reached(ours, facts.sides_tell).items() if not reached]
    title = load_landmark(landmark).title
    said = f"- {title}: " + (f"misses {'; '.join(missed)}" if missed else "reaches every goal")
    for case in SHOWN[1:]:
        if case in figures and (lost := not_beaten(ours, figures[case])):
            said += f"; {CASES[case][0]}, it is no worse in {', '.join(lost)}"
    if not facts.sides_tell:
        said += f"; {facts.turns} turns leave the shape as it is, so that its sides say nothing"
    return said


def not_beaten(ours: MeshComparison, control: MeshComparison) -> list[str]:
    """The figures in which a control comes as close to the truth as ours, or closer."""
    better = {
        "IoU": control.iou >= ours.iou,
        "F 2 %": control.f_2 >= ours.f_2,
        "F 5 %": control.f_5 >= ours.f_5,
        "Chamfer": control.chamfer_m <= ours.chamfer_m,
        "the upper part": control.upper_m <= ours.upper_m,
    }
    return [name for name, lost in better.items() if lost]


def colors_of(run: Run, landmark: str) -> list[str]:
    """Contrast of a lift's colours over that of the truth's, and the distance of their chromaticities."""
    mesh, truth = exported(run, landmark), true_mesh(lift_config(run).validation.truth or landmark)
    low, high = (np.asarray(corner, float) for corner in load_landmark(landmark).own_volume)
    try:
        found = compare_colors(mesh, truth, low, high)
    except ValueError:  # nothing of it in the landmark's volume
        return ["-", "-"]
    return [f"{found.contrast:.2f}", f"{found.chromaticity:.3f}"]


def landmark_rows(landmark: str, runs: dict[str, Run]) -> tuple[list[list[str]], str]:
    """The rows of one landmark, and what they say."""
    figures, references, facts = compared(runs)
    title = load_landmark(landmark).title
    rows = []
    for case, run in runs.items():
        name = f"**{title}**" if case == "seed_0" else CASES[case][0]
        steps, seconds = str(lift_config(run).optim.steps), cost_of(run).cells()[0]
        angles = angle_accuracy(run) if case == "seed_0" else "-"
        rows.append([*figures[case].row(name), *colors_of(run, landmark), angles, steps, seconds])
    rows += [[*comparison.row(name), *["-"] * 5] for name, comparison in references[1:]]
    return rows, verdict(landmark, figures, facts)


def picture(runs: Sequence[Run], path: Path) -> None:
    """Colours and normals of each run's grid of pictures, one below the other."""
    strips = []
    for run in runs:
        grid, row = Image.open(next(run.export.glob("*.png"))), lift_config(run).export.picture_size
        labels = grid.height - 4 * row  # of the columns; below them colour, depth, normal, opacity
        strips += [
            grid.crop((0, top, grid.width, labels + end)) for top, end in ((0, row), (labels + 2 * row, 3 * row))
        ]
    sheet = Image.new("RGB", (max(strip.width for strip in strips), sum(strip.height for strip in strips)), "white")
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    sheet.thumbnail((ROW_PIXELS * 8, sheet.height))
    sheet.save(path, quality=85)


def report(landmarks: Sequence[str], overrides: Sequence[str]) -> str:
    """The page, of those landmarks whose lifts are there."""
    rows, said, pictured, controls = [], [], [], []
    for landmark in landmarks:
        found = {case: finished_run(landmark, case, overrides) for case in SHOWN}
        runs = {case: run for case, run in found.items() if run is not None}
        if "seed_0" not in runs:
            empty = latest_run(landmark, "seed_0", overrides) is not None
            reason = "the lift came out empty, so there is no mesh" if empty else "not lifted yet"
            said.append(f"- {load_landmark(landmark).title}: {reason}")
            continue
        its_rows, its_verdict = landmark_rows(landmark, runs)
        rows += its_rows
        said.append(its_verdict)
        pictured.append(runs["seed_0"])
        if len(runs) == len(SHOWN):
            picture(list(runs.values()), PICTURES / f"controls_{landmark}.jpg")
            controls.append(f"![{load_landmark(landmark).title}](pictures/controls_{landmark}.jpg)\n")
    if not pictured:
        raise SystemExit("no lift is there yet; --run makes them")
    picture(pictured, PICTURES / "results.jpg")
    colors = ["contrast of colours", "chromaticity distance"]
    header = [*HEADINGS, *colors, "prior: exact / within one bin %", "steps", "lifting s"]
    page = [INTRODUCTION.format(machine=machine()), table(header, rows), "", *said, ""]
    return "\n".join(page + ([CONTROLS, *controls] if controls else []))


def main() -> None:
    """Lifts where asked to, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true", help="make the lifts that are not there yet")
    parser.add_argument("--landmarks", nargs="+", choices=LANDMARKS, default=list(LANDMARKS), help="only these")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_intermixed_args()
    if given.run:
        lift_all(given.landmarks, given.overrides)
    text = report(given.landmarks, given.overrides)
    print(text)
    write_table("results", text, REPORT)


if __name__ == "__main__":
    main()
