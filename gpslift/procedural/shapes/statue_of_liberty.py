"""The Statue of Liberty from trimesh solids: a 46 m statue on a 47 m pedestal in a star-shaped fort, facing south-east.

Built facing +y, so that +x is the statue's right: the torch is there, the tablet on the left. Heights from the ground.
"""

import numpy as np
import trimesh

from gpslift.procedural.solids import assemble, ball, block, ellipse, limb, prism, square, star

FACES_AZIMUTH = 135.0
COPPER = (0.33, 0.62, 0.54)
COPPER_DARK = (0.25, 0.50, 0.45)
COPPER_PALE = (0.47, 0.72, 0.62)
GOLD = (0.92, 0.70, 0.22)
STONE = (0.83, 0.76, 0.65)
STONE_DARK = (0.44, 0.37, 0.32)
GRANITE = (0.66, 0.55, 0.47)
BRICK = (0.58, 0.41, 0.33)


def fort() -> list[trimesh.Trimesh]:
    """The eleven-pointed fort and the foundation that rises from it, to 20 m."""
    walls = prism([star(11, 44.0, 31.0), star(11, 42.5, 30.0)], [0.0, 7.0], BRICK)
    terrace = prism([ellipse(26, 26), ellipse(25, 25)], [7.0, 9.5], GRANITE)
    foundation = prism([square(29.0), square(26.0)], [7.0, 20.0], GRANITE)
    return [walls, terrace, foundation]


def pedestal() -> list[trimesh.Trimesh]:
    """The stone pedestal from 20 to 47 m, with its loggia and cornices."""
    parts = [
        prism([square(21.5), square(20.5)], [20.0, 23.0], STONE),
        prism([square(19.0), square(15.0)], [23.0, 43.5], STONE),
        prism([square(17.5), square(18.0)], [43.5, 45.0], STONE),
        prism([square(15.0), square(14.0)], [45.0, 47.0], STONE),
    ]
    for yaw in (0, 90, 180, 270):
        angle = np.deg2rad(yaw)
        for offset in (-3.6, 0.0, 3.6):
            x, y = offset, 8.35
            center = (x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), 36.0)
            parts.append(block(center, (2.2, 0.9, 8.0), STONE_DARK, yaw=yaw))
    return parts


def robe() -> list[trimesh.Trimesh]:
    """Body and robe from 47 to 76 m, with the fold that hangs from the left shoulder and the forward knee."""
    #        height, half width, half depth, forward shift, depth of the pleats
    rings = [
        (47.0, 5.0, 4.5, 0.0, 0.05),
        (49.0, 5.1, 4.6, 0.0, 0.07),
        (55.0, 4.6, 4.1, 0.0, 0.07),
        (61.0, 4.3, 3.6, 0.1, 0.06),
        (66.0, 4.0, 3.1, 0.2, 0.04),
        (70.0, 4.0, 2.9, 0.2, 0.02),
        (73.0, 4.1, 2.5, 0.0, 0.0),
        (75.0, 2.9, 2.0, 0.0, 0.0),
        (76.0, 1.3, 1.3, 0.1, 0.0),
    ]
    outlines = [ellipse(width, depth, (0.0, shift), 12, pleat) for _, width, depth, shift, pleat in rings]
    return [
        prism(outlines, [ring[0] for ring in rings], COPPER),
        limb((-3.4, 0.8, 74.0), (-4.2, 2.2, 52.0), 1.1, 1.9, COPPER_DARK),
        limb((2.0, 2.6, 60.0), (2.6, 4.0, 49.0), 1.5, 1.8, COPPER_PALE),
        limb((-3.2, 1.8, 74.0), (3.0, 2.2, 64.0), 0.9, 1.1, COPPER_PALE),
    ]


def head() -> list[trimesh.Trimesh]:
    """Neck, head, hair and the crown with its seven rays, to 84 m."""
    parts = [
        limb((0, 0.1, 75.0), (0, 0.2, 78.0), 1.4, 1.2, COPPER),
        ball((0, 0.3, 79.4), (1.65, 1.9, 2.4), COPPER),
        ball((0, -0.7, 79.3), (1.75, 1.5, 2.0), COPPER_DARK),
        limb((0, 0.35, 80.3), (0, 0.2, 81.4), 2.05, 2.25, COPPER_PALE),
    ]
    for angle in np.deg2rad(np.linspace(0, 180, 7)):
        outward = np.array([np.cos(angle), 0.15, np.sin(angle)])
        parts.append(
            limb((0, 0.3, 80.9) + 1.9 * outward, (0, 0.3, 80.9) + 4.7 * outward, 0.42, 0.08, COPPER_PALE, around=8)
        )
    return parts


def torch_arm() -> list[trimesh.Trimesh]:
    """The raised right arm with the torch, to 93 m."""
    return [
        ball((3.6, 0.0, 73.6), (1.9, 1.8, 2.0), COPPER),
        limb((3.7, 0.0, 73.5), (5.2, 0.5, 80.0), 1.9, 1.45, COPPER),
        limb((5.2, 0.5, 79.6), (5.6, 1.0, 86.0), 1.3, 0.95, COPPER),
        ball((5.6, 1.0, 86.3), (1.1, 1.1, 1.2), COPPER),
        limb((5.6, 1.0, 85.0), (5.7, 1.1, 89.0), 0.55, 0.95, COPPER_DARK),
        limb((5.7, 1.1, 88.8), (5.7, 1.1, 89.6), 1.9, 1.9, COPPER_DARK),
        limb((5.7, 1.1, 89.6), (5.7, 1.1, 91.2), 1.0, 1.25, GOLD),
        limb((5.7, 1.1, 91.2), (5.7, 1.1, 93.0), 1.25, 0.15, GOLD),
    ]


def tablet_arm() -> list[trimesh.Trimesh]:
    """The bent left arm and the tablet, 7.2 m by 4.1 m, that it holds upright in front of the shoulder."""
    return [
        ball((-3.6, 0.0, 73.4), (1.8, 1.7, 1.8), COPPER),
        limb((-3.8, 0.0, 73.2), (-5.2, 0.8, 67.0), 1.7, 1.4, COPPER),
        limb((-5.2, 0.8, 67.0), (-4.8, 4.2, 66.6), 1.35, 1.0, COPPER),
        block((-5.0, 3.9, 69.2), (4.1, 0.9, 7.2), COPPER_PALE, yaw=35.0, pitch=-12.0),
    ]


def build() -> trimesh.Trimesh:
    """The whole landmark: metres, x east, y north, z up, origin on the ground."""
    parts = [*fort(), *pedestal(), *robe(), *head(), *torch_arm(), *tablet_arm()]
    return assemble(parts, FACES_AZIMUTH)
