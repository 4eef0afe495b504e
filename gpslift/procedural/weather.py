"""Sun, sky, haze and season of one photo, from its date and hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
HALF_A_YEAR = timedelta(days=182)  # by which the seasons of the south lag


@dataclass(frozen=True)
class Weather:
    """What lights one photo. Colours: linear RGB [3]. `sun_direction` points to the sun. `clouds`: waves [K, 4]."""

    time: datetime
    sun_direction: Array
    sun_color: Array
    zenith_color: Array
    horizon_color: Array
    haze_per_m: float
    clouds: Array
    cloud_cover: float
    snow: bool
    lawn_color: Array
    leaf_color: Array


def sun_angles(time: datetime, latitude: float) -> tuple[float, float]:
    """Azimuth (clockwise from north) and elevation of the sun, radians, at local solar `time`.

    The textbook formula: declination -23.44 deg cos(360 deg / 365 (day + 10)), 15 degrees of hour angle an hour.
    """
    day = time.timetuple().tm_yday
    declination = np.deg2rad(-23.44) * np.cos(2 * np.pi * (day + 10) / 365)
    hour_angle = np.deg2rad(15.0) * (time.hour + time.minute / 60 - 12)
    phi = np.deg2rad(latitude)
    elevation = np.arcsin(np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle))
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour_angle)
    return float(np.arctan2(east, north) % (2 * np.pi)), float(elevation)


def daytime(rng: np.random.Generator, latitude: float) -> tuple[datetime, float, float]:
    """A random moment of 2015 to 2024 with the sun at least 6 degrees up, and the sun's azimuth and elevation."""
    while True:
        time = datetime(2015, 1, 1) + timedelta(minutes=int(rng.integers(0, 10 * 365 * 24 * 60)))
        azimuth, elevation = sun_angles(time, latitude)
        if elevation > np.deg2rad(6):
            return time, azimuth, elevation


def season_colors(time: datetime) -> tuple[Array, Array]:
    """Linear colours of lawn and leaves on that day of the north: green in summer, russet in autumn, dull in winter."""
    day = time.timetuple().tm_yday
    anchors = np.array([0, 90, 150, 230, 290, 340, 366])
    lawn = np.array(
        [
            [0.16, 0.15, 0.07],
            [0.15, 0.20, 0.06],
            [0.12, 0.24, 0.05],
            [0.16, 0.22, 0.06],
            [0.19, 0.18, 0.06],
            [0.16, 0.15, 0.07],
            [0.16, 0.15, 0.07],
        ]
    )
    leaf = np.array(
        [
            [0.12, 0.09, 0.06],
            [0.13, 0.17, 0.05],
            [0.05, 0.14, 0.03],
            [0.06, 0.13, 0.03],
            [0.34, 0.14, 0.04],
            [0.13, 0.09, 0.06],
            [0.12, 0.09, 0.06],
        ]
    )
    interpolate = [np.interp(day, anchors, column) for table in (lawn, leaf) for column in table.T]
    return np.array(interpolate[:3], np.float32), np.array(interpolate[3:], np.float32)


def draw_weather(rng: np.random.Generator, latitude: float) -> Weather:
    """A random day: clear to overcast, low or high sun, thin to thick haze, snow on some winter days."""
    time, azimuth, elevation = daytime(rng, latitude)
    cover = float(rng.beta(0.9, 1.2))
    warmth = float(np.exp(-elevation / 0.25))
    sun_strength = 3.0 * (1 - 0.93 * cover**2) * min(1.0, 0.35 + 1.6 * elevation)
    sun_color = sun_strength * np.array([1.0, 0.95 - 0.25 * warmth, 0.88 - 0.55 * warmth])
    clear, grey = np.array([0.16, 0.34, 0.78]), np.array([0.62, 0.65, 0.70])
    zenith = (1 - cover**2) * clear + cover**2 * grey * rng.uniform(0.75, 1.1)
    horizon = 0.45 * zenith + 0.55 * np.array([0.80, 0.84 - 0.16 * warmth, 0.90 - 0.38 * warmth])
    season = time if latitude >= 0 else time + HALF_A_YEAR
    lawn, leaf = season_colors(season)
    winter = season.month in (12, 1, 2)
    direction = [np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)]
    waves = np.column_stack([rng.normal(0, 1, (6, 3)) * rng.uniform(2, 7, (6, 1)), rng.uniform(0, 2 * np.pi, 6)])
    return Weather(
        time=time,
        sun_direction=np.array(direction, np.float32),
        sun_color=sun_color.astype(np.float32),
        zenith_color=zenith.astype(np.float32),
        horizon_color=horizon.astype(np.float32),
        haze_per_m=float(np.exp(rng.uniform(np.log(5e-5), np.log(1.6e-3)))),
        clouds=waves.astype(np.float32),
        cloud_cover=cover,
        snow=bool(winter and rng.random() < 0.35),
        lawn_color=lawn,
        leaf_color=leaf,
    )


def sky_color(weather: Weather, directions: Array) -> Array:
    """Linear colour [..., 3] of the sky along unit `directions` [..., 3]: gradient, clouds, the glow round the sun."""
    height = np.clip(directions[..., 2], 0.0, 1.0)[..., None]
    color = weather.horizon_color + (weather.zenith_color - weather.horizon_color) * height**0.6
    flat = directions / np.maximum(directions[..., 2:], 0.12)
    wave = np.sin(flat @ weather.clouds[:, :3].T + weather.clouds[:, 3]).mean(-1)
    cloud = np.clip(wave * 2.5 + weather.cloud_cover * 2 - 0.9, 0.0, 1.0)[..., None] * np.clip(height * 6, 0, 1)
    white = np.float32(0.55 + 0.35 * (1 - weather.cloud_cover))
    color = color * (1 - 0.7 * cloud) + 0.7 * cloud * white
    toward = np.clip(directions @ weather.sun_direction, 0.0, 1.0)[..., None]
    return color + 0.25 * weather.sun_color * (0.4 * toward**8 + toward**64)
