"""Lifts against the truth, and what a step of lifting is spent on. Writes docs/benchmarks.md.

compare finished lifts:       python -m benchmarks.lifting --seed-0 RUN --seed-1 RUN --dropped RUN --shuffled RUN
make them first, in turn:     python -m benchmarks.lifting --run [key=value ...] [--cases CASE ...]
the parts of a lifting step:  python -m benchmarks.lifting --profile [--steps N] [key=value ...]

RUN is a run folder of `launch.py`. Peak memory is known for runs made by `--run`, which notes it in the run folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import trimesh

from benchmarks.report import machine, table, write_table
from gpslift.config import REPOSITORY, load_config
from gpslift.export.landmark import REPORT
from gpslift.geo.landmarks import load_landmark
from gpslift.metrics.mesh_truth import HEADINGS, MeshComparison, TruthComparison, references
from gpslift.procedural.truth import ShapeFacts, comparison_with, truth_of
from gpslift.runs import Run, last_run, open_run
from gpslift.schema.lift import LiftConfig
from systems.memory import BYTES_OF_MAXRSS
from systems.validation.lift import goals_reached, load_exported

CASES = {
    "seed_0": ("seed 0", []),
    "seed_1": ("seed 1", ["seed=1"]),
    "dropped": ("azimuth dropped", ["guidance.place=dropped"]),
    "shuffled": ("azimuth shuffled", ["guidance.place=shuffled"]),
}
COST_FILE = "benchmark.json"


@dataclass(frozen=True)
class Cost:
    """What a run took: wall seconds of training and of export, and peak memory in GiB; None where not known."""

    train_seconds: float | None = None
    export_seconds: float | None = None
    peak_gib: float | None = None

    def cells(self) -> list[str]:
        """The cells of the table."""
        seconds = (self.train_seconds, self.export_seconds)
        shown = ["-" if value is None else f"{value:.0f}" for value in seconds]
        return [*shown, "-" if self.peak_gib is None else f"{self.peak_gib:.2f}"]


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Runs `launch.py` with these arguments; wall seconds and peak memory in GiB. Stops at the first that fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "launch.py", *command], cwd=REPOSITORY)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"launch.py {' '.join(command)} failed with status {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * BYTES_OF_MAXRSS / 2**30


def make_run(config_file: str, case: str, overrides: Sequence[str]) -> Run:
    """Lifts and exports one case, `overrides` with its own among them, and notes in its run folder what that took."""
    base = load_config(config_file, overrides)
    command = ["--config", config_file, *overrides, f"name={base.name}_{case}"]
    train_seconds, peak_gib = timed([*command, "--train"])
    export_seconds, export_gib = timed([*command, "--export"])
    run = last_run(base.output, f"{base.name}_{case}")
    cost = {"train_seconds": train_seconds, "export_seconds": export_seconds, "peak_gib": max(peak_gib, export_gib)}
    (run.folder / COST_FILE).write_text(json.dumps(cost), encoding="utf-8")
    return run


def cost_of(run: Run) -> Cost:
    """From benchmark.json, else from the times that the run has noted; of a resumed run, the export's alone."""
    noted, report = run.folder / COST_FILE, run.export / REPORT
    starts = json.loads((run.folder / "versions.json").read_text(encoding="utf-8"))
    status = json.loads(run.status.read_text(encoding="utf-8"))
    seconds = json.loads(report.read_text(encoding="utf-8"))["seconds"] if report.is_file() else None
    if len(starts) > 1 or status["state"] != "finished":
        return Cost(export_seconds=seconds)
    if noted.is_file():
        return Cost(**json.loads(noted.read_text(encoding="utf-8")))
    start, end = (datetime.fromisoformat(entry["time"]) for entry in (starts[0], status))
    return Cost((end - start).total_seconds(), seconds)


def exported(run: Run, landmark: str) -> trimesh.Trimesh:
    """The mesh of a run; ends the program with advice where there is none."""
    mesh = load_exported(run, landmark)
    if mesh is None:
        raise SystemExit(f"{run.folder} has no mesh of its last checkpoint; run launch.py --export on it first")
    return mesh


def against_truth(config: LiftConfig) -> tuple[TruthComparison, trimesh.Trimesh, ShapeFacts]:
    """How the meshes of a config's lifts are compared with the truth, the truth itself, and what is known of it."""
    landmark = load_landmark(config.landmark)
    known = truth_of(landmark, config.validation)
    if known is None:
        raise SystemExit(f"the true shape of {landmark.name} is not known, so there is nothing to compare with")
    truth, facts = known
    return comparison_with(truth, facts, landmark), truth, facts


def compared(runs: dict[str, Run]) -> tuple[dict[str, MeshComparison], list[tuple[str, MeshComparison]], ShapeFacts]:
    """The figures of runs of one landmark, by case, and those of the truth turned and so on; what is known of it."""
    config = lift_config(next(iter(runs.values())))
    comparison, truth, facts = against_truth(config)
    name = load_landmark(config.landmark).name
    figures = {case: comparison.compare(exported(run, name)) for case, run in runs.items()}
    return figures, references(comparison, truth), facts


def compare(runs: dict[str, Run]) -> str:
    """The table, with the goals that the first two rows reach or miss."""
    config = lift_config(next(iter(runs.values())))
    figures, truths, facts = compared(runs)
    rows, goals = [], []
    for case, run in runs.items():
        steps = str(lift_config(run).optim.steps)
        rows.append([*figures[case].row(f"**{CASES[case][0]}**"), steps, *cost_of(run).cells()])
        goals += goal_lines(case, figures[case], facts.sides_tell)
    rows += [[*comparison.row(name), "-", "-", "-", "-"] for name, comparison in truths]
    header = [*HEADINGS, "steps", "lifting s", "export s", "peak GiB"]
    return heading(load_landmark(config.landmark).title, config) + table(header, rows) + "\n\n" + "\n".join(goals)


def heading(title: str, config: LiftConfig) -> str:
    """Title and explanation of the table."""
    return (
        "## Lifting\n\n"
        f"{title}: exported meshes against the true one, in the true frame, without alignment, both cut to the "
        f"landmark's own volume; objective `{config.guidance.objective}`. Chamfer distances in metres; upper: the part "
        "above the pedestal, compared with the truth's, with the truth's mirror image and with the truth turned by 10 "
        "degrees either way. Yaw contrast: Chamfer distance at the worst yaw over that at the best. Below the lifts "
        f"stands what the same figures say of the truth itself, turned, mirrored and revolved. Seconds: wall time of "
        f"each lift and export as it was made; compared on {machine()}. Written by "
        "`python -m benchmarks.lifting`.\n\n"
    )


def goal_lines(case: str, figures: MeshComparison, sides_tell: bool) -> list[str]:
    """For the lifts that are no controls: which goals are reached. sides_tell: as of `goals_reached`."""
    if not case.startswith("seed"):
        return []
    missed = [name for name, reached in goals_reached(figures, sides_tell).items() if not reached]
    return [f"- {CASES[case][0]}: " + (f"misses {'; '.join(missed)}" if missed else "reaches every goal")]


def lift_config(run: Run) -> LiftConfig:
    """The config of a lift's run folder."""
    config = load_config(run.config)
    if not isinstance(config, LiftConfig):
        raise SystemExit(f"{run.folder} is a run of system={config.system}, not of a lift")
    return config


def profile(config_file: str, overrides: Sequence[str], steps: int) -> str:
    """The table of a step's parts, measured over a whole lift of `steps` steps."""
    from benchmarks.lifting_step import profile_lift

    with tempfile.TemporaryDirectory() as folder:
        config = load_config(config_file, [*overrides, f"optim.steps={steps}", f"output={folder}"])
        assert isinstance(config, LiftConfig)
        rows = profile_lift(config)
    guidance, optim = config.guidance, config.optim
    return (
        "## A step of lifting\n\n"
        f"Means over a whole lift of {steps} steps, the first one left out; objective `{guidance.objective}`"
        f"{f', one target for {guidance.reuse} steps' if guidance.objective == 'multistep' else ''}, "
        f"{optim.batch_size} cameras a step, renders of {' then '.join(map(str, optim.resolutions))} pixels. "
        f"{machine()}. Written by `python -m benchmarks.lifting --profile`.\n\n"
        + table(["part", "seconds a step", "share"], rows)
    )


def main() -> None:
    """Compares, or measures; prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/statue_of_liberty.yaml", metavar="FILE")
    parser.add_argument("--run", action="store_true", help="make the four lifts, one after the other, equally long")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="with --run: only these")
    parser.add_argument("--profile", action="store_true", help="measure the parts of a lifting step instead")
    parser.add_argument("--steps", type=int, default=200, help="length of the lift that --profile measures")
    for case, (title, _) in CASES.items():
        parser.add_argument(f"--{case.replace('_', '-')}", metavar="RUN", help=f"run folder of the lift: {title}")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_intermixed_args()
    if given.profile:
        section, text = "lifting_step", profile(given.config, given.overrides, given.steps)
    else:
        named = {case: getattr(given, case) for case in CASES}
        runs = {case: open_run(folder) for case, folder in named.items() if folder}
        if given.run:
            runs = {case: make_run(given.config, case, [*given.overrides, *CASES[case][1]]) for case in given.cases}
        if not runs:
            parser.error("name the run folders, or say --run or --profile")
        section, text = "lifting", compare(runs)
    print(text)
    write_table(section, text)


if __name__ == "__main__":
    main()
