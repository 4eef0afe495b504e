"""The light of a picture: sun, sky and haze of its conditions, street lamps by night, what lies wet or white."""

from dataclasses import dataclass

import numpy as np

from gpslift.procedural.city.conditions import Conditions
from gpslift.procedural.weather import Array, Weather, season_colors, sun_angles
from gpslift.srgb import linear_to_srgb


@dataclass(frozen=True)
class Light:
    """weather: sun and sky as `sky_color` takes them. lamps: 0 by day to 1 at night. bare: share of leaves gone.

    leaf, lawn: colours (leaf sRGB, lawn linear, [3]). exposure: what linear light is multiplied by.
    """

    weather: Weather
    lamps: float
    wet: bool
    falling: str
    bare: float
    leaf: Array
    lawn: Array
    exposure: float


LAMPLIGHT = np.array([1.0, 0.72, 0.42], np.float32)
COVER = {"clear": 0.12, "cloudy": 0.9, "rain": 0.97, "fog": 0.9, "snow": 0.92}
SUNSHINE = {"clear": 1.0, "cloudy": 0.14, "rain": 0.0, "fog": 0.03, "snow": 0.06}
HAZE_PER_M = {"clear": 1.6e-4, "cloudy": 4e-4, "rain": 1.6e-3, "fog": 1.1e-2, "snow": 3.2e-3}
BARE = {"spring": 0.2, "summer": 0.05, "autumn": 0.16, "winter": 0.72}


def light_of(rng: np.random.Generator, conditions: Conditions) -> Light:
    """The light under some conditions; clouds and haze vary by chance."""
    azimuth, elevation = sun_angles(conditions.moment, conditions.latitude)
    kind = conditions.weather
    cover = float(np.clip(COVER[kind] + rng.uniform(-0.1, 0.06), 0, 1))
    day = float(np.clip((np.rad2deg(elevation) + 9) / 13, 0, 1)) ** 1.5
    warmth = float(np.exp(-max(elevation, 0.0) / 0.17)) * (1 - 0.85 * cover**2)
    strength = 3.1 * SUNSHINE[kind] * float(np.clip(np.rad2deg(elevation) / 8, 0, 1))
    sun = strength * np.array([1.0, 0.95 - 0.33 * warmth, 0.88 - 0.66 * warmth])
    clear, grey = np.array([0.15, 0.33, 0.78]), np.array([0.60, 0.63, 0.68]) * rng.uniform(0.8, 1.05)
    grey = grey * {"rain": 0.72, "snow": 0.95}.get(kind, 1.0)
    zenith = (1 - cover**2) * clear + cover**2 * grey
    horizon = 0.4 * zenith + 0.6 * np.array([0.82, 0.84 - 0.22 * warmth, 0.90 - 0.50 * warmth])
    horizon = (1 - cover**2) * horizon + cover**2 * 1.05 * grey
    dark_zenith, dark_horizon = np.array([0.010, 0.016, 0.045]), np.array([0.045, 0.040, 0.050])
    if conditions.time == "dusk":  # the sky still glows where the sun went down, blue above
        dark_zenith, dark_horizon = np.array([0.06, 0.10, 0.26]), np.array([0.34, 0.23, 0.22])
        day *= 0.35
    zenith, horizon = day * zenith + (1 - day) * dark_zenith, day * horizon + (1 - day) * dark_horizon
    direction = [np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)]
    waves = np.column_stack([rng.normal(0, 1, (6, 3)) * rng.uniform(2, 7, (6, 1)), rng.uniform(0, 2 * np.pi, 6)])
    lawn, leaf = season_colors(conditions.moment)
    weather = Weather(
        time=conditions.moment,
        sun_direction=np.array(direction, np.float32),
        sun_color=sun.astype(np.float32),
        zenith_color=zenith.astype(np.float32),
        horizon_color=horizon.astype(np.float32),
        haze_per_m=HAZE_PER_M[kind] * float(np.exp(rng.normal(0, 0.25))),
        clouds=waves.astype(np.float32) if day > 0.5 else np.zeros((1, 4), np.float32),  # none are lit in the dark
        cloud_cover=cover if day > 0.5 else 0.0,
        snow=kind == "snow",
        lawn_color=lawn,
        leaf_color=leaf,
    )
    bright = 0.62 * float((zenith + horizon).mean()) / 2 + 0.30 * strength * max(np.sin(elevation), 0.25)
    exposure = (0.62 if kind == "clear" else 0.66) / max(bright, 0.24) ** 0.8 * float(np.exp(rng.normal(0, 0.07)))
    return Light(
        weather=weather,
        lamps=1 - day,
        wet=kind == "rain",
        falling=kind if kind in ("rain", "snow") else "",
        bare=BARE[conditions.season],
        leaf=np.array([0.80, 0.82, 0.86], np.float32) if kind == "snow" else linear_to_srgb(leaf),
        lawn=np.array([0.78, 0.81, 0.86], np.float32) if kind == "snow" else lawn,
        exposure=exposure,
    )
