"""The truth behind the embedded photos, for evaluation only: nothing that trains or lifts may import this module."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from gpslift.geo.cities import City
from gpslift.procedural.city.dataset import TRUTH
from gpslift.procedural.city.terrain import terrain_of
from gpslift.procedural.shapes import BUILDERS, build_shape


def has_truth(shape: str) -> bool:
    """Whether the true shape called `shape` is known."""
    return shape in BUILDERS


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
