"""Stonehenge from trimesh solids, as it stands today: sarsen circle, five trilithons, bluestones, fallen stones.

Built with the axis towards +y, where the horseshoe of trilithons opens; the bearing of midsummer sunrise. Angles of
places go clockwise from the axis, as the stones are numbered.
"""

import numpy as np
import trimesh

from gpslift.procedural.solids import Color, assemble, loft

FACES_AZIMUTH = 50.0
CIRCLE_RADIUS = 15.4  # to the middle of the sarsens; 33 m across is the outside
STONES = 30
UPRIGHT = (2.1, 1.2, 4.1)  # width, thickness, height
LINTEL = (3.4, 1.1, 0.85)
STANDING = (1, 2, 3, 4, 5, 6, 7, 10, 16, 21, 22, 23, 27, 28, 29, 30)
SHORT_STONE = 11  # half as high and wide as the others
LINTELS_AFTER = (30, 1, 4, 6, 21, 29)  # lies over this stone and the next
FALLEN = (8, 9, 12, 14, 15, 25, 26)
GREY = (0.56, 0.53, 0.47)
GREY_WARM = (0.63, 0.58, 0.49)
GREY_DARK = (0.44, 0.41, 0.37)
BLUESTONE = (0.36, 0.38, 0.40)
TONES = (GREY, GREY_WARM, GREY_DARK)

# degrees from the axis, distance of the middle, height of the uprights, and what stands: left, right, lintel
TRILITHONS = [
    (68.0, 6.9, 5.1, (True, True, True)),  # 51, 52
    (124.0, 6.7, 5.5, (True, True, True)),  # 53, 54
    (180.0, 6.6, 6.5, (False, True, False)),  # 55, 56: the great trilithon; 55 lies across the Altar Stone
    (-124.0, 6.7, 5.4, (True, True, True)),  # 57, 58: set up again in 1958
    (-68.0, 6.9, 4.8, (False, True, False)),  # 59, 60
]
TRILITHON_STONE = (2.2, 1.3)
TRILITHON_LINTEL = (4.6, 1.2, 1.0)
# degrees from the axis, distance, height
BLUESTONES = [
    (10, 12.2, 2.0), (24, 12.0, 1.4), (38, 11.8, 1.9), (62, 12.1, 1.2), (-12, 12.0, 1.9), (-28, 12.0, 1.5),
    (-45, 12.2, 2.1), (-75, 12.0, 0.9), (115, 12.0, 1.1), (-110, 11.9, 1.3), (100, 4.6, 2.2), (135, 4.4, 2.5),
    (165, 4.3, 2.6), (-150, 4.3, 2.6), (-120, 4.5, 2.4), (-90, 4.8, 2.1),
]  # fmt: skip


def stone(rng: np.random.Generator, width: float, thickness: float, height: float, color: Color) -> trimesh.Trimesh:
    """A rough upright stone on the ground: six outlines, each a little other than the one below, narrower on top."""
    angle = np.arange(12) * 2 * np.pi / 12 + np.pi / 12
    rounded = np.column_stack([np.cos(angle), np.sin(angle)])
    rounded = np.sign(rounded) * np.abs(rounded) ** 0.55  # between an ellipse and a rectangle
    outlines = []
    for level in np.linspace(0, 1, 6):
        taper = 1.0 - 0.16 * level - (0.14 if level == 1 else 0.0)
        outline = rounded * (width / 2, thickness / 2) * taper * rng.uniform(0.94, 1.06, (12, 1))
        outlines.append(np.column_stack([outline + rng.normal(0, 0.03, 2), np.full(12, level * height)]))
    tone = rng.uniform(0.9, 1.1)
    return loft(np.stack(outlines), [tone * value for value in color])


def placed(mesh: trimesh.Trimesh, clockwise_deg: float, distance: float, tilt_deg: float = 0.0) -> trimesh.Trimesh:
    """A stone at its place, its thickness along the radius; a tilt leans its head inwards."""
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(tilt_deg), [1, 0, 0]))
    mesh.apply_translation([0.0, distance, 0.0])
    mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.deg2rad(clockwise_deg), [0, 0, 1]))
    return mesh


def lying(rng: np.random.Generator, length: float, width: float, thickness: float, turn_deg: float) -> trimesh.Trimesh:
    """A fallen stone, flat on the ground about the origin."""
    mesh = stone(rng, width, thickness, length, TONES[rng.integers(3)])
    mesh.apply_translation([0, 0, -length / 2])
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(turn_deg), [0, 0, 1]))
    mesh.apply_translation([0, 0, -mesh.bounds[0, 2]])
    return mesh


def lintel(rng: np.random.Generator, size: tuple[float, float, float], height: float) -> trimesh.Trimesh:
    """A stone laid across two others, its underside at `height`, its length along x."""
    mesh = lying(rng, size[0], size[1], size[2], 90.0)
    mesh.apply_translation([0, 0, height - 0.1])  # it sits in its joints
    return mesh


def angle_of(number: float) -> float:
    """Where a sarsen of the circle stands, degrees clockwise from the axis, which passes between 30 and 1."""
    return 360.0 / STONES * (number - 0.5)


def sarsen_circle(rng: np.random.Generator) -> list[trimesh.Trimesh]:
    """What stands of the thirty uprights and their lintels, and some that lie: most gaps are in the south-west."""
    width, thickness, height = UPRIGHT
    parts = []
    for number in STANDING:
        mesh = stone(rng, width * rng.uniform(0.9, 1.05), thickness, height, TONES[rng.integers(3)])
        parts.append(placed(mesh, angle_of(number), CIRCLE_RADIUS, rng.normal(0, 1.0)))
    parts.append(placed(stone(rng, 1.1, 0.7, 2.4, GREY), angle_of(SHORT_STONE), CIRCLE_RADIUS))
    for number in LINTELS_AFTER:
        parts.append(placed(lintel(rng, LINTEL, height), angle_of(number + 0.5), CIRCLE_RADIUS * 0.99))
    for number in FALLEN:
        mesh = lying(rng, 3.6, 1.8, 1.0, rng.uniform(-40, 40))
        parts.append(placed(mesh, angle_of(number), CIRCLE_RADIUS - rng.uniform(0.5, 2.0)))
    return parts


def trilithons(rng: np.random.Generator) -> list[trimesh.Trimesh]:
    """The horseshoe: three whole trilithons, and one upright each of the great and of the north-western one."""
    width, thickness = TRILITHON_STONE
    parts = []
    for angle, distance, height, (left, right, over) in TRILITHONS:
        for sign, stands in ((-1, left), (1, right)):
            mesh = stone(rng, width, thickness, height, TONES[rng.integers(3)])
            if not stands:
                mesh = lying(rng, height * 0.9, width, thickness * 0.8, 15.0 * sign)
                parts.append(placed(mesh, angle, distance - 2.6))
                continue
            mesh.apply_translation([sign * 1.3, 0, 0])
            parts.append(placed(mesh, angle, distance))
        if over:
            parts.append(placed(lintel(rng, TRILITHON_LINTEL, height), angle, distance))
    return parts


def bluestones(rng: np.random.Generator) -> list[trimesh.Trimesh]:
    """The small dark stones of the inner circle and the inner horseshoe."""
    return [
        placed(stone(rng, 0.75, 0.65, height, BLUESTONE), angle, distance, rng.normal(0, 4))
        for angle, distance, height in BLUESTONES
    ]


def build() -> trimesh.Trimesh:
    """The whole landmark: metres, x east, y north, z up, origin on the ground."""
    rng = np.random.default_rng(3100)  # stones are rough, but the same ones every time
    mesh = assemble([*sarsen_circle(rng), *trilithons(rng), *bluestones(rng)], FACES_AZIMUTH)
    mesh.vertices[:, 2] = np.maximum(mesh.vertices[:, 2], 0.0)  # a tilted stone's foot is in the ground
    return mesh
