"""The Washington Monument from trimesh solids: an obelisk of 169 m whose four sides look to the four winds.

Unchanged by quarter turns. The door, which is in the east side alone, is left out for that.
"""

import trimesh

from gpslift.procedural.solids import all_round, assemble, block, prism, square

BASE_SIDE, SHOULDER_SIDE = 16.8, 10.5
SHOULDER, TOP = 152.4, 169.0
COLOR_CHANGE = 46.0  # the marble of 1848 to 1854 below, that of 1879 to 1884, from another quarry, above
MARBLE_OLD = (0.88, 0.85, 0.79)
MARBLE_NEW = (0.82, 0.77, 0.69)
CAP = (0.86, 0.81, 0.72)
PLINTH = (0.62, 0.60, 0.57)
WINDOW = (0.10, 0.10, 0.12)


def side_at(height: float) -> float:
    """How wide the shaft is at a height."""
    return BASE_SIDE + (SHOULDER_SIDE - BASE_SIDE) * height / SHOULDER


def shaft() -> list[trimesh.Trimesh]:
    """The two lengths of the shaft on a low step."""
    heights = [(0.0, COLOR_CHANGE, MARBLE_OLD), (COLOR_CHANGE, SHOULDER, MARBLE_NEW)]
    lengths = [prism([square(side_at(low)), square(side_at(high))], [low, high], color) for low, high, color in heights]
    return [prism([square(20.0), square(20.0)], [0.0, 0.8], PLINTH), *lengths]


def pyramidion() -> list[trimesh.Trimesh]:
    """The point, with two windows in each side."""
    point = prism([square(SHOULDER_SIDE), square(0.1)], [SHOULDER, TOP], CAP)
    windows = [block((x, 4.55, 154.6), (1.0, 1.0, 0.8), WINDOW) for x in (-1.7, 1.7)]
    return [point, *all_round(windows, 4)]


def build() -> trimesh.Trimesh:
    """The whole landmark: metres, x east, y north, z up, origin on the ground."""
    return assemble([*shaft(), *pyramidion()], 0.0)
