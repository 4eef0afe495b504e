"""Colours of a mesh against the true mesh's, at nearest points of their outer surfaces, in the true frame."""

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gpslift.metrics.outer_surface import OVERSAMPLING, SurfaceSamples, visible_from_outside

SAMPLES = 40_000
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ColorComparison:
    """Root mean square distances of colours, RGB in [0, 1] with 1 the cube's edge, at points even by area.

    as_they_are: colours under even light against the truth's own colours. fitted: after one gain and one offset a
    channel, the least squares fit, as what light fell on the photos is free. explained: the share of the variance of
    the truth's colours that is left after taking off the square of `fitted`: 1 = the same but for light, 0 = no better
    than one colour for all. contrast: standard deviation of the colours over that of the truth's: below 1 = dull.
    """

    as_they_are: float
    fitted: float
    explained: float
    contrast: float

    def row(self, name: str) -> list[str]:
        """The cells that `COLUMNS` names."""
        return [name, f"{self.as_they_are:.3f}", f"{self.fitted:.3f}", f"{self.explained:.3f}", f"{self.contrast:.2f}"]


COLUMNS = ["mesh", "color distance", "after gain and offset", "variance explained", "contrast"]


def compare_colors(
    mesh: trimesh.Trimesh, truth: trimesh.Trimesh, low: Array, high: Array, seed: int = 0, count: int = SAMPLES
) -> ColorComparison:
    """Figures of `mesh`, which has vertex or face colours, against `truth`; in metres, cut to the box `low`, `high`.

    About `count` visible points of the truth are compared with the nearest of as many of the mesh.
    """
    places, wanted = colored_samples(truth, low, high, count, seed)
    found_places, found = colored_samples(mesh, low, high, count, seed + 1)
    if not len(places) or not len(found_places):
        raise ValueError("no visible surface inside the box")
    return compare(found[cKDTree(found_places.points).query(places.points)[1]], wanted)


def colored_samples(
    mesh: trimesh.Trimesh, low: Array, high: Array, count: int, seed: int
) -> tuple[SurfaceSamples, Array]:
    """About `count` points of the outer surface in the box, evenly by area, with their colours [N, 3] in [0, 1]."""
    reaches = np.all((mesh.triangles.max(1) >= low) & (mesh.triangles.min(1) <= high), axis=1)
    if not reaches.any():
        return SurfaceSamples(np.zeros((0, 3)), np.zeros((0, 3))), np.zeros((0, 3))
    weight = np.asarray(mesh.area_faces) * reaches
    points, faces = trimesh.sample.sample_surface(mesh, OVERSAMPLING * count, face_weight=weight, seed=seed)
    kept = np.all((points >= low) & (points <= high), axis=1)
    points, faces = np.asarray(points)[kept], np.asarray(faces)[kept]
    samples = SurfaceSamples(points, np.asarray(mesh.face_normals)[faces])
    visible = visible_from_outside(samples, mesh, low, high)
    colors = np.asarray(mesh.visual.face_colors)[faces, :3] / 255
    return samples[visible][:count], colors[visible][:count]


def compare(colors: Array, truth: Array) -> ColorComparison:
    """Figures of colours [N, 3] against true ones [N, 3]."""
    middle, true_middle = colors.mean(0), truth.mean(0)
    spread = ((colors - middle) ** 2).mean(0)
    gain = ((colors - middle) * (truth - true_middle)).mean(0) / np.maximum(spread, np.finfo(float).tiny)
    left = float(((true_middle + gain * (colors - middle) - truth) ** 2).sum(1).mean())
    variance = float(((truth - true_middle) ** 2).sum(1).mean())
    return ColorComparison(
        as_they_are=float(np.sqrt(((colors - truth) ** 2).sum(1).mean())),
        fitted=float(np.sqrt(left)),
        explained=1 - left / variance,
        contrast=float(np.sqrt(spread.sum() / variance)),
    )
