"""Objectives and timestep schedules compared on a landmark of known shape. Writes docs/benchmarks.md.

lift each in turn, equally many steps:   python -m benchmarks.objectives [key=value ...] --steps 300 [--cases CASE ...]
compare lifts that are there already:    python -m benchmarks.objectives --run sds=FOLDER --run ism=FOLDER

Steps are those of the NeRF; what they took is beside them.
"""

import argparse
from collections.abc import Sequence

from benchmarks.lifting import against_truth, cost_of, lift_config, make_run
from benchmarks.report import machine, table, write_table
from gpslift.geo.landmarks import load_landmark
from gpslift.metrics.mesh_truth import HEADINGS, TruthComparison, references
from gpslift.runs import Run, open_run
from systems.validation.lift import load_exported

ALONE = ["finish.share=0"]
"""Multi-step targets to the end."""
OBJECTIVES = {
    "finished": ("multi-step, finished variationally (default)", []),
    "finished_sds": (
        "multi-step, finished by score distillation",
        ["finish.objective=sds"],
    ),
    "multistep": ("multi-step", ALONE),
    "multistep_sqrt": ("multi-step, square root", [*ALONE, "guidance.schedule=sqrt"]),
    "multistep_constant": ("multi-step, constant", [*ALONE, "guidance.schedule=constant"]),
    "sds": ("score distillation", ["guidance.objective=sds"]),
    "sds_sqrt": (
        "score distillation, square root",
        ["guidance.objective=sds", "guidance.schedule=sqrt"],
    ),
    "ism": ("interval score matching", ["guidance.objective=ism"]),
    "vsd": (
        "variational",
        ["guidance.objective=vsd", "guidance.adapter_warmup=0.25"],
    ),
}
"""What each row changes in the config."""


def compare(runs: dict[str, Run], steps: str) -> tuple[str, str]:
    """The section of the report and the table of lifts that were exported; each landmark has a section of its own."""
    first = lift_config(next(iter(runs.values())))
    landmark = load_landmark(first.landmark)
    comparison, truth, _ = against_truth(first)
    rows = [row_of(comparison, case, run, landmark.name) for case, run in runs.items()]
    rows += [[*figures.row(name), "-", "-", "-"] for name, figures in references(comparison, truth)]
    text = (
        f"### {landmark.title}\n\n"
        f"As in the table of lifting, with other objectives and timestep schedules, {steps} steps each. "
        "Score distillation and interval score matching at guidance 4, variational at 1.5 with a quarter of the steps "
        "in which its adapters only learn. One seed. "
        f"{machine()}. Written by `python -m benchmarks.objectives`.\n\n"
    )
    return f"objectives_{landmark.name}", text + table([*HEADINGS, "steps", "lifting s", "peak GiB"], rows)


def row_of(comparison: TruthComparison, case: str, run: Run, landmark: str) -> list[str]:
    """The table's row of a lift; of one that left no mesh, dashes."""
    lifting, _, peak = cost_of(run).cells()
    cost = [str(lift_config(run).optim.steps), lifting, peak]
    mesh = load_exported(run, landmark)
    if mesh is None:
        return [f"**{OBJECTIVES[case][0]}**", *["-"] * (len(HEADINGS) - 1), *cost]
    return [*comparison.compare(mesh).row(f"**{OBJECTIVES[case][0]}**"), *cost]


def named_run(text: str) -> tuple[str, Run]:
    """`case=FOLDER` as (case, run)."""
    case, _, folder = text.partition("=")
    if case not in OBJECTIVES:
        raise SystemExit(f"--run {text}: {case} is none of {', '.join(OBJECTIVES)}")
    return case, open_run(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Lifts, or takes the lifts that are there; prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/statue_of_liberty.yaml", metavar="FILE")
    parser.add_argument("--steps", type=int, default=300, help="optimiser steps of each lift")
    parser.add_argument("--cases", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES))
    parser.add_argument("--run", action="append", default=[], metavar="CASE=FOLDER", help="a finished, exported lift")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_intermixed_args(arguments)
    runs = dict(map(named_run, given.run))
    if not runs:
        shared = [f"optim.steps={given.steps}", *given.overrides]
        runs = {case: make_run(given.config, case, [*shared, *OBJECTIVES[case][1]]) for case in given.cases}
    steps = ", ".join(sorted({str(lift_config(run).optim.steps) for run in runs.values()}))
    section, text = compare(runs, steps)
    print(text)
    write_table(section, text)


if __name__ == "__main__":
    main()
