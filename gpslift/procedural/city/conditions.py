"""What the hour, the season and the weather of an outing are: drawn with no regard to the place."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from gpslift.procedural.weather import sun_angles

TIMES = {"morning": 0.27, "noon": 0.23, "evening": 0.22, "dusk": 0.12, "night": 0.16}
SEASONS = {"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11), "winter": (12, 2)}
WEATHERS = {"clear": 0.38, "cloudy": 0.27, "rain": 0.20, "fog": 0.15}
SNOW_IN_WINTER = 0.35
SUN_DEG = {"morning": (4, 30), "noon": (-90, 90), "evening": (2, 10), "dusk": (-7, -2), "night": (-90, -12)}


@dataclass(frozen=True)
class Conditions:
    """time, season, weather: words. moment: local solar time. latitude: degrees."""

    time: str
    season: str
    weather: str
    moment: datetime
    latitude: float


def draw_conditions(rng: np.random.Generator, latitude: float) -> Conditions:
    """One outing's conditions; the moment is one of 2015 to 2024 that the words fit."""
    time = str(rng.choice(list(TIMES), p=list(TIMES.values())))
    season = str(rng.choice(list(SEASONS)))
    weather = str(rng.choice(list(WEATHERS), p=list(WEATHERS.values())))
    if season == "winter" and rng.random() < SNOW_IN_WINTER:
        weather = "snow"
    day = datetime(int(rng.integers(2015, 2025)), SEASONS[season][0], 1) + timedelta(days=int(rng.integers(0, 90)))
    fitting = [minute for minute in range(0, 24 * 60, 4) if fits(time, day + timedelta(minutes=minute), latitude)]
    moment = day + timedelta(minutes=fitting[rng.integers(len(fitting))], seconds=int(rng.integers(60)))
    return Conditions(time, season, weather, moment, latitude)


def fits(time: str, moment: datetime, latitude: float) -> bool:
    """Whether a moment may be called so, by the hour and by how high the sun stands."""
    hour, elevation = moment.hour + moment.minute / 60, np.rad2deg(sun_angles(moment, latitude)[1])
    low, high = SUN_DEG[time]
    hours = {"morning": (4, 10.8), "noon": (11.4, 13.2), "evening": (13, 24), "dusk": (13, 24)}.get(time)
    awake = hour > 18 or hour < 2  # few walk about later in the night
    return bool(low <= elevation <= high and (awake if hours is None else hours[0] <= hour <= hours[1]))
