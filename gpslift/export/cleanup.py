"""From a raw surface to a mesh worth keeping: floaters and cavities removed, simplified to a face budget."""

from dataclasses import dataclass

import fast_simplification
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gpslift.export.manifold import separate_sheets

GROUND_SHARE = 0.05
BUDGET_USED = 0.98  # the rest is kept for the faces that taking sheets apart adds


@dataclass(frozen=True)
class Removed:
    """What was taken away: how many floaters and cavities, and their share of the mesh's area, in [0, 1]."""

    floaters: int = 0
    cavities: int = 0
    area_share: float = 0.0

    def __add__(self, later: "Removed") -> "Removed":
        """This and what was taken away after it; shares of nearly the same area add up."""
        area_share = self.area_share + later.area_share
        return Removed(self.floaters + later.floaters, self.cavities + later.cavities, area_share)

    def __str__(self) -> str:
        if not self.floaters + self.cavities:
            return "nothing removed"
        return (
            f"{self.floaters} floaters and {self.cavities} cavities removed ({100 * self.area_share:.2g} % of the area)"
        )


def cleaned(
    mesh: trimesh.Trimesh, faces: int, floater_share: float, ground: float, height: float
) -> tuple[trimesh.Trimesh, Removed]:
    """The mesh without floaters and cavities, of at most about `faces` faces; empty if there was nothing else.

    Collapses press thin necks shut and leave what hung on them behind, so floaters are looked for twice. Arguments: see
    `remove_floaters`.
    """
    whole, removed = remove_floaters(mesh, floater_share, ground, height)
    simple = simplify(whole, faces)
    if simple is whole:
        return whole, removed
    simple, left_behind = remove_floaters(simple, floater_share, ground, height)
    return simple, removed + left_behind


def part_labels(mesh: trimesh.Trimesh) -> NDArray[np.int32]:
    """The connected part, counted from 0, that each face belongs to [F]; parts share no vertex."""
    edges = mesh.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    count = len(mesh.vertices)
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(count, count))
    labels = connected_components(graph, directed=False)[1][mesh.faces[:, 0]]
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def remove_floaters(
    mesh: trimesh.Trimesh, floater_share: float, ground: float, height: float
) -> tuple[trimesh.Trimesh, Removed]:
    """The mesh without specks in the air and without closed hollows inside its parts; any unit, z up.

    A part goes if its area is below `floater_share` of the largest part's and its lowest point is higher than 5 % of
    `height` (the box's) above `ground`: standing stones stay, however small, and so does a large part that hangs. A
    part whose faces enclose a negative volume is the inside of a bubble that nobody can see, and goes too.
    """
    labels = part_labels(mesh)
    corners = mesh.triangles
    area = np.bincount(labels, mesh.area_faces)
    volume = np.bincount(labels, (corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum(1) / 6)
    lowest = np.full(len(area), np.inf)
    np.minimum.at(lowest, labels, corners[:, :, 2].min(1))
    cavity = volume < 0
    largest = area[~cavity].max() if (~cavity).any() else 0.0
    floater = ~cavity & (area < floater_share * largest) & (lowest > ground + GROUND_SHARE * height)
    gone = floater | cavity
    removed = Removed(int(floater.sum()), int(cavity.sum()), float(area[gone].sum() / area.sum()))
    return _keep_faces(mesh, ~gone[labels]), removed


def simplify(mesh: trimesh.Trimesh, faces: int) -> trimesh.Trimesh:
    """The mesh with at most about `faces` faces, by quadric edge collapse (Garland and Heckbert 1997).

    A mesh that was watertight stays so: where collapses pressed two sheets onto one edge, they are taken apart again.
    A mesh within the budget is returned as it is.
    """
    if len(mesh.faces) <= faces:
        return mesh
    vertices, triangles = fast_simplification.simplify(
        np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32), target_count=int(BUDGET_USED * faces)
    )
    simple = _keep_faces(trimesh.Trimesh(vertices, triangles, process=False), np.ones(len(triangles), bool))
    if mesh.is_watertight and not simple.is_watertight:
        simple = trimesh.Trimesh(*separate_sheets(simple.vertices, simple.faces), process=False)
    return simple


def _keep_faces(mesh: trimesh.Trimesh, keep: NDArray[np.bool_]) -> trimesh.Trimesh:
    """The kept faces that are triangles, with the vertices they use."""
    faces = mesh.faces[keep]
    real = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    used, index = np.unique(faces[real], return_inverse=True)
    return trimesh.Trimesh(mesh.vertices[used], index.reshape(-1, 3), process=False)
