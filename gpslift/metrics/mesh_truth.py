"""A mesh against the true one, in the true frame and without any alignment; metres, x east, y north, z up."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from gpslift.export.views import framing_cameras, ring
from gpslift.metrics.distances import chamfer, surface_distances
from gpslift.metrics.outer_surface import SurfaceSamples, cut_to_box, sample_outer_surface
from gpslift.metrics.raster import rasterise
from gpslift.metrics.silhouettes import silhouette_iou, silhouettes

SAMPLES, SEARCH_SAMPLES, YAW_SAMPLES = 40_000, 10_000, 6_000
VIEWS, VIEW_SIZE, VIEW_ELEVATION_DEG = 24, 192, 10.0
SCALES = np.round(np.arange(0.80, 1.2501, 0.01), 2)
TURN_DEG, COARSE_YAW_DEG = 10.0, 5
Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeshComparison:
    """Figures of one mesh against the truth, both cut to the landmark's own volume.

    iou: mean silhouette IoU. f_2, f_5: F-score at 2 % and 5 % of the cut truth's diagonal, `diagonal_m`. chamfer_m:
    mean of both directions. normal_consistency: mean absolute cosine of the normals of nearest samples.
    upper_*_m: Chamfer of the part above `upper_from_m` to the truth's, to the truth mirrored across the vertical plane
    of `mirror_deg`, and to the truth turned by 10 degrees counter-clockwise (back) and clockwise.
    best_yaw_deg: by how much the upper part has to be turned clockwise to fit best, in (-180, 180], or of a truth
    that is the same after a part of a full circle, in that part about 0. yaw_contrast: Chamfer at the
    worst yaw over that at the best: 1 = symmetric. best_scale: the scale, about the ground at the landmark's centre, at
    which the mesh fits best.
    """

    iou: float
    f_2: float
    f_5: float
    chamfer_m: float
    normal_consistency: float
    upper_m: float
    upper_mirrored_m: float
    upper_turned_back_m: float
    upper_turned_m: float
    best_yaw_deg: float
    yaw_contrast: float
    best_scale: float
    diagonal_m: float
    upper_from_m: float

    @property
    def sides_right(self) -> bool:
        """Whether the upper part is closer to the truth than to its mirror image and to the truth turned either way."""
        return self.upper_m < min(self.upper_mirrored_m, self.upper_turned_back_m, self.upper_turned_m)

    def row(self, name: str) -> list[str]:
        """The cells below `HEADINGS`."""
        return [name, *(text(self) for text in FIGURES.values())]


def metres(distance: float) -> str:
    """A distance to two digits; `none` of what has no surface there."""
    return f"{distance:.2f}" if math.isfinite(distance) else "none"


FIGURES: dict[str, Callable[[MeshComparison], str]] = {
    "IoU": lambda figures: f"{figures.iou:.3f}",
    "F 2 %": lambda figures: f"{figures.f_2:.3f}",
    "F 5 %": lambda figures: f"{figures.f_5:.3f}",
    "Chamfer m": lambda figures: metres(figures.chamfer_m),
    "normals": lambda figures: f"{figures.normal_consistency:.3f}",
    "upper: to truth m": lambda figures: metres(figures.upper_m),
    "to mirrored": lambda figures: metres(figures.upper_mirrored_m),
    "to turned -10°": lambda figures: metres(figures.upper_turned_back_m),
    "to turned +10°": lambda figures: metres(figures.upper_turned_m),
    "best yaw °": lambda figures: f"{figures.best_yaw_deg:+.0f}",
    "yaw contrast": lambda figures: f"{figures.yaw_contrast:.2f}",
    "best scale": lambda figures: f"{figures.best_scale:.2f}",
}
"""A table's columns, in order: each heading with what makes its cell of a comparison."""
HEADINGS = ["mesh", *FIGURES]


def markdown_table(rows: Sequence[tuple[str, MeshComparison]]) -> str:
    """A markdown table of comparisons, each with its name."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(comparison.row(name) for name, comparison in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rotation(yaw_deg: float) -> Array:
    """The turn by `yaw_deg` degrees clockwise seen from above, [3, 3]: azimuths grow by it."""
    cos, sin = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    return np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])


def reflection(mirror_deg: float) -> Array:
    """The reflection across the vertical plane through the origin and the azimuth `mirror_deg`, [3, 3]."""
    across = np.array([np.cos(np.deg2rad(mirror_deg)), -np.sin(np.deg2rad(mirror_deg)), 0])
    return np.eye(3) - 2 * np.outer(across, across)


class TruthComparison:
    """Compares meshes with one truth; what is drawn from the truth is drawn once.

    own_volume: lower and upper corner of the box that both are cut to, metres. mirror_deg: azimuth of the vertical
    plane to mirror across. upper_from_m: the height above which the landmark is far from a solid of revolution. turns:
    how many turns in a full circle leave it as it is.
    """

    def __init__(
        self,
        truth: trimesh.Trimesh,
        own_volume: tuple[Sequence[float], Sequence[float]],
        mirror_deg: float,
        upper_from_m: float,
        turns: int = 1,
        seed: int = 0,
    ) -> None:
        self.low, self.high = np.asarray(own_volume[0], float), np.asarray(own_volume[1], float)
        self.mirror_deg, self.upper_from_m, self.turns, self.seed = mirror_deg, upper_from_m, turns, seed
        self.cameras = framing_cameras(self.low, self.high, ring(VIEWS), VIEW_ELEVATION_DEG, VIEW_SIZE)
        self.truth = cut_to_box(truth, self.low, self.high)
        self.diagonal = float(np.linalg.norm(self.truth.extents))
        self.silhouettes = silhouettes(self.truth, self.cameras)
        self.samples = sample_outer_surface(truth, self.low, self.high, SAMPLES, seed)
        self.upper = self._upper(truth, seed + 2)

    def compare(self, mesh: trimesh.Trimesh) -> MeshComparison:
        """All figures of `mesh`. Its samples are drawn independently of the truth's."""
        wide_low, wide_high = self._widened()
        wide = sample_outer_surface(mesh, wide_low, wide_high, SAMPLES, self.seed + 1)
        distances = surface_distances(wide.inside(self.low, self.high), self.samples)
        upper = self._upper(mesh, self.seed + 3)
        mirrored = self.upper.points @ reflection(self.mirror_deg).T
        best_yaw, yaw_contrast = self._yaw_search(upper)
        return MeshComparison(
            iou=self._iou(mesh),
            f_2=distances.f_score(0.02 * self.diagonal),
            f_5=distances.f_score(0.05 * self.diagonal),
            chamfer_m=distances.chamfer,
            normal_consistency=distances.normal_consistency,
            upper_m=self._upper_chamfer(upper, np.eye(3)),
            upper_mirrored_m=chamfer(upper.points, mirrored),
            upper_turned_back_m=self._upper_chamfer(upper, rotation(-TURN_DEG)),
            upper_turned_m=self._upper_chamfer(upper, rotation(TURN_DEG)),
            best_yaw_deg=best_yaw,
            yaw_contrast=yaw_contrast,
            best_scale=self._best_scale(wide),
            diagonal_m=self.diagonal,
            upper_from_m=self.upper_from_m,
        )

    def _iou(self, mesh: trimesh.Trimesh) -> float:
        outlines = silhouettes(cut_to_box(mesh, self.low, self.high), self.cameras)
        return float(silhouette_iou(outlines, self.silhouettes).mean())

    def _upper(self, mesh: trimesh.Trimesh, seed: int) -> SurfaceSamples:
        low = np.array([self.low[0], self.low[1], self.upper_from_m])
        return sample_outer_surface(mesh, low, self.high, SAMPLES, seed)

    def _upper_chamfer(self, upper: SurfaceSamples, truth_turn: Array) -> float:
        return chamfer(upper.points, self.upper.points @ truth_turn.T)

    def _yaw_search(self, upper: SurfaceSamples) -> tuple[float, float]:
        """The best yaw and the yaw contrast: every 5 degrees, then every degree about best and worst."""
        fits: dict[int, float] = {}
        self._try_yaws(upper, range(0, 360, COARSE_YAW_DEG), fits)
        for extreme in (min(fits, key=fits.__getitem__), max(fits, key=fits.__getitem__)):
            self._try_yaws(upper, range(extreme - COARSE_YAW_DEG + 1, extreme + COARSE_YAW_DEG), fits)
        best, worst = min(fits, key=fits.__getitem__), max(fits.values())
        contrast = worst / fits[best] if np.isfinite(worst) else 1.0
        circle = 360 / self.turns
        return (best % circle if best % circle <= circle / 2 else best % circle - circle), float(contrast)

    def _try_yaws(self, upper: SurfaceSamples, yaws: Iterable[int], fits: dict[int, float]) -> None:
        """Turning the mesh clockwise by a yaw, or the truth counter-clockwise by it, gives the same distance."""
        few, truth = upper.points[:YAW_SAMPLES], self.upper.points[:YAW_SAMPLES]
        for yaw in yaws:
            if yaw % 360 not in fits:
                fits[yaw % 360] = chamfer(few, truth @ rotation(-yaw).T)

    def _widened(self) -> tuple[Array, Array]:
        """The box that holds whatever some scale brings into the own volume."""
        corners = np.stack([bound / scale for bound in (self.low, self.high) for scale in (1.0, SCALES[0], SCALES[-1])])
        return corners.min(0), corners.max(0)

    def _best_scale(self, wide: SurfaceSamples) -> float:
        """Scaled first, then cut, so that the cut is the same for every scale."""
        chosen, truth = wide[:SEARCH_SAMPLES], self.samples.points[:SEARCH_SAMPLES]
        fits = [
            chamfer(chosen.transformed(scale * np.eye(3)).inside(self.low, self.high).points, truth) for scale in SCALES
        ]
        return float(SCALES[int(np.argmin(fits))])


def references(comparison: TruthComparison, truth: trimesh.Trimesh) -> list[tuple[str, MeshComparison]]:
    """What the figures say of the truth itself, turned, mirrored and turned into a solid of revolution."""
    return [(name, comparison.compare(mesh)) for name, mesh in reference_meshes(comparison, truth)]


def reference_meshes(comparison: TruthComparison, truth: trimesh.Trimesh) -> list[tuple[str, trimesh.Trimesh]]:
    """The meshes of `references`, each with its name."""
    return [
        ("truth against itself", truth),
        ("truth turned by 10°", _transformed(truth, rotation(TURN_DEG))),
        ("truth turned by 180°", _transformed(truth, rotation(180.0))),
        ("truth mirrored", _transformed(truth, reflection(comparison.mirror_deg))),
        ("truth revolved", solid_of_revolution(comparison.truth, comparison.low, comparison.high)),
    ]


def _transformed(mesh: trimesh.Trimesh, linear: Array) -> trimesh.Trimesh:
    faces = mesh.faces if np.linalg.det(linear) > 0 else mesh.faces[:, ::-1]
    return trimesh.Trimesh(mesh.vertices @ linear.T, faces, process=False)


def solid_of_revolution(mesh: trimesh.Trimesh, low: Array, high: Array, slices: int = 200) -> trimesh.Trimesh:
    """The solid round the z axis whose radius at each height is half the mean width of the mesh's silhouettes there."""
    height = (high[2] - low[2]) / slices
    columns = int(np.ceil(2 * np.hypot(high[0] - low[0], high[1] - low[1]) / height))
    widths = np.zeros(slices)
    for azimuth in ring(VIEWS):
        turned = mesh.vertices @ rotation(azimuth).T
        screen = np.column_stack([turned[:, 0] / height + columns / 2, (high[2] - turned[:, 2]) / height, turned[:, 1]])
        widths += np.isfinite(rasterise(screen, mesh.faces, slices, columns)).sum(1) * height / VIEWS
    heights = high[2] - (np.arange(slices) + 0.5) * height
    filled = widths > 0
    radius, level = widths[filled][::-1] / 2, heights[filled][::-1]
    profile = np.column_stack([np.r_[0, radius, 0], np.r_[level[0] - height / 2, level, level[-1] + height / 2]])
    return trimesh.creation.revolve(profile, sections=96)
