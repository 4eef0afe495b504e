"""The truth behind the embedded photos, for evaluation only: nothing that trains or lifts may import this module."""

import trimesh

from gpslift.procedural.shapes import BUILDERS, build_shape


def has_truth(shape: str) -> bool:
    """Whether the true shape called `shape` is known."""
    return shape in BUILDERS


def true_mesh(shape: str) -> trimesh.Trimesh:
    """The true mesh: metres, x east, y north, z up, origin on the ground at the landmark's centre, face colours."""
    return build_shape(shape)
