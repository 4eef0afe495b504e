"""Simulated tourists: where they stand, how they frame the landmark, and what their phones write of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from gpslift.geo.landmarks import Landmark
from gpslift.procedural.sites import Site, Standpoint
from gpslift.procedural.weather import Weather, draw_weather

Position = tuple[float, float, float]
TRIES = 12  # how often a tourist who cannot see the landmark looks for another standpoint before walking on
# Diagonal of 36 mm x 24 mm, what "35 mm equivalent" refers to. Written out here, not taken from gpslift.photos.focal:
# the photographer and the reader know optics independently of each other, so that a fault of either shows in the tests.
FULL_FRAME_DIAGONAL_MM = 43.2666
ACCURACY_TO_SIGMA = 1.5096  # 68 % of a circular normal distribution lies within this many standard deviations


@dataclass(frozen=True)
class Shot:
    """One photo before it is taken: the true camera, and what the phone says of it (None = it says nothing).

    position, aim: metres, east-north-up from the landmark. roll_deg. focal_35mm: the true one, whole millimetres.
    measured_position: with GPS noise. accuracy_m: 68 % radius.
    """

    position: Position
    aim: Position
    roll_deg: float
    focal_35mm: int
    portrait: bool
    exposure: float
    measured_position: Position
    accuracy_m: float | None
    altitude_known: bool
    focal_known: bool
    author: str
    time: datetime
    weather: Weather


@dataclass(frozen=True)
class Outing:
    """What one tourist's photos have in common: who, in which weather, how bright, and which tags the phone writes."""

    author: str
    weather: Weather
    exposure: float
    tells_altitude: bool
    tells_focal: bool
    tells_accuracy: bool


def short_side_fov(focal_35mm: float, aspect: float) -> float:
    """Field of view of the short side, radians, from the 35 mm equivalent focal length and long over short side."""
    short_mm = FULL_FRAME_DIAGONAL_MM / np.hypot(1.0, aspect)
    return float(2 * np.arctan(short_mm / (2 * focal_35mm)))


def focal_length_35mm(fov: float, aspect: float) -> int:
    """The whole number of millimetres nearest to what `short_side_fov` inverts to."""
    return max(1, round(FULL_FRAME_DIAGONAL_MM / np.hypot(1.0, aspect) / (2 * np.tan(fov / 2))))


def visit(
    rng: np.random.Generator,
    author: str,
    landmark: Landmark,
    site: Site,
    aspect: float,
    sees: Callable[[Position], bool] = lambda position: True,
) -> Iterator[Shot]:
    """The photos of one tourist's outing: one to six, walking (or sailing, or flying) part of the way round.

    sees: whether the landmark is in sight from a position, metres; where it is not, no photo is taken.
    """
    weather = draw_weather(rng, landmark.latitude)
    time = weather.time
    azimuth = rng.uniform(0, 2 * np.pi)
    kinds = list(site.standpoints.values())
    kind = kinds[rng.choice(len(kinds), p=[kind.share for kind in kinds])]
    tells_altitude, tells_focal, tells_accuracy = (bool(tells) for tells in rng.random(3) < (0.80, 0.85, 0.85))
    exposure = float(np.exp(rng.normal(0.0, 0.18)))
    outing = Outing(author, weather, exposure, tells_altitude, tells_focal, tells_accuracy)
    for _ in range(int(rng.integers(1, 7))):
        tries = (_standpoint(rng, kind, azimuth) for _ in range(TRIES))
        position = next((place for place in tries if sees(place)), None)
        if position is not None:
            yield _shot(rng, outing, time, position, landmark, site, aspect)
        azimuth += rng.normal(0.0, 0.9)
        time += timedelta(minutes=float(rng.uniform(1, 9)))


def _standpoint(rng: np.random.Generator, kind: Standpoint, azimuth: float) -> Position:
    low, high = kind.distance_m
    distance = np.exp(rng.uniform(np.log(low), np.log(high)))
    height = rng.uniform(*kind.height_m)
    return float(distance * np.sin(azimuth)), float(distance * np.cos(azimuth)), float(height)


def _shot(
    rng: np.random.Generator,
    outing: Outing,
    time: datetime,
    position: Position,
    landmark: Landmark,
    site: Site,
    aspect: float,
) -> Shot:
    """Framed so that the landmark, or its upper part, fills most of the picture, as the site says."""
    look_at_m = landmark.look_at_m
    distance = float(np.linalg.norm(np.subtract(position, look_at_m)))
    narrow, wide = site.close_frame if site.close_share and rng.random() < site.close_share else site.frame
    width = rng.uniform(narrow * 2 * landmark.half_extent_m, wide * 2 * landmark.half_extent_m)
    focal = focal_length_35mm(2 * np.arctan(width / (2 * distance)), aspect)
    stray = rng.normal(0, 0.022 * width, 3)
    accuracy = float(np.clip(np.exp(rng.normal(np.log(5.0), 0.35)), 2.5, 16.0))
    error = rng.normal(0, accuracy / ACCURACY_TO_SIGMA, 2)
    return Shot(
        position=position,
        aim=(look_at_m[0] + stray[0], look_at_m[1] + stray[1], look_at_m[2] + landmark.aim_rise_m(width) + stray[2]),
        roll_deg=float(rng.normal(0, 1.2)),
        focal_35mm=focal,
        portrait=bool(rng.random() < site.upright),
        exposure=outing.exposure * float(np.exp(rng.normal(0.0, 0.06))),
        measured_position=(position[0] + error[0], position[1] + error[1], position[2] + float(rng.normal(0, 3.0))),
        accuracy_m=accuracy if outing.tells_accuracy else None,
        altitude_known=outing.tells_altitude,
        focal_known=outing.tells_focal,
        author=outing.author,
        time=time,
        weather=outing.weather,
    )
