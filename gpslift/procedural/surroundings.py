"""What stands round a landmark and is not of it: buildings, trees, flags and stones, from the entries of sites.yaml.

Each entry names its `solid`, one of the functions below, and that function's arguments. A place is [bearing, distance]
from the landmark's centre, degrees and metres.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from gpslift.procedural.solids import Color, ball, ellipse, limb, loft, moved, prism, rectangle, turned

BARK = (0.32, 0.26, 0.20)
Place = Sequence[float]
Range = tuple[float, float]
Thing = tuple[trimesh.Trimesh, bool]
"""A solid, and whether it is of leaves, whose colour follows the season."""


@dataclass(frozen=True)
class Surroundings:
    """One mesh of all that stands about. leafy: [faces], which take the season's colour."""

    mesh: trimesh.Trimesh
    leafy: NDArray[np.bool_]


def build_surroundings(entries: Sequence[dict[str, Any]]) -> Surroundings | None:
    """What the entries of a site describe; None when there are none."""
    things = [thing for entry in entries for thing in _things(**entry)]
    if not things:
        return None
    leafy = np.concatenate([np.full(len(mesh.faces), leaves) for mesh, leaves in things])
    return Surroundings(trimesh.util.concatenate([mesh for mesh, _ in things]), leafy)


def _things(solid: str, **arguments: Any) -> list[Thing]:
    return SOLIDS[solid](**arguments)


def point_at(bearing: float, distance: float) -> NDArray[np.float64]:
    """East and north of a place, metres."""
    return distance * np.array([np.sin(np.deg2rad(bearing)), np.cos(np.deg2rad(bearing))])


def put(mesh: trimesh.Trimesh, at: Place, faces: float) -> trimesh.Trimesh:
    """`mesh`, which is built about the origin with its front towards +y, at its place, the front to `faces` degrees."""
    return moved(turned(mesh, -faces), [*point_at(*at), 0.0])


def copies(
    unit: trimesh.Trimesh, at: Sequence[Place], faces: Sequence[float], sizes: Any, low: Any, colors: Any
) -> trimesh.Trimesh:
    """One mesh of N copies of `unit`, each stretched to its size [3], lifted by `low`, put and coloured.

    Hundreds of houses and trees as meshes of their own would take longer to put together than to photograph.
    """
    count, angle = len(at), -np.deg2rad(np.asarray(faces, float))
    vertices = unit.vertices * np.broadcast_to(np.asarray(sizes, float), (count, 3))[:, None]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = vertices[..., 0], vertices[..., 1]
    east, north = np.transpose([point_at(*place) for place in at])[..., None]
    z = vertices[..., 2] + np.broadcast_to(np.asarray(low, float), count)[:, None]
    vertices = np.stack([cos * x - sin * y + east, sin * x + cos * y + north, z], -1).reshape(-1, 3)
    corners = (unit.faces + len(unit.vertices) * np.arange(count)[:, None, None]).reshape(-1, 3)
    mesh = trimesh.Trimesh(vertices, corners, process=False)
    rgb = np.clip(np.broadcast_to(np.asarray(colors, float), (count, 3)), 0, 1)
    rgba = np.column_stack([rgb, np.ones(count)]) * 255
    mesh.visual.face_colors = np.repeat(rgba.round().astype(np.uint8), len(unit.faces), 0)
    return mesh


WALLS = prism([rectangle(1.0, 1.0)] * 2, [0.0, 1.0], BARK)
HIPPED = prism([rectangle(1.0, 1.0), rectangle(0.5, 0.15)], [0.0, 1.0], BARK)
MANSARD = prism([rectangle(1.0, 1.0), rectangle(0.9, 0.7)], [0.0, 1.0], BARK)
RIDGED = prism([rectangle(1.0, 1.0), rectangle(0.95, 0.1)], [0.0, 1.0], BARK)
ROOFS = {"hipped": HIPPED, "mansard": MANSARD, "ridged": RIDGED}
CROWN = trimesh.creation.icosphere(subdivisions=1)
TRUNK = limb((0, 0, 0), (0, 0, 1), 1.0, 0.75, BARK, around=5)


def house(
    at: Place,
    size: Sequence[float],
    color: Color,
    faces: float | None = None,
    roof_m: float = 0.0,
    roof_color: Color = (0.45, 0.45, 0.47),
    roof: str = "hipped",
) -> list[Thing]:
    """A building: walls of `size` (wide, deep, high) and, if roof_m says how high, a roof, one of ROOFS.

    faces: bearing of its front; towards the landmark unless said.
    """
    wide, deep, high = size
    front = [at[0] + 180.0 if faces is None else faces]
    parts = [copies(WALLS, [at], front, size, 0.0, color)]
    if roof_m:
        parts.append(copies(ROOFS[roof], [at], front, (wide, deep, roof_m), high, roof_color))
    return [(part, False) for part in parts]


def block_ring(
    count: int, first: float, distance: float, size: Sequence[float], color: Color, roof_m: float, roof_color: Color
) -> list[Thing]:
    """Buildings alike at equal turns round the landmark, fronts inwards, with mansard roofs and darker window bands."""
    wide, deep, high = size
    at = [(first + 360.0 * number / count, distance) for number in range(count)]
    faces = [bearing + 180.0 for bearing, _ in at]
    dark = [0.72 * value for value in color]
    parts = [
        copies(WALLS, at, faces, size, 0.0, color),
        copies(MANSARD, at, faces, (wide, deep, roof_m), high, roof_color),
        *(
            copies(WALLS, at, faces, (wide + 0.3, deep + 0.3, 1.6), level, dark)
            for level in np.arange(3.0, high - 1.5, 3.4)
        ),
    ]
    return [(part, False) for part in parts]


def rotunda(at: Place, radius: float, high: float, dome: float, color: Color, dome_color: Color) -> list[Thing]:
    """A round building under a dome of height `dome`."""
    wall = prism([ellipse(radius, radius)] * 2, [0.0, high], color)
    top = ball((0, 0, high), (0.97 * radius, 0.97 * radius, dome), dome_color)
    return [(put(part, at, 0.0), False) for part in (wall, top)]


def town(
    count: int,
    distance: Range,
    wide: Range,
    high: Range,
    colors: Sequence[Color],
    seed: int,
    bearings: Range = (0.0, 360.0),
    roof_color: Color | None = None,
    squared: float | None = None,
) -> list[Thing]:
    """Buildings strewn between two distances and bearings; `high` from the near to the far tail of their heights.

    squared: bearing of the streets that all follow; without it each faces the landmark.
    """
    rng = np.random.default_rng(seed)
    at, sizes, tones = [], [], []
    for _ in range(count):
        at.append((rng.uniform(*bearings), np.sqrt(rng.uniform(distance[0] ** 2, distance[1] ** 2))))
        sizes.append((rng.uniform(*wide), rng.uniform(*wide), high[0] + (high[1] - high[0]) * rng.random() ** 2))
        tones.append(np.array(colors[int(rng.integers(len(colors)))]) * rng.uniform(0.88, 1.1))
    faces = [bearing + 180.0 if squared is None else squared for bearing, _ in at]
    things = [(copies(WALLS, at, faces, sizes, 0.0, tones), False)]
    if roof_color:
        walls = np.array(sizes)
        roofs = np.column_stack([walls[:, :2], 0.25 * walls.min(1)])
        things.append((copies(HIPPED, at, faces, roofs, walls[:, 2], roof_color), False))
    return things


def trees(
    count: int,
    distance: Range,
    high: Range,
    seed: int,
    bearings: Range = (0.0, 360.0),
) -> list[Thing]:
    """Broad-leaved trees strewn between two distances and bearings."""
    rng = np.random.default_rng(seed)
    at, heights, tones, widths = [], [], [], []
    for _ in range(count):
        at.append((rng.uniform(*bearings), np.sqrt(rng.uniform(distance[0] ** 2, distance[1] ** 2))))
        heights.append(rng.uniform(*high))
        tones.append(rng.uniform(0.75, 1.0))
        widths.append(rng.uniform(0.85, 1.15, 3))
    return planted(at, np.array(heights), np.array(tones), np.array(widths))


def planted(
    at: Sequence[Place], heights: NDArray[np.float64], tones: NDArray[np.float64], widths: NDArray[np.float64]
) -> list[Thing]:
    """Trees of N heights; tones: [N], of the leaves; widths: [N, 3], how the crowns differ."""
    north, high = [0.0] * len(at), heights[:, None]
    leaves = copies(CROWN, at, north, high * (0.32, 0.32, 0.36) * widths, 0.62 * heights, np.tile(tones, (3, 1)).T)
    return [(copies(TRUNK, at, north, high * (0.04, 0.04, 0.5), 0.0, BARK), False), (leaves, True)]


def tree_ring(count: int, distance: float, high: float, first: float = 0.0) -> list[Thing]:
    """Trees alike at equal turns round the landmark."""
    at = [(first + 360.0 * number / count, distance) for number in range(count)]
    return planted(at, np.full(count, high), np.full(count, 0.9), np.ones((count, 3)))


def flags(count: int, distance: float, high: float, cloth: Sequence[Color], pole: Color) -> list[Thing]:
    """Flags on poles in a circle round the landmark, all blown eastwards; `cloth`: its stripes from above."""
    at, north = [(360.0 * (number + 0.5) / count, distance) for number in range(count)], [0.0] * count
    stripe_m, flag = 1.8 / len(cloth), prism([rectangle(2.9, 0.15, (1.5, 0.0))] * 2, [0.0, 1.0], pole)
    stripes = [
        copies(flag, at, north, (1.0, 1.0, stripe_m), high - 0.2 - stripe_m * (number + 1), color)
        for number, color in enumerate(cloth)
    ]
    return [(part, False) for part in (copies(TRUNK, at, north, (0.12, 0.12, high), 0.0, pole), *stripes)]


def boulder(at: Place, size: Sequence[float], color: Color, lean: float = 0.0) -> list[Thing]:
    """A rough standing stone of `size` (wide, deep, high), leaning by so many degrees towards the landmark."""
    wide, deep, high = size
    levels = [(0.0, 1.0), (0.25, 1.05), (0.6, 0.85), (0.9, 0.6), (1.0, 0.3)]
    shift = high * np.tan(np.deg2rad(lean))
    rings = [
        np.column_stack(
            [ellipse(wide / 2 * s, deep / 2 * s, (0.0, level * shift), 3, 0.06, around=12), np.full(12, level * high)]
        )
        for level, s in levels
    ]
    return [(put(loft(np.stack(rings), color), at, at[0] + 180.0), False)]


SOLIDS: dict[str, Callable[..., list[Thing]]] = {
    "house": house,
    "block_ring": block_ring,
    "rotunda": rotunda,
    "town": town,
    "trees": trees,
    "tree_ring": tree_ring,
    "flags": flags,
    "boulder": boulder,
}
