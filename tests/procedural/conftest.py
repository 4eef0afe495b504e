"""Paris, as the tests of embedded cities see it."""

import pytest

from gpslift.geo.cities import City, load_city
from gpslift.procedural.city.built import BuiltCity, built_city


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("paris")


@pytest.fixture(scope="module")
def built(city: City) -> BuiltCity:
    return built_city(city)
