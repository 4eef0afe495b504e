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
    chromaticity: of colours divided by the sum of their channels, which shade and sunshine do not change, as they are.
    chromatic_contrast: standard deviation of those over the truth's.
    """

    as_they_are: float
    fitted: float
    explained: float
    contrast: float
    chromaticity: float
    chromatic_contrast: float

    def row(self, name: str) -> list[str]:
        """The cells that `COLUMNS` names."""
        distances = [f"{self.as_they_are:.3f}", f"{self.fitted:.3f}", f"{self.explained:.2f}", f"{self.contrast:.2f}"]
        return [name, *distances, f"{self.chromaticity:.3f}", f"{self.chromatic_contrast:.2f}"]


COLUMNS = [
    "mesh",
    "color distance",
    "after gain and offset",
    "variance explained",
    "contrast",
    "chromaticity distance",
    "chromatic contrast",
]
DARKEST = 1e-3
"""Sum of channels below which a colour has no chromaticity worth the name."""


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
    fitted = true_middle + gain * (colors - middle)
    hues, true_hues = (values / np.maximum(values.sum(1, keepdims=True), DARKEST) for values in (colors, truth))
    return ColorComparison(
        as_they_are=distance(colors, truth),
        fitted=distance(fitted, truth),
        explained=1 - (distance(fitted, truth) / deviation(truth)) ** 2,
        contrast=deviation(colors) / deviation(truth),
        chromaticity=distance(hues, true_hues),
        chromatic_contrast=deviation(hues) / max(deviation(true_hues), np.finfo(float).tiny),
    )


def distance(one: Array, other: Array) -> float:
    """Root mean square distance of colours [N, 3]."""
    return float(np.sqrt(((one - other) ** 2).sum(1).mean()))


def deviation(colors: Array) -> float:
    """Standard deviation of colours [N, 3]: their root mean square distance to their mean."""
    return distance(colors, colors.mean(0, keepdims=True))
