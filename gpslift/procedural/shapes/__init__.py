"""Shapes by name. Each module has `build() -> trimesh.Trimesh`: metres, x east, y north, z up, face colours."""

from collections.abc import Callable

import trimesh

from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.procedural.shapes import (
    arc_de_triomphe,
    lantern_tower,
    leaning_tower_of_pisa,
    space_needle,
    statue_of_liberty,
    stonehenge,
    washington_monument,
)
from gpslift.procedural.shapes.mesh_file import is_mesh_file, load_shape

BUILDERS: dict[str, Callable[[], trimesh.Trimesh]] = {
    "statue_of_liberty": statue_of_liberty.build,
    "leaning_tower_of_pisa": leaning_tower_of_pisa.build,
    "arc_de_triomphe": arc_de_triomphe.build,
    "washington_monument": washington_monument.build,
    "stonehenge": stonehenge.build,
    "space_needle": space_needle.build,
    "lantern_tower": lantern_tower.build,
}


def build_shape(name: str) -> trimesh.Trimesh:
    """The shape called `name`; raises UserError when there is none of that name."""
    if name not in BUILDERS:
        raise UserError(
            f"no shape made by rule is called '{name}': there are {', '.join(BUILDERS)}; "
            "for any other landmark set data.photos to a folder of photos, or data.embedded_shape to a mesh file"
        )
    return BUILDERS[name]()


def shape_of(landmark: Landmark, shape: str, up: str) -> trimesh.Trimesh:
    """What stands at the landmark's place: a shape made by rule, or, where `shape` is a path, the mesh in that file.

    up: the axis of a file that points up. Raises UserError for a name or a file that does not fit.
    """
    return load_shape(shape, landmark, up) if is_mesh_file(shape) else build_shape(shape)
