"""The map: known places lie where they do, districts drift gradually, and noise is the same every time."""

import numpy as np
import pytest

from gpslift.errors import UserError
from gpslift.geo.cities import City, city_from_entry, load_city
from gpslift.procedural.city.facts import load_facts, load_styles
from gpslift.procedural.city.masses import PATTERNS
from gpslift.procedural.city.monuments import BUILDERS, build_monument
from gpslift.procedural.city.noise import drift, hashed
from gpslift.procedural.truth import district_names, district_of

CITIES = ["paris", "new_york"]
PLACES = {
    "paris": {
        "water": [(48.8586, 2.3366), (48.8634, 2.3100), (48.8400, 2.2695), (48.8300, 2.3850)],
        "park": [(48.8636, 2.3270), (48.8460, 2.3370), (48.8650, 2.2500), (48.8300, 2.4400)],
        "montmartre": [(48.8880, 2.3410)],
        "marais": [(48.8590, 2.3600), (48.8540, 2.3475)],
    },
    "new_york": {
        "water": [(40.7400, -74.0190), (40.7420, -73.9650), (40.8420, -73.9590)],
        "park": [(40.7800, -73.9680), (40.7720, -73.9740)],
        "midtown": [(40.7550, -73.9770)],
        "times_square": [(40.7585, -73.9865)],
        "harlem": [(40.8110, -73.9450)],
    },
}


@pytest.mark.parametrize("name", CITIES)
def test_known_places(name: str) -> None:
    city = load_city(name)
    for district, places in PLACES[name].items():
        latitude, longitude = np.array(places).T
        found = [district_names(city)[i] for i in district_of(city, latitude, longitude)]
        assert found == [district] * len(places)


@pytest.mark.parametrize("name", CITIES)
def test_the_facts_are_whole(name: str) -> None:
    facts, styles = load_facts(load_city(name)), load_styles()
    assert 8 <= len(facts.districts) <= 13
    for district in facts.districts:
        style = styles[district.style]
        assert district.grid in facts.grids and style.pattern in PATTERNS and style.tower_pattern in PATTERNS
    assert len({district.style for district in facts.districts}) == len(facts.districts)
    for monument in facts.monuments:
        assert monument.kind in BUILDERS
        tops = build_monument(monument).shape[:, 7]
        assert tops.max() == pytest.approx(monument.height_m + monument.base_m, rel=0.45)


def test_a_city_that_is_not_made_by_rule() -> None:
    entry = dict(
        title="Pisa", latitude_min=43, latitude_max=44, longitude_min=10, longitude_max=11, ground_altitude_m=4
    )
    with pytest.raises(UserError, match=r"Pisa is not made by rule: there are new_york, paris.*data\.photos"):
        load_facts(city_from_entry("pisa", entry))


@pytest.mark.parametrize("name", CITIES)
def test_every_district_has_room(name: str) -> None:
    city: City = load_city(name)
    rng = np.random.default_rng(0)
    latitude = rng.uniform(city.latitude_min, city.latitude_max, 20_000)
    longitude = rng.uniform(city.longitude_min, city.longitude_max, 20_000)
    share = np.bincount(district_of(city, latitude, longitude), minlength=len(district_names(city))) / 20_000
    assert share.min() > 0.001 and share.max() < 0.45


def test_noise_is_even_smooth_and_the_same_every_time() -> None:
    values = hashed(5, np.arange(20_000), 7)
    assert np.histogram(values, 10, (0, 1))[0].min() > 1800
    assert np.array_equal(values, hashed(5, np.arange(20_000), 7)) and not np.array_equal(
        values, hashed(6, np.arange(20_000), 7)
    )
    assert np.all(hashed(5, -3, 4) != hashed(5, 3, 4))
    line = drift(9, np.arange(0, 3000.0), np.zeros(3000), 300.0)
    assert np.abs(np.diff(line)).max() < 0.01 and np.ptp(line) > 0.3
