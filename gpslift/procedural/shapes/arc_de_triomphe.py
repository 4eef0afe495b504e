"""The Arc de Triomphe from trimesh solids: 49.5 m high, 44.8 m wide, 22.2 m deep, facing the Champs-Elysees.

Built with the side of the Champs-Elysees towards +y: seen from there, the right-hand pier is at -x.
"""

import trimesh

from gpslift.procedural.solids import assemble, ball, block, limb, prism, rectangle, vault

FACES_AZIMUTH = 116.0  # along the Champs-Elysees
WIDTH, DEPTH, HEIGHT = 44.8, 22.2, 49.5
MAIN_WIDE, MAIN_HIGH = 14.6, 29.2
SIDE_WIDE, SIDE_HIGH = 8.4, 18.7
ENTABLATURE, ATTIC = 33.0, 37.5  # where the entablature and the attic begin
LIMESTONE = (0.83, 0.76, 0.63)
LIMESTONE_PALE = (0.90, 0.84, 0.72)
LIMESTONE_DARK = (0.70, 0.63, 0.51)
SCULPTURE = (0.77, 0.70, 0.57)
SCULPTURE_DARK = (0.63, 0.55, 0.44)

PIER_WIDE, PIER_DEEP = (WIDTH - MAIN_WIDE) / 2 - 0.8, (DEPTH - SIDE_WIDE) / 2 - 0.8  # 0.8 m behind the cornices
PIER_X = (MAIN_WIDE + PIER_WIDE) / 2
FACE_Y = SIDE_WIDE / 2 + PIER_DEEP  # where the long walls are


def body() -> list[trimesh.Trimesh]:
    """Four piers, the side arches across them, and the main arch between them, up to the entablature."""
    parts = [vault(MAIN_WIDE, MAIN_HIGH - MAIN_WIDE / 2, ENTABLATURE, 2 * FACE_Y, LIMESTONE, around=24)]
    for x in (-PIER_X, PIER_X):
        springing = SIDE_HIGH - SIDE_WIDE / 2
        arch = vault(SIDE_WIDE, springing, ENTABLATURE, PIER_WIDE, LIMESTONE, yaw=90.0)
        arch.apply_translation([x, 0, 0])
        parts.append(arch)
        for y in (-1, 1):
            corner = (x, y * (SIDE_WIDE + PIER_DEEP) / 2)
            parts.append(prism([rectangle(PIER_WIDE, PIER_DEEP, corner)] * 2, [0.0, ENTABLATURE], LIMESTONE))
            parts.append(prism([rectangle(PIER_WIDE + 0.7, PIER_DEEP + 0.7, corner)] * 2, [0.0, 3.6], LIMESTONE_PALE))
    return parts


def crown() -> list[trimesh.Trimesh]:
    """Entablature with its frieze, attic with its shields, and the cornices that shade them."""
    #        size beyond the walls, from, to, colour
    courses = [
        (0.2, ENTABLATURE, 34.2, LIMESTONE_PALE),
        (0.0, 34.2, 36.3, SCULPTURE),  # the frieze of the army
        (1.5, 36.3, ATTIC, LIMESTONE_PALE),
        (-0.4, ATTIC, 46.4, LIMESTONE),
        (0.9, 46.4, 47.6, LIMESTONE_PALE),
        (-0.2, 47.6, HEIGHT, LIMESTONE_DARK),
    ]
    wide, deep = MAIN_WIDE + 2 * PIER_WIDE, 2 * FACE_Y
    parts = [prism([rectangle(wide + out, deep + out)] * 2, [low, high], color) for out, low, high, color in courses]
    y, x = FACE_Y - 0.2, wide / 2 - 0.2
    for side in (-1, 1):
        for number in range(8):
            parts.append(block((-18.5 + number * 37 / 7, side * y, 42.0), (2.6, 0.8, 5.4), LIMESTONE_DARK))
        for number in range(4):
            parts.append(block((side * x, -7.5 + number * 5, 42.0), (0.8, 2.6, 5.4), LIMESTONE_DARK))
    return parts


def walls() -> list[trimesh.Trimesh]:
    """On every wall of the piers: the relief over the group, the moulding at the arch's foot, the pedestal below."""
    parts = []
    for side in (-1, 1):
        for x in (-PIER_X, PIER_X):
            parts.append(block((x, side * FACE_Y, 26.6), (9.6, 0.7, 4.6), SCULPTURE_DARK))
            parts.append(block((x, side * FACE_Y, 21.6), (PIER_WIDE + 0.4, 1.2, 1.0), LIMESTONE_PALE))
            parts.append(block((x, side * (FACE_Y + 0.4), 3.0), (9.0, 1.8, 6.0), LIMESTONE_PALE))
    for side in (-1, 1):
        outer = side * (PIER_X + PIER_WIDE / 2)
        parts.append(block((outer, 0.0, 26.6), (0.7, 13.0, 4.6), SCULPTURE_DARK))
        parts.append(block((outer, 0.0, 21.6), (1.2, 2 * FACE_Y + 0.4, 1.0), LIMESTONE_PALE))
    return parts


def departure(x: float, y: float) -> list[trimesh.Trimesh]:
    """The Departure of 1792: a winged figure with spread arms high above a marching crowd."""
    return [
        limb((x - 3.6, y, 6.0), (x - 2.6, y, 12.0), 1.3, 0.9, SCULPTURE),
        limb((x - 1.2, y, 6.0), (x - 0.8, y, 12.6), 1.3, 0.9, SCULPTURE_DARK),
        limb((x + 1.2, y, 6.0), (x + 1.0, y, 12.6), 1.3, 0.9, SCULPTURE),
        limb((x + 3.6, y, 6.0), (x + 2.6, y, 12.0), 1.3, 0.9, SCULPTURE_DARK),
        ball((x + 0.4, y, 14.2), (1.7, 1.0, 2.2), SCULPTURE),
        limb((x + 0.4, y, 14.6), (x + 4.6, y, 18.0), 1.0, 0.4, SCULPTURE),
        limb((x + 0.4, y, 14.6), (x - 4.2, y, 16.6), 1.1, 0.4, SCULPTURE),
        ball((x + 0.6, y, 17.2), (0.8, 0.8, 1.0), SCULPTURE_DARK),
    ]


def triumph(x: float, y: float) -> list[trimesh.Trimesh]:
    """The Triumph of 1810: one tall figure, crowned, between two that kneel."""
    return [
        limb((x, y, 6.0), (x, y, 14.6), 1.8, 1.2, SCULPTURE),
        ball((x, y, 15.8), (0.9, 0.9, 1.2), SCULPTURE_DARK),
        ball((x - 3.0, y, 8.2), (1.2, 1.0, 2.2), SCULPTURE_DARK),
        ball((x + 3.0, y, 8.2), (1.2, 1.0, 2.2), SCULPTURE),
        limb((x + 2.0, y, 9.0), (x + 2.4, y, 15.0), 0.9, 0.7, SCULPTURE),
        limb((x - 1.5, y, 16.6), (x + 1.8, y, 17.6), 0.7, 0.3, SCULPTURE),
    ]


def resistance(x: float, y: float) -> list[trimesh.Trimesh]:
    """The Resistance of 1814: a naked warrior before a rider, with a flame above."""
    return [
        ball((x + 1.2, y, 9.8), (2.6, 0.9, 1.6), SCULPTURE_DARK),
        limb((x - 1.8, y, 6.0), (x - 1.4, y, 14.4), 1.4, 1.1, SCULPTURE),
        limb((x + 2.2, y, 11.0), (x + 1.8, y, 16.0), 1.2, 0.9, SCULPTURE),
        limb((x + 1.8, y, 15.6), (x + 0.4, y, 18.4), 0.8, 0.2, SCULPTURE),
        ball((x + 3.6, y, 7.4), (1.2, 1.1, 1.6), SCULPTURE),
    ]


def peace(x: float, y: float) -> list[trimesh.Trimesh]:
    """The Peace of 1815: Minerva standing behind, a sower and his ox low in front."""
    return [
        ball((x - 1.6, y, 7.8), (2.5, 1.0, 1.5), SCULPTURE_DARK),
        limb((x + 2.6, y, 6.0), (x + 2.2, y, 12.4), 1.3, 1.0, SCULPTURE),
        limb((x, y - 0.2, 9.0), (x, y - 0.2, 16.2), 1.5, 1.0, SCULPTURE),
        ball((x, y, 17.2), (0.8, 0.8, 1.1), SCULPTURE_DARK),
        limb((x - 3.4, y, 9.0), (x - 3.2, y, 13.0), 1.0, 0.7, SCULPTURE),
    ]


def sculptures() -> list[trimesh.Trimesh]:
    """Four groups before the piers: Departure and Triumph to the Champs-Elysees, Resistance and Peace behind."""
    front, back = FACE_Y + 0.5, -FACE_Y - 0.5
    return [
        *departure(-PIER_X, front),
        *triumph(PIER_X, front),
        *resistance(PIER_X, back),
        *peace(-PIER_X, back),
    ]


def build() -> trimesh.Trimesh:
    """The whole landmark: metres, x east, y north, z up, origin on the ground."""
    return assemble([*body(), *crown(), *walls(), *sculptures()], FACES_AZIMUTH)
