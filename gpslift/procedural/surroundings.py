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

from gpslift.procedural.solids import Color, ball, block, colored, ellipse, limb, loft, moved, prism, rectangle, turned

BARK = (0.32, 0.26, 0.20)
Place = Sequence[float]
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


def house(
    at: Place,
    size: Sequence[float],
    color: Color,
    faces: float | None = None,
    roof_m: float = 0.0,
    roof_color: Color = (0.45, 0.45, 0.47),
    ridge: float = 0.5,
) -> list[Thing]:
    """A building: walls of `size` (wide, deep, high), and a hipped roof of roof_m whose top is `ridge` as wide.

    faces: bearing of its front; towards the landmark unless said.
    """
    wide, deep, high = size
    front = at[0] + 180.0 if faces is None else faces
    parts = [prism([rectangle(wide, deep)] * 2, [0.0, high], color)]
    if roof_m:
        outlines = [rectangle(wide, deep), rectangle(ridge * wide + 0.05, 0.3 * ridge * deep + 0.05)]
        parts.append(prism(outlines, [high, high + roof_m], roof_color))
    return [(put(part, at, front), False) for part in parts]


def block_ring(
    count: int, first: float, distance: float, size: Sequence[float], color: Color, roof_m: float, roof_color: Color
) -> list[Thing]:
    """Buildings alike at equal turns round the landmark, fronts inwards, with mansard roofs and darker window bands."""
    wide, deep, high = size
    parts = []
    for number in range(count):
        at = (first + 360.0 * number / count, distance)
        parts += house(at, size, color, roof_m=roof_m, roof_color=roof_color, ridge=0.9)
        for level in np.arange(3.0, high - 1.5, 3.4):
            dark = [0.62 * value for value in color]
            windows = prism([rectangle(wide + 0.3, deep + 0.3)] * 2, [level, level + 1.6], dark)
            parts.append((put(windows, at, at[0] + 180.0), False))
    return parts


def rotunda(at: Place, radius: float, high: float, dome: float, color: Color, dome_color: Color) -> list[Thing]:
    """A round building under a dome of height `dome`."""
    wall = prism([ellipse(radius, radius)] * 2, [0.0, high], color)
    top = ball((0, 0, high), (0.97 * radius, 0.97 * radius, dome), dome_color)
    return [(put(part, at, 0.0), False) for part in (wall, top)]


def town(
    count: int,
    distance: Sequence[float],
    wide: Sequence[float],
    high: Sequence[float],
    colors: Sequence[Color],
    seed: int,
    bearings: Sequence[float] = (0.0, 360.0),
    roof_color: Color | None = None,
    squared: float | None = None,
) -> list[Thing]:
    """Buildings strewn between two distances and bearings; `high` from the near to the far tail of their heights.

    squared: bearing of the streets that all follow; without it each faces the landmark.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(count):
        at = rng.uniform(*bearings), np.sqrt(rng.uniform(distance[0] ** 2, distance[1] ** 2))
        size = rng.uniform(*wide), rng.uniform(*wide), high[0] + (high[1] - high[0]) * rng.random() ** 2
        color = np.clip(np.array(colors[rng.integers(len(colors))]) * rng.uniform(0.88, 1.1), 0, 1)
        faces = at[0] + 180.0 if squared is None else squared
        roof = {"roof_m": 0.25 * min(size), "roof_color": roof_color} if roof_color else {}
        parts += house(at, size, color, faces, **roof)
    return parts


def trees(
    count: int,
    distance: Sequence[float],
    high: Sequence[float],
    seed: int,
    bearings: Sequence[float] = (0.0, 360.0),
) -> list[Thing]:
    """Broad-leaved trees strewn between two distances and bearings."""
    rng = np.random.default_rng(seed)
    crown = colored(trimesh.creation.icosphere(subdivisions=1), (1.0, 1.0, 1.0))
    parts: list[Thing] = []
    for _ in range(count):
        at = rng.uniform(*bearings), np.sqrt(rng.uniform(distance[0] ** 2, distance[1] ** 2))
        height, tone = rng.uniform(*high), rng.uniform(0.75, 1.0)
        leaves = colored(crown.copy(), (tone, tone, tone))
        leaves.apply_scale(np.array([0.32, 0.32, 0.36]) * height * rng.uniform(0.85, 1.15, 3))
        leaves.apply_translation([0, 0, 0.62 * height])
        trunk = limb((0, 0, 0), (0, 0, 0.5 * height), 0.04 * height, 0.03 * height, BARK, around=5)
        parts += [(put(trunk, at, 0.0), False), (put(leaves, at, 0.0), True)]
    return parts


def tree_ring(count: int, distance: float, high: float, first: float = 0.0) -> list[Thing]:
    """Trees alike at equal turns round the landmark."""
    step = 360.0 / count
    return [
        thing
        for number in range(count)
        for thing in trees(1, (distance, distance), (high, high), number, (first + number * step,) * 2)
    ]


def flags(count: int, distance: float, high: float, cloth: Sequence[Color], pole: Color) -> list[Thing]:
    """Flags on poles in a circle round the landmark, all blown eastwards."""
    parts: list[Thing] = []
    for number in range(count):
        at = (360.0 * (number + 0.5) / count, distance)
        parts.append((put(limb((0, 0, 0), (0, 0, high), 0.12, 0.08, pole, around=6), at, 0.0), False))
        for stripe, color in enumerate(cloth):
            low = high - 0.2 - 1.8 * (stripe + 1) / len(cloth)
            cloth_part = block((1.5, 0.0, low), (2.9, 0.15, 1.8 / len(cloth)), color)
            parts.append((put(cloth_part, at, 0.0), False))
    return parts


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
