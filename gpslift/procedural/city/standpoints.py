"""Where one can stand in a city, and how far the ground before one is free."""

from dataclasses import dataclass

import numpy as np

from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.facts import Bridge, Floats
from gpslift.procedural.city.masses import Float32s
from gpslift.procedural.city.terrain import RASTER_M

KINDS = {"anywhere": 0.48, "monument": 0.21, "park": 0.10, "water": 0.12, "bridge": 0.04, "open": 0.05}
BUSIEST = 2.2
SHORE_M = 60.0
ROOM_M = 8.2  # what the widest lens asks for
MARGIN_M = 1.5
REACH_M = 20.0  # more than the room that any lens asks for


@dataclass(frozen=True)
class Place:
    """A standpoint: metres of the city, floor above the ground. street_deg: the way the street runs; shore_deg: where
    the water is, if it is near. bridge: the one that is stood on. obstacles: shapes of what stands around."""

    east: float
    north: float
    floor: float
    street_deg: float
    shore_deg: float | None
    bridge: Bridge | None
    obstacles: Float32s


def draw_place(built: BuiltCity, rng: np.random.Generator) -> Place:
    """A place to begin a walk: anywhere, but more often near monuments, in parks, by the water and on bridges."""
    while True:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        if kind == "bridge":
            bridge = built.terrain.facts.bridges[rng.integers(len(built.terrain.facts.bridges))]
            side = float(rng.choice([-1, 1]))
            along = (bridge.end - bridge.start)[:2]
            across = np.array([-along[1], along[0]]) / np.hypot(*along)
            # by one parapet, so that there is room before the other
            at = bridge.start[:2] + rng.uniform(0.15, 0.85) * along + side * (bridge.width_m / 2 - 2.6) * across
            if in_box(built, at):
                return place_on(bridge, at, side)
            continue
        at = _candidate(built, rng, kind)
        if in_box(built, at) and (place := place_at(built, at)) is not None:
            return place


def has_room(built: BuiltCity, place: Place) -> bool:
    """Whether some way to look is free far enough for the widest lens; along the street is tried first."""
    return any(clearance(built, place, place.street_deg + turn, ROOM_M) >= ROOM_M for turn in range(0, 360, 30))


def _candidate(built: BuiltCity, rng: np.random.Generator, kind: str) -> Floats:
    terrain = built.terrain
    half = np.array(terrain.facts.city.extent_m) / 2
    if kind == "anywhere":
        while True:
            at = rng.uniform(-half, half)
            (index,), _ = terrain.district(at[:1], at[1:])
            if rng.random() < terrain.facts.districts[index].walkers / BUSIEST:
                return at
    if kind == "monument":
        monument = terrain.facts.monuments[rng.integers(len(terrain.facts.monuments))]
        angle, away = rng.uniform(0, 2 * np.pi), monument.clear_m * 0.8 + rng.exponential(200.0)
        return monument.at[:2] + away * np.array([np.sin(angle), np.cos(angle)])
    cells = built.cells[kind]
    row, column = divmod(int(cells[rng.integers(len(cells))]), built.columns)
    return terrain.corner + RASTER_M * (np.array([column, row]) + rng.uniform(-0.5, 0.5, 2))


def in_box(built: BuiltCity, at: Floats) -> bool:
    """Whether the place lies in the city's box."""
    city = built.terrain.facts.city
    return bool(city.contains(*city.to_geodetic(at[0], at[1])))


def place_at(built: BuiltCity, at: Floats) -> Place | None:
    """The standpoint at a place on the ground, if it is free and has room before it."""
    obstacles = built.obstacles(at[0], at[1], REACH_M)
    if built.blocked(at[None], MARGIN_M, obstacles)[0]:
        return None
    east, north = at[:1], at[1:]
    water, shore = built.terrain.water, None
    if water(east, north)[0] > -SHORE_M:
        slope = [water(east + dx, north + dy)[0] - water(east - dx, north - dy)[0] for dx, dy in ((15, 0), (0, 15))]
        shore = float(np.rad2deg(np.arctan2(*slope)))
    street = float(built.terrain.bearing(east, north)[0])
    place = Place(float(at[0]), float(at[1]), 0.0, street, shore, None, obstacles)
    return place if has_room(built, place) else None


def place_on(bridge: Bridge, at: Floats, side: float) -> Place:
    """The standpoint on a bridge's deck; it is by the left (1) or right (-1) parapet, and looks across to the other."""
    along = np.rad2deg(np.arctan2(*(bridge.end - bridge.start)[:2]))
    return Place(
        float(at[0]),
        float(at[1]),
        bridge.deck_m,
        float(along),
        float(along) + 90 * side,
        bridge,
        np.zeros((0, 11), np.float32),
    )


def next_place(built: BuiltCity, rng: np.random.Generator, place: Place) -> Place:
    """Some way on along the street, or where one was if there is no way."""
    for _ in range(6):
        turn = np.deg2rad(place.street_deg + 180 * rng.integers(2) + 90 * (rng.random() < 0.2) + rng.normal(0, 4))
        at = np.array([place.east, place.north]) + rng.uniform(12, 80) * np.array([np.sin(turn), np.cos(turn)])
        if not in_box(built, at):
            continue
        if place.bridge is not None:
            if on_deck(place.bridge, at[None], 2.0)[0]:
                return place_on(place.bridge, at, np.sign((place.shore_deg or 0.0) - place.street_deg))
        elif (further := place_at(built, at)) is not None:
            return further
    return place


def on_deck(bridge: Bridge, points: Floats, margin_m: float) -> np.ndarray:
    """Which points [N, 2] lie on the deck, `margin_m` from its edge."""
    along = bridge.end[:2] - bridge.start[:2]
    length = float(np.hypot(*along))
    offset = points - bridge.start[:2]
    u, v = offset @ along / length, (offset[:, 1] * along[0] - offset[:, 0] * along[1]) / length
    return (u > margin_m) & (u < length - margin_m) & (np.abs(v) < bridge.width_m / 2 - margin_m)


def clearance(built: BuiltCity, place: Place, heading_deg: float, room_m: float) -> float:
    """How many metres ahead are free of walls and water, up to `room_m`; in five steps, over some width."""
    angle = np.deg2rad(heading_deg)
    ahead, right = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    steps = room_m * np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    points = np.concatenate([s * (ahead + side * right) for s in steps for side in (-0.3, 0.0, 0.3)]).reshape(-1, 2)
    points += [place.east, place.north]
    if place.bridge is not None:
        free = on_deck(place.bridge, points, 0.4)
    else:
        free = ~built.blocked(points, 0.3, place.obstacles)
    clear = free.reshape(5, 3).all(1)
    return float(steps[-1] if clear.all() else np.concatenate([[0.0], steps])[int(clear.argmin())])
