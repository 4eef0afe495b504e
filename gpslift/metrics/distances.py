"""How far two sampled surfaces are apart. Sets of samples may be empty: nothing is infinitely far from everything."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gpslift.metrics.outer_surface import SurfaceSamples


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances from each sample of one surface to the nearest of the other, and the cosines of the normals there.

    forward, forward_cosine: [N], of the first surface's samples. backward, backward_cosine: [M], of the second's.
    """

    forward: NDArray[np.float64]
    backward: NDArray[np.float64]
    forward_cosine: NDArray[np.float64]
    backward_cosine: NDArray[np.float64]

    @property
    def chamfer(self) -> float:
        """Mean of the two directions' mean distances, in the samples' unit; inf if a surface is empty."""
        if not len(self.forward) or not len(self.backward):
            return float("inf")
        return float(self.forward.mean() + self.backward.mean()) / 2

    def f_score(self, threshold: float) -> float:
        """Harmonic mean of the shares of both surfaces within `threshold` of the other (Knapitsch et al. 2017)."""
        if not len(self.forward) or not len(self.backward):
            return 0.0
        precision, recall = float((self.forward <= threshold).mean()), float((self.backward <= threshold).mean())
        return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)

    @property
    def normal_consistency(self) -> float:
        """Mean absolute cosine between normals of nearest samples, over both directions (Mescheder et al. 2019)."""
        if not len(self.forward) or not len(self.backward):
            return 0.0
        return float(np.abs(self.forward_cosine).mean() + np.abs(self.backward_cosine).mean()) / 2


def surface_distances(one: SurfaceSamples, other: SurfaceSamples) -> SurfaceDistances:
    """Distances and normals both ways between two sets of samples."""
    if not len(one) or not len(other):
        nothing, endless = np.zeros(0), np.full(len(one), np.inf)
        return SurfaceDistances(endless, np.full(len(other), np.inf), np.zeros(len(one)), nothing)
    forward, nearest_other = cKDTree(other.points).query(one.points)
    backward, nearest_one = cKDTree(one.points).query(other.points)
    return SurfaceDistances(
        forward,
        backward,
        (one.normals * other.normals[nearest_other]).sum(1),
        (other.normals * one.normals[nearest_one]).sum(1),
    )


def chamfer(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Chamfer distance of point sets [N, 3], [M, 3]: mean of both directions' mean distances; inf if one is empty."""
    if not len(one) or not len(other):
        return float("inf")
    forward, backward = cKDTree(other).query(one)[0], cKDTree(one).query(other)[0]
    return float(forward.mean() + backward.mean()) / 2
