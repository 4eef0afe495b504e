"""The Space Needle from trimesh solids: three double legs with a waist, a core, a saucer with a halo, a spire; 184 m.

Unchanged by thirds of a turn: every part is either round (in multiples of three corners) or there three times.
"""

import numpy as np
import trimesh

from gpslift.procedural.solids import Color, all_round, assemble, band, block, ellipse, limb, loft, prism

TOP = 184.4
WHITE = (0.90, 0.89, 0.85)
CORE = (0.52, 0.50, 0.42)
GLASS = (0.13, 0.16, 0.20)
HALO = (0.93, 0.91, 0.87)
GOLD = (0.86, 0.56, 0.20)

# height, how far a leg stands off the axis, and half the gap between its two beams
LEG = [
    (0.0, 18.0, 3.2),
    (8.0, 15.6, 2.9),
    (18.0, 13.0, 2.6),
    (30.0, 10.7, 2.3),
    (48.0, 8.2, 2.0),
    (70.0, 6.2, 1.7),
    (95.0, 4.9, 1.5),
    (113.0, 4.6, 1.5),
    (126.0, 5.2, 1.6),
    (137.0, 6.9, 1.8),
    (145.0, 9.6, 2.1),
    (150.0, 12.6, 2.4),
]
BEAM_WIDE, BEAM_DEEP = 1.3, 2.2

# Stacked discs of the top: heights and radii from below to above, and colour. The sixties' names: Astronaut White,
# Galaxy Gold.
SAUCER: list[tuple[tuple[float, float], tuple[float, float], Color]] = [
    ((143.0, 147.0), (4.0, 9.0), WHITE),
    ((147.0, 151.0), (9.0, 14.5), WHITE),
    ((151.0, 154.5), (14.2, 15.2), GLASS),  # the restaurant's windows
    ((154.5, 156.0), (16.8, 16.8), WHITE),
    ((156.0, 159.5), (13.8, 14.6), GLASS),  # the observation level
    ((159.5, 160.3), (17.4, 17.4), WHITE),
    ((160.3, 164.8), (16.2, 8.0), GOLD),  # the roof
    ((164.8, 168.0), (7.2, 6.4), WHITE),
    ((168.0, 170.5), (6.6, 2.2), GOLD),
]


def legs() -> list[trimesh.Trimesh]:
    """Three legs of two curved beams each, with rungs between the beams."""
    parts = []
    for sign in (-1.0, 1.0):
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (BEAM_WIDE / 2, BEAM_DEEP / 2)
        rings = [np.column_stack([corners + np.array([sign * gap, out]), np.full(4, z)]) for z, out, gap in LEG]
        parts.append(loft(np.stack(rings), WHITE))
    for height, out, gap in LEG[1:-1]:
        parts.append(block((0.0, out, height), (2 * gap, 1.0, 0.7), WHITE))
        parts.append(limb((0.0, out, height), (0.0, 2.0, height), 0.35, 0.35, CORE, around=6))  # ties to the core
    return all_round(parts, 3)


def core() -> list[trimesh.Trimesh]:
    """The six-sided core of lifts and stairs, the pavilion at its foot and the platform at 30 m."""
    return [
        prism([ellipse(2.6, 2.6, around=6)] * 2, [0.0, 146.0], CORE),
        prism([ellipse(15.0, 15.0), ellipse(15.0, 15.0)], [0.0, 4.5], GLASS),
        prism([ellipse(16.5, 16.5), ellipse(15.5, 15.5)], [4.5, 6.0], WHITE),
        prism([ellipse(10.0, 10.0), ellipse(12.5, 12.5)], [28.0, 31.0], WHITE),
        prism([ellipse(12.0, 12.0), ellipse(12.0, 12.0)], [31.0, 34.0], GLASS),
        prism([ellipse(12.8, 12.8), ellipse(10.5, 10.5)], [34.0, 35.2], WHITE),
    ]


def top() -> list[trimesh.Trimesh]:
    """The saucer, the halo that stands out from it on spokes, and the spire."""
    discs = [prism([ellipse(radius, radius) for radius in radii], heights, color) for heights, radii, color in SAUCER]
    halo = [band(18.9, 21.0, 153.2, 154.6, HALO), band(17.0, 17.5, 160.3, 161.6, WHITE)]
    spokes = all_round([block((0.0, 17.8, 153.8), (0.5, 6.0, 0.9), HALO)], 24)
    return [*discs, *halo, *spokes, limb((0, 0, 170.0), (0, 0, TOP), 1.1, 0.2, WHITE, around=12)]


def build() -> trimesh.Trimesh:
    """The whole landmark: metres, x east, y north, z up, origin on the ground."""
    return assemble([*legs(), *core(), *top()], 0.0)
