"""The truth behind the embedded photos, for evaluation only: nothing that trains or lifts may import this module."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from gpslift.errors import UserError
from gpslift.geo.cities import City
from gpslift.geo.landmarks import Landmark
from gpslift.metrics.mesh_truth import TruthComparison
from gpslift.procedural.city.dataset import TRUTH
from gpslift.procedural.city.terrain import terrain_of
from gpslift.procedural.shapes import build_shape
from gpslift.procedural.shapes.mesh_file import SUFFIXES, MeshKeys, is_mesh_file, load_shape
from gpslift.schema.export import ValidationConfig


@dataclass(frozen=True)
class ShapeFacts:
    """What a comparison with a true shape has to know of it.

    mirror_deg: azimuth of a vertical plane that it is no mirror image about. upper_from_m: the height above which it is
    far from a solid of revolution. turns: how many turns in a full circle leave it as it is, or nearly so.
    symmetry_known: whether that plane and these turns are known of it, or just have to be something.
    """

    mirror_deg: float
    upper_from_m: float
    turns: int = 1
    symmetry_known: bool = True

    @property
    def sides_tell(self) -> bool:
        """Whether its sides can be told apart, so that a mesh may be asked to have them right."""
        return self.symmetry_known and self.turns <= 2


SHAPE_FACTS = {
    "statue_of_liberty": ShapeFacts(135.0, 47.0),  # the plane through its front swaps torch and tablet
    "leaning_tower_of_pisa": ShapeFacts(90.0, 15.0),  # the plane across its lean: mirrored, it leans north
    "arc_de_triomphe": ShapeFacts(0.0, 1.0, turns=2),  # its own axes, bearings 116 and 26, are planes of symmetry
    "washington_monument": ShapeFacts(0.0, 1.0, turns=4),
    "stonehenge": ShapeFacts(50.0, 1.0),  # the plane through its axis swaps the standing side and the fallen one
    "space_needle": ShapeFacts(0.0, 1.0, turns=3),
    "lantern_tower": ShapeFacts(70.0, 24.0),
}
VALIDATION = MeshKeys("validation.truth", "validation.truth_up")


def truth_of(landmark: Landmark, validation: ValidationConfig) -> tuple[trimesh.Trimesh, ShapeFacts] | None:
    """The true mesh that a lift of `landmark` is compared with, as of `true_mesh`, and what is known of it.

    None where `validation` names no truth and that of the landmark is not known. UserError for a name that no shape
    has, and for a mesh file that does not fit (`load_shape`).
    """
    shape = validation.truth or landmark.name
    if is_mesh_file(shape):
        mesh = load_shape(shape, landmark, validation.truth_up, VALIDATION)
        return mesh, ShapeFacts(mirror_deg=0.0, upper_from_m=landmark.own_volume_min_m[2], symmetry_known=False)
    if shape in SHAPE_FACTS:
        return true_mesh(shape), SHAPE_FACTS[shape]
    if validation.truth:
        raise UserError(
            f"validation.truth={shape}: no such shape; known are {', '.join(SHAPE_FACTS)}, and any mesh file "
            f"({', '.join(SUFFIXES)})"
        )
    return None


def comparison_with(truth: trimesh.Trimesh, facts: ShapeFacts, landmark: Landmark, seed: int = 0) -> TruthComparison:
    """Compares meshes of a landmark with a true one of which these facts are known."""
    return TruthComparison(truth, landmark.own_volume, facts.mirror_deg, facts.upper_from_m, facts.turns, seed)


def true_mesh(shape: str) -> trimesh.Trimesh:
    """The true mesh: metres, x east, y north, z up, origin on the ground at the landmark's centre, face colours."""
    return build_shape(shape)


def district_names(city: City) -> list[str]:
    """The districts of a city made by rule, with 'park' and 'water' last."""
    return terrain_of(city).area_names


def district_of(city: City, latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.intp]:
    """The district of each place, degrees (one shape), as rows of `district_names`."""
    east, north = city.to_metres(latitude, longitude)
    return terrain_of(city).area(np.atleast_1d(east), np.atleast_1d(north)).reshape(np.shape(east))


def true_city_photos(folder: Path) -> dict[str, dict[str, Any]]:
    """What is true of each photo of an embedded city, by file name. folder: the one that holds the photos."""
    records = json.loads((folder.parent / "truth" / TRUTH).read_text(encoding="utf-8"))
    return {record["file"]: record for record in records}
