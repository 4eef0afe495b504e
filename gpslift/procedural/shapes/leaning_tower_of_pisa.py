"""The Leaning Tower of Pisa from trimesh solids: eight storeys of white marble, leaning 4 degrees to the south.

Built upright about the z axis, then tipped. The lean lifts the northern edge of the foot; the low ring of the sunken
court round the tower closes the gap.
"""

import numpy as np
import trimesh

from gpslift.procedural.solids import all_round, band, block, ellipse, limb, prism, turned

LEAN_DEG = 4.0
RADIUS = 7.75
MARBLE = (0.90, 0.87, 0.80)
MARBLE_WARM = (0.83, 0.78, 0.68)
BEHIND_COLUMNS = (0.52, 0.47, 0.40)
OPENING = (0.20, 0.17, 0.15)
COURT = (0.72, 0.67, 0.58)

BASE_TOP = 11.6  # the blind arcade
GALLERIES, GALLERY_HEIGHT = 6, 6.0
COLUMNS = 30
BELL_RADIUS, BELL_TOP = 6.0, 55.6
BELL_OPENINGS = 8


def base() -> list[trimesh.Trimesh]:
    """The ground storey: fifteen blind arches on half columns."""
    wall = prism([ellipse(7.3, 7.3), ellipse(7.2, 7.2)], [0.0, BASE_TOP - 1.0], MARBLE_WARM)
    column = limb((0, 7.45, 0.4), (0, 7.45, 8.2), 0.42, 0.36, MARBLE, around=8)
    arcade = band(7.0, RADIUS, 8.2, BASE_TOP - 0.8, MARBLE)
    step = prism([ellipse(7.9, 7.9), ellipse(7.9, 7.9)], [0.0, 0.5], MARBLE)
    door = block((-7.2, 0.0, 2.4), (0.8, 1.8, 3.8), OPENING)  # it looks west, to the cathedral
    return [wall, step, arcade, cornice(BASE_TOP - 0.8), door, *all_round([column], 15)]


def cornice(height: float) -> trimesh.Trimesh:
    """The floor slab that ends a storey and stands out a little."""
    return prism([ellipse(RADIUS, RADIUS), ellipse(RADIUS + 0.2, RADIUS + 0.2)], [height, height + 0.8], MARBLE)


def gallery(number: int) -> list[trimesh.Trimesh]:
    """One open gallery: a wall in the shade behind thirty columns, arches and a cornice."""
    floor = BASE_TOP + number * GALLERY_HEIGHT
    ceiling = floor + GALLERY_HEIGHT - 0.8
    wall = prism([ellipse(5.9, 5.9)] * 2, [floor - 0.1, ceiling + 0.1], BEHIND_COLUMNS)
    column = limb((0, 7.4, floor), (0, 7.4, ceiling - 1.3), 0.30, 0.25, MARBLE, around=8)
    capital = block((0, 7.4, ceiling - 1.15), (0.85, 0.6, 0.5), MARBLE)
    arches = band(7.1, 7.65, ceiling - 1.0, ceiling + 0.1, MARBLE)
    return [wall, arches, cornice(ceiling), *all_round([column, capital], COLUMNS)]


def bell_chamber() -> list[trimesh.Trimesh]:
    """The narrower top storey, with its openings and the rim of the roof."""
    floor = BASE_TOP + GALLERIES * GALLERY_HEIGHT
    wall = prism([ellipse(BELL_RADIUS, BELL_RADIUS)] * 2, [floor - 0.1, BELL_TOP - 1.2], MARBLE_WARM)
    rim = prism([ellipse(6.2, 6.2), ellipse(6.5, 6.5)], [BELL_TOP - 1.2, BELL_TOP - 0.4], MARBLE)
    roof = prism([ellipse(6.1, 6.1), ellipse(5.2, 5.2)], [BELL_TOP - 0.4, BELL_TOP], MARBLE_WARM)
    opening = block((0, 5.8, floor + 2.8), (1.7, 1.0, 4.4), OPENING)
    column = limb((0, 6.15, floor), (0, 6.15, BELL_TOP - 1.3), 0.28, 0.24, MARBLE, around=8)
    between = turned(column, 180.0 / (2 * BELL_OPENINGS))
    return [wall, rim, roof, *all_round([opening], BELL_OPENINGS), *all_round([between], 2 * BELL_OPENINGS)]


def court() -> trimesh.Trimesh:
    """The low ring about the foot, level with the ground, whatever the tower does."""
    return prism([ellipse(9.2, 9.2), ellipse(8.4, 8.4)], [0.0, 1.3], COURT)


def tower() -> trimesh.Trimesh:
    """The tower alone, tipped southwards about its foot and set on the ground by its lowest edge."""
    parts = [*base(), *(part for number in range(GALLERIES) for part in gallery(number)), *bell_chamber()]
    mesh = trimesh.util.concatenate(parts)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(LEAN_DEG), [1, 0, 0]))
    mesh.apply_translation([0, 0, -mesh.bounds[0, 2]])
    return mesh


def build() -> trimesh.Trimesh:
    """The whole landmark: metres, x east, y north, z up, origin on the ground."""
    return trimesh.util.concatenate([court(), tower()])
