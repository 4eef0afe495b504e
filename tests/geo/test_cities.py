"""The city file, the map in metres, and what is said of a point outside."""

from dataclasses import asdict

import numpy as np
import pytest

from gpslift.errors import UserError
from gpslift.geo.cities import City, city_from_entry, city_names, load_city
from gpslift.geo.geodesy import azimuth_and_distance


@pytest.fixture(params=["paris", "new_york"])
def city(request: pytest.FixtureRequest) -> City:
    return load_city(request.param)


def points(city: City, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(city.latitude_min, city.latitude_max, count), rng.uniform(
        city.longitude_min, city.longitude_max, count
    )


def entry(**changes: object) -> dict[str, object]:
    fields = asdict(load_city("paris"))
    fields.pop("name")
    return {key: value for key, value in {**fields, **changes}.items() if value is not None}


def test_the_cities() -> None:
    assert city_names() == ["paris", "new_york"]


def test_metres_from_the_centre_are_the_geodesics(city: City) -> None:
    latitude, longitude = points(city)
    azimuth, distance = azimuth_and_distance(*city.center, latitude, longitude)
    east, north = city.to_metres(latitude, longitude)
    assert np.hypot(east, north) == pytest.approx(distance, rel=1e-7)
    assert np.degrees(np.arctan2(east, north)) % 360 == pytest.approx(azimuth, abs=1e-5)
    assert east.dtype == north.dtype == np.float64


def test_metres_between_any_two_points_are_right_to_a_hundred_thousandth(city: City) -> None:
    latitude, longitude = points(city)
    east, north = city.to_metres(latitude, longitude)
    _, distance = azimuth_and_distance(latitude[0], longitude[0], latitude[1:], longitude[1:])
    assert np.hypot(east[1:] - east[0], north[1:] - north[0]) == pytest.approx(distance, rel=1e-5)


def test_there_and_back(city: City) -> None:
    latitude, longitude = points(city)
    again = city.to_geodetic(*city.to_metres(latitude, longitude))
    assert again[0] == pytest.approx(latitude, abs=1e-9) and again[1] == pytest.approx(longitude, abs=1e-9)


def test_known_places_and_sizes() -> None:
    paris, new_york = load_city("paris"), load_city("new_york")
    assert paris.contains(48.8584, 2.2945) and new_york.contains(40.7484, -73.9857)
    assert not paris.contains(40.7484, -73.9857)
    assert paris.extent_m == pytest.approx((18_050, 9_675), rel=0.005)
    assert new_york.extent_m == pytest.approx((9_535, 19_990), rel=0.005)


def test_contains_takes_arrays(city: City) -> None:
    latitude, longitude = points(city)
    assert city.contains(latitude, longitude).all()
    assert not city.contains(latitude + 1, longitude).any()
    city.check(*city.center)


def test_a_point_outside_is_told_the_bounds(city: City) -> None:
    with pytest.raises(UserError, match=rf"outside {city.title} \(latitude {city.latitude_min}") as error:
        city.check(0.0, 0.0)
    assert "did you mean" not in str(error.value)


def test_swapped_coordinates_are_recognised() -> None:
    with pytest.raises(UserError, match=r"looks like longitude, latitude: did you mean 48\.8584, 2\.2945\?"):
        load_city("paris").check(2.2945, 48.8584)


def test_unknown_city_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'atlantis'.*paris, new_york.*cities\.yaml"):
        load_city("atlantis")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": None}, "missing title"),
        ({"mayor": 3}, "unknown field mayor"),
        ({"latitude_min": "north"}, "latitude_min cannot be read"),
        ({"latitude_min": 49}, "latitude_min must be below"),
        ({"longitude_max": 200}, "longitude_min must be below"),
        ({"ground_altitude_m": float("nan")}, "ground_altitude_m cannot be read"),
    ],
)
def test_a_bad_entry_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        city_from_entry("mine", entry(**changes))
