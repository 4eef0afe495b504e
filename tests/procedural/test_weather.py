"""Sun and sky against what every almanac says."""

from datetime import datetime

import numpy as np
import pytest

from gpslift.procedural.weather import Weather, daytime, draw_weather, season_colors, sky_color, sun_angles

NEW_YORK = 40.69
EQUINOX, MIDSUMMER, MIDWINTER = (3, 22), (6, 21), (12, 21)


def sun(day: tuple[int, int], hour: int, latitude: float = NEW_YORK) -> tuple[float, float]:
    azimuth, elevation = sun_angles(datetime(2023, *day, hour), latitude)
    return float(np.degrees(azimuth)), float(np.degrees(elevation))


@pytest.mark.parametrize(
    ("day", "latitude", "elevation", "azimuth"),
    [
        (EQUINOX, NEW_YORK, 90 - NEW_YORK, 180),
        (MIDSUMMER, NEW_YORK, 90 - NEW_YORK + 23.44, 180),
        (MIDWINTER, NEW_YORK, 90 - NEW_YORK - 23.44, 180),
        (MIDWINTER, -NEW_YORK, 90 - NEW_YORK + 23.44, 0),  # below the equator the noon sun is in the north
    ],
)
def test_noon(day: tuple[int, int], latitude: float, elevation: float, azimuth: float) -> None:
    got_azimuth, got_elevation = sun(day, 12, latitude)
    assert got_elevation == pytest.approx(elevation, abs=0.25)
    assert abs((got_azimuth - azimuth + 180) % 360 - 180) < 0.1


def test_the_sun_rises_in_the_east_and_sets_in_the_west() -> None:
    assert sun(EQUINOX, 6) == pytest.approx((90, 0), abs=0.25)
    assert sun(EQUINOX, 18) == pytest.approx((270, 0), abs=0.25)
    assert sun(EQUINOX, 9)[0] < 180 < sun(EQUINOX, 15)[0]
    assert sun(MIDSUMMER, 6)[0] < 80  # north of east in summer, and already up
    assert sun(MIDSUMMER, 6)[1] > 10
    assert sun(MIDWINTER, 6)[1] < -10


def test_photos_are_taken_by_day() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        time, azimuth, elevation = daytime(rng, NEW_YORK)
        assert (azimuth, elevation) == sun_angles(time, NEW_YORK)
        assert np.degrees(elevation) > 6


def test_leaves_are_green_in_july_and_russet_in_october() -> None:
    red, green, _ = season_colors(datetime(2023, 7, 10))[1]
    assert green > 2 * red
    red, green, _ = season_colors(datetime(2023, 10, 17))[1]
    assert red > 2 * green
    assert np.allclose(season_colors(datetime(2023, 1, 1))[0], season_colors(datetime(2023, 12, 31))[0], atol=0.01)


def weathers(count: int) -> list[Weather]:
    rng = np.random.default_rng(1)
    return [draw_weather(rng, NEW_YORK) for _ in range(count)]


def test_days_differ_and_snow_falls_in_winter_only() -> None:
    drawn = weathers(300)
    assert all(weather.time.month in (12, 1, 2) for weather in drawn if weather.snow)
    assert 3 <= sum(weather.snow for weather in drawn) <= 60
    assert np.allclose([np.linalg.norm(weather.sun_direction) for weather in drawn], 1, atol=1e-5)
    covers = np.array([weather.cloud_cover for weather in drawn])
    assert covers.min() < 0.1 and covers.max() > 0.9
    strengths = np.array([weather.sun_color.sum() for weather in drawn])
    assert np.corrcoef(strengths, covers)[0, 1] < -0.5  # clouds take the sun's light


def test_the_sky_is_brightest_at_the_sun() -> None:
    weather = min(weathers(20), key=lambda w: w.cloud_cover)
    away = weather.sun_direction * np.array([-1, -1, 1], np.float32)
    at_sun, opposite = sky_color(weather, np.stack([weather.sun_direction, away]))
    assert at_sun.sum() > opposite.sum() + 0.2


def test_snow_falls_in_the_winter_of_its_half_of_the_earth() -> None:
    for latitude, months in ((45.0, {12, 1, 2}), (-45.0, {6, 7, 8})):
        rng = np.random.default_rng(3)
        snowy = [weather.time.month for weather in (draw_weather(rng, latitude) for _ in range(300)) if weather.snow]
        assert len(snowy) > 8 and set(snowy) <= months
