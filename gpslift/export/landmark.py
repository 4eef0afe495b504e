"""The whole export of a landmark: mesh files in metres, where they stand, picture grid, turntable."""

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from gpslift.export.cleanup import Removed, cleaned
from gpslift.export.formats import write_meshes
from gpslift.export.georeference import write_place
from gpslift.export.level import LevelChoice, choose_level
from gpslift.export.pictures import write_picture_grid, write_turntable
from gpslift.export.surface import DensityGrid, empty_field_error, extract_surface, sample_grid
from gpslift.export.texture import import_xatlas, make_texture
from gpslift.export.tileset import write_tileset
from gpslift.export.views import RenderFunction, standing_box
from gpslift.geo.landmarks import Landmark
from gpslift.schema.export import ExportConfig
from gpslift.storage import replace_text, saving

LOG = logging.getLogger(__name__)
REPORT = "export.json"
COLOR_CHUNK = 2**17


@dataclass(frozen=True)
class Surface:
    """A landmark's mesh in world units, the density that it was cut at, and what was cleaned away."""

    mesh: trimesh.Trimesh
    choice: LevelChoice
    removed: Removed


@dataclass(frozen=True)
class ExportReport:
    """What an export made.

    paths: of each mesh format, of a textured OBJ's 'material' and 'texture', of 'georeference', 'placemark', 'tileset'
    (if there is a GLB to show), 'pictures', 'turntable' and 'report'. gone: files of the export before, which this one
    did not write anew and removed: they are of another mesh.
    """

    paths: dict[str, Path]
    gone: list[str]
    level: float
    level_table: list[tuple[float, float]]
    level_explanation: str
    vertices: int
    faces: int
    watertight: bool
    size_m: tuple[float, float, float]
    removed: Removed
    seconds: float

    def summary(self) -> list[str]:
        """The report in words, a line for each subject."""
        closed = "watertight" if self.watertight else "not watertight"
        size = " x ".join(f"{side:.1f}" for side in self.size_m)
        return [
            self.level_explanation,
            f"mesh: {self.faces} faces, {closed}, {size} m; {self.removed}",
            *(f"{name}: {path}" for name, path in self.paths.items()),
            *([f"removed, as it was of the export before: {', '.join(self.gone)}"] if self.gone else []),
            f"export took {self.seconds:.0f} s",
        ]


def export_landmark(
    density: Callable[[Tensor], Tensor],
    color: Callable[[Tensor], Tensor],
    render: RenderFunction,
    landmark: Landmark,
    config: ExportConfig,
    folder: Path,
    render_normals: RenderFunction | None = None,
) -> ExportReport:
    """Writes the landmark's mesh, its place on the globe, and pictures into `folder`: `find_surface`, `write_landmark`.

    UserError for an empty or broken field.
    """
    start = time.perf_counter()
    if config.texture:
        import_xatlas()  # or an error before the work
    surface = find_surface(density, render, landmark, config)
    return write_landmark(surface, color, render, landmark, config, folder, render_normals, start)


def find_surface(
    density: Callable[[Tensor], Tensor], render: RenderFunction, landmark: Landmark, config: ExportConfig
) -> Surface:
    """The landmark's mesh: the field's surface, cleaned and within the budget of faces.

    density: points [N, 3] in world units -> [N], 0 or more. render: cameras -> object with opacity [B, H, W]. Points
    and cameras are CPU tensors; answers may lie on any device. Ground below z = 0 is cut away and the base closed
    there. UserError for an empty or broken field.
    """
    low, high = (landmark.box_min[0], landmark.box_min[1], max(landmark.box_min[2], 0.0)), landmark.box_max
    grid = sample_grid(density, low, high, config.resolution)
    choice = _level(grid, render, low, high, config.level)
    raw = extract_surface(grid, choice.level)
    mesh, removed = cleaned(raw, config.faces, config.floater_share, low[2], high[2] - low[2])
    if not len(mesh.faces):
        raise empty_field_error(f"at density level {choice.level:.4g} only floaters remain", *grid.range)
    return Surface(mesh, choice, removed)


def write_landmark(
    surface: Surface,
    color: Callable[[Tensor], Tensor],
    render: RenderFunction,
    landmark: Landmark,
    config: ExportConfig,
    folder: Path,
    render_normals: RenderFunction | None = None,
    start: float | None = None,
) -> ExportReport:
    """Writes a landmark's mesh, its place on the globe, and pictures into `folder`.

    color: points [N, 3] in world units -> sRGB [N, 3] in [0, 1]. render: cameras -> object with color and background
    [B, H, W, 3], opacity, depth [B, H, W]. render_normals: the same with normal [B, H, W, 3], called for the picture
    grid alone, as normals cost several times the rest; None = `render` gives them. start: when the export began, by
    `time.perf_counter`; None = now. Points and cameras are CPU tensors; answers may lie on any device.
    """
    start = time.perf_counter() if start is None else start
    mesh = surface.mesh
    colors_at = partial(_colors_at, color)
    colors = colors_at(mesh.vertices)
    texture = make_texture(mesh, colors_at, config.texture_size) if config.texture else None
    metres = trimesh.Trimesh(mesh.vertices * landmark.half_extent_m, mesh.faces, process=False)
    with saving(folder):
        paths = write_meshes(metres, colors, landmark.name, config.formats, folder, texture)
        LOG.info("mesh of %d faces written; %s", len(metres.faces), surface.removed)
        paths |= write_place(landmark, config.formats, float(metres.extents.max()), folder)
        if "glb" in paths:
            paths["tileset"] = write_tileset(metres, landmark, paths["glb"])
        paths |= _write_pictures(render, render_normals or render, mesh, landmark.name, config, folder)
        gone = _remove_others_of_last_export(folder / REPORT, set(paths.values()))
        return _report(paths, gone, surface, metres, folder / REPORT, time.perf_counter() - start)


def last_export(report: Path) -> dict[str, Path]:
    """What the export with that report wrote beside it, by kind; nothing where there is no report, or a damaged one."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        paths = json.loads(report.read_text(encoding="utf-8"))["paths"]
        return {kind: report.with_name(Path(name).name) for kind, name in paths.items()}
    return {}


def _remove_others_of_last_export(report: Path, written: set[Path]) -> list[str]:
    """Removes what the export before this one wrote beside its report and this one did not; returns the names."""
    others = sorted(path for path in set(last_export(report).values()) - written - {report} if path.exists())
    for path in others:
        path.unlink()
    return [path.name for path in others]


def _write_pictures(
    render: RenderFunction,
    render_normals: RenderFunction,
    mesh: trimesh.Trimesh,
    name: str,
    config: ExportConfig,
    folder: Path,
) -> dict[str, Path]:
    """Pictures that the mesh fills, which leaves much of the landmark's box empty."""
    (low, high), size, behind = standing_box(mesh.vertices), config.picture_size, config.background
    grid, film = (folder / f"{name}.{suffix}" for suffix in ("png", "mp4"))
    return {
        "pictures": write_picture_grid(render_normals, low, high, size, grid, behind),
        "turntable": write_turntable(render, low, high, size, config.turntable_frames, film, behind),
    }


def _level(grid: DensityGrid, render: RenderFunction, low: Any, high: Any, level: float) -> LevelChoice:
    if level > 0:
        return LevelChoice(level, [], f"density level {level:.4g}: set by export.level")
    return choose_level(grid, render, low, high)


def _colors_at(color: Callable[[Tensor], Tensor], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The field's colours [N, 3] at points [N, 3], asked for in chunks."""
    parts = torch.from_numpy(np.asarray(points, np.float32)).split(COLOR_CHUNK)
    with torch.no_grad():
        return np.concatenate([color(part).double().cpu().numpy() for part in parts])


def _report(
    paths: dict[str, Path], gone: list[str], surface: Surface, mesh: trimesh.Trimesh, path: Path, seconds: float
) -> ExportReport:
    choice = surface.choice
    width, depth, height = (float(side) for side in mesh.extents)
    report = ExportReport(
        paths={**paths, "report": path},
        gone=gone,
        level=choice.level,
        level_table=choice.table,
        level_explanation=choice.explanation,
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        watertight=bool(mesh.is_watertight),
        size_m=(width, depth, height),
        removed=surface.removed,
        seconds=seconds,
    )
    plain = asdict(report) | {"paths": {name: item.name for name, item in report.paths.items()}}
    replace_text(path, json.dumps(plain, indent=2) + "\n")
    return report
