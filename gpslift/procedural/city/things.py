"""Things in the foreground: what captions name. Near enough to be told at 64 pixels; drawings.py has their looks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpslift.procedural.city import drawings
from gpslift.procedural.city.drawings import Color, Sheet


@dataclass(frozen=True)
class Thing:
    """kind: a key of KINDS. distance: metres ahead of the camera. aside: metres to the right. mirrored: faces left.

    color: linear, of what differs from one to the next (clothes, leaves take their own).
    """

    kind: str
    distance: float
    aside: float
    mirrored: bool
    color: Color


RED: Color = (0.60, 0.015, 0.015)
BLUE: Color = (0.015, 0.07, 0.52)
YELLOW: Color = (0.80, 0.52, 0.01)


@dataclass(frozen=True)
class Kind:
    """How a kind of thing is named, drawn, coloured (none: by chance), how far off it stands and how wide it is (m)."""

    name: str
    draw: Callable[[Sheet, Color], None]
    color: Color | None
    distance: tuple[float, float]
    wide: float


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("bench", drawings.bench, None, (4.0, 5.0), 2.0),
        Kind("red car", drawings.car, RED, (6.0, 7.5), 4.2),
        Kind("blue car", drawings.car, BLUE, (6.0, 7.5), 4.2),
        Kind("kiosk", drawings.kiosk, None, (5.5, 7.0), 2.6),
        Kind("tree", drawings.tree, None, (6.0, 7.5), 3.2),
        Kind("person", drawings.person, None, (3.8, 5.2), 0.7),
        Kind("bicycle", drawings.bicycle, None, (3.8, 4.6), 1.9),
        Kind("dog", drawings.dog, None, (3.4, 4.0), 1.3),
        Kind("street lamp", drawings.lamp, None, (5.0, 6.5), 0.6),
        Kind("fountain", drawings.fountain, None, (5.0, 6.5), 2.7),
        Kind("red umbrella", drawings.umbrella, RED, (4.0, 5.0), 1.7),
        Kind("yellow umbrella", drawings.umbrella, YELLOW, (4.0, 5.0), 1.7),
    )
}
CLOTHES: list[Color] = [
    (0.03, 0.25, 0.10),
    (0.62, 0.60, 0.55),
    (0.40, 0.04, 0.30),
    (0.05, 0.30, 0.40),
    (0.55, 0.22, 0.02),
]
COUNTS = (0.34, 0.36, 0.20, 0.10)
"""Chances of no thing, one, two and three."""


def room_for_things(half_short: float) -> float:
    """How far ahead, metres, things may stand with a lens of that tangent of half its short side's field of view."""
    return 7.6 * max(0.5 / half_short, 0.9) + 0.4


def draw_things(rng: np.random.Generator, half_short: float, pitch: float, eye_m: float) -> tuple[Thing, ...]:
    """None to three things, side by side, each so far away that its foot is in the picture, the nearest last.

    half_short: tangent of half the field of view of the picture's short side. pitch: of the camera, radians, up.
    """
    number = int(rng.choice(len(COUNTS), p=COUNTS))
    names = rng.choice(list(KINDS), size=number, replace=False)
    slots = {0: [], 1: [0.0], 2: [-0.42, 0.42], 3: [-0.60, 0.0, 0.60]}[number]
    nearest = eye_m / np.tan(np.arctan(0.90 * half_short) - pitch)
    zoom = 0.5 / half_short
    things = []
    for name, slot in zip(names, rng.permutation(slots), strict=True):
        kind = KINDS[str(name)]
        distance = max(float(rng.uniform(*kind.distance)) * max(zoom, 0.9), nearest)
        aside = (slot + rng.uniform(-0.12, 0.12)) * half_short * distance
        color = kind.color or CLOTHES[rng.integers(len(CLOTHES))]
        things.append(Thing(kind.name, distance, float(aside), bool(rng.random() < 0.5), color))
    return tuple(sorted(things, key=lambda thing: -thing.distance))
