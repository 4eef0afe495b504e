"""Simulated tourists: where they stand, how they frame the landmark, and what their phones write of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from gpslift.procedural.weather import Weather, draw_weather

EYE_HEIGHT_M = (1.4, 1.9)
FERRY_DECK_M = (4.0, 13.0)
LOW_DRONE_M = (15.0, 110.0)
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

    position: tuple[float, float, float]
    aim: tuple[float, float, float]
    roll_deg: float
    focal_35mm: int
    portrait: bool
    exposure: float
    measured_position: tuple[float, float, float]
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
    rng: np.random.Generator, author: str, look_at_m: tuple[float, float, float], latitude: float, aspect: float
) -> Iterator[Shot]:
    """The photos of one tourist's outing: one to six, walking (or sailing, or flying) part of the way round."""
    weather = draw_weather(rng, latitude)
    time = weather.time
    azimuth = rng.uniform(0, 2 * np.pi)
    kind = rng.choice(["foot", "ferry", "drone"], p=[0.55, 0.25, 0.20])
    tells_altitude, tells_focal, tells_accuracy = (bool(tells) for tells in rng.random(3) < (0.80, 0.85, 0.85))
    exposure = float(np.exp(rng.normal(0.0, 0.18)))
    outing = Outing(author, weather, exposure, tells_altitude, tells_focal, tells_accuracy)
    for _ in range(int(rng.integers(1, 7))):
        yield _shot(rng, outing, time, _standpoint(rng, kind, azimuth), look_at_m, aspect)
        azimuth += rng.normal(0.0, 0.9)
        time += timedelta(minutes=float(rng.uniform(1, 9)))


def _standpoint(rng: np.random.Generator, kind: str, azimuth: float) -> tuple[float, float, float]:
    low, high = {"foot": (60, 150), "ferry": (165, 400), "drone": (80, 250)}[kind]
    distance = np.exp(rng.uniform(np.log(low), np.log(high)))
    height = rng.uniform(*{"foot": EYE_HEIGHT_M, "ferry": FERRY_DECK_M, "drone": LOW_DRONE_M}[kind])
    return float(distance * np.sin(azimuth)), float(distance * np.cos(azimuth)), float(height)


def _shot(
    rng: np.random.Generator,
    outing: Outing,
    time: datetime,
    position: tuple[float, float, float],
    look_at_m: tuple[float, float, float],
    aspect: float,
) -> Shot:
    """Framed so that the landmark fills most of the picture: the short side covers 94 to 122 m at the landmark."""
    distance = float(np.linalg.norm(np.subtract(position, look_at_m)))
    width = rng.uniform(94, 122)
    focal = focal_length_35mm(2 * np.arctan(width / (2 * distance)), aspect)
    stray = rng.normal(0, 0.022 * width, 3)
    accuracy = float(np.clip(np.exp(rng.normal(np.log(5.0), 0.35)), 2.5, 16.0))
    error = rng.normal(0, accuracy / ACCURACY_TO_SIGMA, 2)
    return Shot(
        position=position,
        aim=(look_at_m[0] + stray[0], look_at_m[1] + stray[1], look_at_m[2] + stray[2]),
        roll_deg=float(rng.normal(0, 1.2)),
        focal_35mm=focal,
        portrait=bool(rng.random() < 0.7),
        exposure=outing.exposure * float(np.exp(rng.normal(0.0, 0.06))),
        measured_position=(position[0] + error[0], position[1] + error[1], position[2] + float(rng.normal(0, 3.0))),
        accuracy_m=accuracy if outing.tells_accuracy else None,
        altitude_known=outing.tells_altitude,
        focal_known=outing.tells_focal,
        author=outing.author,
        time=time,
        weather=outing.weather,
    )
