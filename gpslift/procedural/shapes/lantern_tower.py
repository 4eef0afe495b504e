"""A throw-away shape of the Statue's size for tuning settings, so that nothing is tuned on the landmark itself.

A hexagonal hall carries a leaning tower with a lantern, a crane arm to one side and a flag to the other: no symmetry,
thin parts, a dark and a pale material. Built facing +y.
"""

import trimesh

from gpslift.procedural.solids import assemble, ball, block, ellipse, limb, prism, square

FACES_AZIMUTH = 70.0
BRICK = (0.63, 0.32, 0.24)
PLASTER = (0.86, 0.80, 0.68)
SLATE = (0.30, 0.34, 0.42)
BRASS = (0.86, 0.66, 0.25)
RED = (0.74, 0.16, 0.14)


def build() -> trimesh.Trimesh:
    """The whole shape: metres, x east, y north, z up, origin on the ground."""
    tower = [
        ellipse(8.0 - 0.07 * height, 7.0 - 0.05 * height, (0.05 * height, 0.0), around=32) for height in (0, 20, 40, 55)
    ]
    parts = [
        prism([ellipse(38, 30, around=6), ellipse(36, 28, around=6)], [0.0, 8.0], BRICK),
        prism([square(34.0), square(20.0)], [8.0, 24.0], SLATE),
        prism(tower, [20.0, 40.0, 60.0, 75.0], PLASTER),
        limb((2.75, 0, 75.0), (2.75, 0, 77.0), 7.0, 7.0, SLATE),
        ball((2.75, 0, 82.0), (4.5, 4.5, 6.0), BRASS),
        limb((2.75, 0, 87.0), (2.75, 0, 93.0), 0.8, 0.2, SLATE),
        limb((4.0, 2.0, 58.0), (22.0, 6.0, 70.0), 1.6, 0.9, RED),
        block((22.0, 6.0, 66.0), (3.0, 3.0, 6.0), BRICK, yaw=20.0),
        block((-9.0, 1.0, 64.0), (12.0, 1.2, 8.0), RED, yaw=8.0),
        block((0.0, 17.0, 13.0), (9.0, 10.0, 18.0), PLASTER),
        ball((-16.0, -12.0, 12.0), (8.0, 8.0, 9.0), BRASS),
    ]
    return assemble(parts, FACES_AZIMUTH)
