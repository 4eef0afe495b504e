"""Walkers with phones: where they stand, which way they look, what stands before them, and what their phones write."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.captions import write_caption
from gpslift.procedural.city.conditions import Conditions, draw_conditions
from gpslift.procedural.city.standpoints import Place, clearance, draw_place, next_place
from gpslift.procedural.city.things import Thing, draw_things, room_for_things
from gpslift.procedural.tourists import ACCURACY_TO_SIGMA, short_side_fov

ASPECT = 4 / 3
FOCAL_MM, FOCAL_CHANCES = (24, 26, 28, 35, 50), (0.18, 0.37, 0.22, 0.15, 0.08)
EYE_M = (1.45, 1.75)
WITHOUT_GPS, WRONG_GPS = 0.02, 0.01
MONUMENT_IN_SIGHT_M = 1500.0
TRIES = 10


@dataclass(frozen=True)
class Shot:
    """One photo before it is taken: the true camera, what stands before it, and what the phone says of it.

    east_m, north_m: metres of the city. height_m: of the eye, floor_m: of what one stands on, above the ground.
    heading_deg: clockwise from north. tag: "right", "none", "zero", "swapped" or "elsewhere".
    measured: east and north with GPS noise, metres.
    """

    east_m: float
    north_m: float
    height_m: float
    floor_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    focal_35mm: int
    portrait: bool
    conditions: Conditions
    things: tuple[Thing, ...]
    caption: str
    author: str
    time: datetime
    exposure: float
    tag: str
    measured: tuple[float, float]
    accuracy_m: float
    tells: frozenset[str]

    @property
    def half_short(self) -> float:
        """Tangent of half the field of view of the short side."""
        return half_short(self.focal_35mm)


def half_short(focal_35mm: int) -> float:
    """Tangent of half the field of view of the short side."""
    return float(np.tan(short_side_fov(focal_35mm, ASPECT) / 2))


def outing(built: BuiltCity, rng: np.random.Generator, author: str) -> Iterator[Shot]:
    """The photos of one walk: one to eight within minutes, in one weather, along a street."""
    latitude, _ = built.terrain.facts.city.center
    conditions = draw_conditions(rng, latitude)
    place = draw_place(built, rng)
    shares = {"accuracy": 0.85, "focal": 0.85, "direction": 0.6, "altitude": 0.6}
    tells = frozenset(name for name, share in shares.items() if rng.random() < share)
    exposure, eye = float(np.exp(rng.normal(0, 0.10))), float(rng.uniform(*EYE_M))
    portrait, time = bool(rng.random() < 0.45), conditions.moment
    for _ in range(int(rng.integers(1, 9))):
        yield _shot(built, rng, place, conditions, time, (author, tells, exposure, eye, portrait))
        place = next_place(built, rng, place)
        time += timedelta(seconds=float(rng.uniform(20, 150)))


def _shot(
    built: BuiltCity,
    rng: np.random.Generator,
    place: Place,
    conditions: Conditions,
    time: datetime,
    habits: tuple[str, frozenset[str], float, float, bool],
) -> Shot:
    author, tells, exposure, eye, portrait = habits
    focal = int(rng.choice(FOCAL_MM, p=FOCAL_CHANCES))
    free, heading, target = draw_heading(built, rng, place, room_for_things(half_short(focal)))
    if free < room_for_things(half_short(focal)):
        focal = FOCAL_MM[0]  # one goes near and takes the widest lens
    pitch = float(np.clip(rng.normal(3.0, 2.5), -3, 8)) * half_short(focal) / half_short(FOCAL_MM[1])
    things = draw_things(rng, half_short(focal), np.deg2rad(pitch), eye)
    if not things and target > 0:
        pitch = float(np.clip(np.rad2deg(target) * rng.uniform(0.4, 0.7), pitch, 24))
    accuracy = float(np.clip(np.exp(rng.normal(np.log(5.0), 0.4)), 2.5, 20.0))
    error = rng.normal(0, accuracy / ACCURACY_TO_SIGMA, 2)
    kind = rng.random()
    tag = "none" if kind < WITHOUT_GPS else "right"
    if WITHOUT_GPS <= kind < WITHOUT_GPS + WRONG_GPS:
        tag = str(rng.choice(["zero", "swapped", "elsewhere"]))
    return Shot(
        east_m=place.east,
        north_m=place.north,
        height_m=place.floor + eye,
        floor_m=place.floor,
        heading_deg=heading,
        pitch_deg=pitch,
        roll_deg=float(rng.normal(0, 0.9)),
        focal_35mm=focal,
        portrait=portrait if rng.random() < 0.85 else not portrait,
        conditions=conditions,
        things=things,
        caption=write_caption(rng, [thing.kind for thing in things], conditions),
        author=author,
        time=time,
        exposure=exposure * float(np.exp(rng.normal(0.0, 0.04))),
        tag=tag,
        measured=(place.east + float(error[0]), place.north + float(error[1])),
        accuracy_m=accuracy,
        tells=tells,
    )


def draw_heading(built: BuiltCity, rng: np.random.Generator, place: Place, room: float) -> tuple[float, float, float]:
    """The way a walker looks: how far it is free (metres, up to `room`), where it leads (degrees), and how high, in
    radians, the top of the monument looked at stands (0 = none).

    Along the street, aslant at its houses, at a monument, out over the water; always with room for things in front.
    The room asked for depends on the lens, not on what will stand there: so things do not depend on the place.
    """
    best = (-1.0, 0.0, 0.0)
    for _ in range(TRIES):
        heading, top = _wish(built, rng, place)
        free = clearance(built, place, heading, room)
        if free >= room:
            return free, heading % 360, top
        best = max(best, (free, heading % 360, top))
    turns = [(clearance(built, place, heading, room), heading, 0.0) for heading in np.arange(0.0, 360.0, 30.0)]
    return max([best, *turns])


def _wish(built: BuiltCity, rng: np.random.Generator, place: Place) -> tuple[float, float]:
    """A heading, degrees, and the elevation of the top of what it is aimed at."""
    kind, street = rng.random(), place.street_deg + 90.0 * rng.integers(4) * (rng.random() < 0.45)
    if kind < 0.28:
        offset = np.array([m.at[:2] for m in built.terrain.facts.monuments]) - (place.east, place.north)
        distance = np.hypot(*offset.T)
        tops = np.array([m.height_m + m.base_m for m in built.terrain.facts.monuments])
        weight = np.where(distance < 4 * MONUMENT_IN_SIGHT_M, tops / np.maximum(distance, 60), 0)
        weight[(distance > MONUMENT_IN_SIGHT_M) & (tops < 0.12 * distance)] = 0
        if weight.sum() > 0.05:
            chosen = int(rng.choice(len(weight), p=weight / weight.sum()))
            bearing = np.rad2deg(np.arctan2(*offset[chosen]))
            return bearing + rng.normal(0, 7), float(np.arctan2(tops[chosen], distance[chosen]))
    if kind < 0.50 and place.shore_deg is not None:
        return place.shore_deg + rng.normal(0, 40), 0.0
    if kind < 0.78:
        return street + 180.0 * rng.integers(2) + rng.normal(0, 9), 0.0
    return street + 180.0 * rng.integers(2) + rng.choice([-1, 1]) * rng.normal(40, 12), 0.0
