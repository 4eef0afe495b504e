"""`--validate` of a lift: the exported mesh against the truth, where one is known."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from rich.console import Console
from rich.table import Table

from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import load_config
from gpslift.errors import UserError
from gpslift.export.formats import ENU_TO_GLTF
from gpslift.export.landmark import REPORT, last_export
from gpslift.geo.landmarks import load_landmark
from gpslift.metrics.mesh_truth import FIGURES, MeshComparison, markdown_table, references
from gpslift.runs import Run, chosen_run
from gpslift.schema.lift import LiftConfig
from gpslift.schema.refine import RefineConfig
from gpslift.storage import replace_text, saving
from systems import jobs

THIS_MESH = "exported mesh"
OWN_MESH = (
    "What symmetry a mesh file has is not known, so its sides are no goals: best yaw and 'mirrored' (east for west) "
    "say something only of a shape that turns and mirroring change. 'Upper' is here the whole shape."
)


def validate_lift(config: LiftConfig | RefineConfig) -> MeshComparison | None:
    """Compares the mesh of a run (`export.run`, or the last of this config) with the truth, where one is known.

    Exports the run first if it has no mesh yet. Prints a table, and writes validation.json and validation.md into the
    run folder. Returns the figures of the mesh.
    """
    from gpslift.procedural.truth import SHAPE_FACTS, comparison_with, truth_of

    run = chosen_run(config.export.run, config.output, config.name)
    landmark = load_landmark(load_config(run.config).landmark)
    known = truth_of(landmark, config.validation)
    console = Console()
    if known is None:
        console.print(
            f"the true shape of {landmark.name} is not known, so there is nothing to compare with; known are "
            f"{', '.join(SHAPE_FACTS)}; validation.truth may also name a mesh file"
        )
        return None
    truth, facts = known
    mesh = load_exported(run, landmark.name)
    if mesh is None:
        mesh = _exported_now(config, run, landmark.name)
    console.print(f"comparing {run.export} with the truth, and the truth turned, mirrored and revolved")
    comparison = comparison_with(truth, facts, landmark, config.seed)
    figures = comparison.compare(mesh)
    rows = [(THIS_MESH, figures), *references(comparison, truth)]
    console.print(_side_by_side(rows))
    goals = goals_reached(figures, facts.sides_tell)
    for name, reached in goals.items():
        console.print(f"{'reached' if reached else 'MISSED'}: {name}", highlight=False)
    remarks = [] if facts.symmetry_known else [OWN_MESH]
    for remark in remarks:
        console.print(remark, highlight=False)
    _write(run.folder, rows, goals, remarks)
    console.print(f"written: {run.folder / 'validation.json'}, {run.folder / 'validation.md'}", soft_wrap=True)
    return figures


def load_exported(run: Run, name: str) -> trimesh.Trimesh | None:
    """The mesh that `--export` made of a run's last checkpoint, in metres, x east, y north, z up; None without one."""
    report, checkpoints = run.export / REPORT, checkpoints_of(run.checkpoints)
    formats = ["ply", "obj", "glb"]
    if report.is_file():
        if checkpoints and checkpoints[-1].stat().st_mtime > report.stat().st_mtime:
            return None  # the run went on since
        written = last_export(report)
        formats = [suffix for suffix in formats if suffix in written]
    for suffix in formats:
        path = run.export / f"{name}.{suffix}"
        if path.is_file():
            mesh = trimesh.load(path, force="mesh")
            if suffix == "glb":
                mesh.apply_transform(np.linalg.inv(ENU_TO_GLTF))
            return mesh
    return None


def _exported_now(config: LiftConfig | RefineConfig, run: Run, name: str) -> trimesh.Trimesh:
    jobs.run(config, "export")
    mesh = load_exported(run, name)
    if mesh is None:
        raise UserError(f"{run.export} holds no mesh; set export.formats to glb, obj or ply and export again")
    return mesh


def goals_reached(figures: MeshComparison, sides_tell: bool = True) -> dict[str, bool]:
    """The goals that this project sets a lift with known truth, each with whether it is reached.

    sides_tell: whether the truth's sides can be told apart (`ShapeFacts.sides_tell`); if not they are no goals.
    """
    goals = {
        "silhouette IoU at least 0.85": figures.iou >= 0.85,
        "F-score at least 0.95 at 5 % of the diagonal": figures.f_5 >= 0.95,
        "F-score at least 0.75 at 2 % of the diagonal": figures.f_2 >= 0.75,
        "best scale within 4 %": round(abs(figures.best_scale - 1), 2) <= 0.04,
    }
    if sides_tell:
        goals["upper part closer to the truth than to it mirrored or turned by 10 degrees"] = figures.sides_right
        goals["best yaw within 3 degrees"] = abs(figures.best_yaw_deg) <= 3
    return goals


def _side_by_side(rows: Sequence[tuple[str, MeshComparison]]) -> Table:
    """The comparisons as columns, which fits a terminal."""
    table = Table("", *(name for name, _ in rows))
    for heading, text in FIGURES.items():
        table.add_row(heading, *(text(comparison) for _, comparison in rows))
    return table


def _write(
    folder: Path, rows: Sequence[tuple[str, MeshComparison]], goals: dict[str, bool], remarks: Sequence[str]
) -> None:
    figures = {name: _finite(asdict(comparison)) for name, comparison in rows}
    with saving(folder):
        replace_text(folder / "validation.json", json.dumps({"figures": figures, "goals": goals}, indent=2) + "\n")
        lines = [f"- {'reached' if reached else 'missed'}: {name}" for name, reached in goals.items()]
        paragraphs = [markdown_table(rows), "\n".join(lines), *remarks]
        replace_text(folder / "validation.md", "\n\n".join(paragraphs) + "\n")


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: null stands for the distance to nothing."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }
