"""Conditions and captions: they fit each other and the clock, and know nothing of places."""

import re
from datetime import datetime

import numpy as np
import pytest

from gpslift.geo.cities import City, city_names, load_city
from gpslift.procedural.city.captions import ADJECTIVES, PHRASES, list_of, moment, with_article, write_caption
from gpslift.procedural.city.conditions import SEASONS, TIMES, WEATHERS, Conditions, draw_conditions
from gpslift.procedural.city.facts import load_facts
from gpslift.procedural.city.things import KINDS
from gpslift.procedural.weather import sun_angles

DRAWS = 1500


@pytest.fixture(scope="module")
def drawn() -> list[Conditions]:
    return [draw_conditions(np.random.default_rng([3, n]), 48.86) for n in range(DRAWS)]


def captions_of(drawn: list[Conditions], names: list[str]) -> list[str]:
    return [write_caption(np.random.default_rng([4, n]), names, c) for n, c in enumerate(drawn)]


def test_every_word_occurs_about_as_often_as_meant(drawn: list[Conditions]) -> None:
    for time, share in TIMES.items():
        assert np.mean([c.time == time for c in drawn]) == pytest.approx(share, abs=0.04)
    for season in SEASONS:
        assert np.mean([c.season == season for c in drawn]) == pytest.approx(0.25, abs=0.04)
    assert {c.weather for c in drawn} == {*WEATHERS, "snow"}


def test_the_moment_is_what_the_words_say(drawn: list[Conditions]) -> None:
    for c in drawn:
        months = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}[c.season]
        assert c.moment.month in months
        elevation = np.rad2deg(sun_angles(c.moment.replace(second=0), c.latitude)[1])
        assert (elevation > 0) == (c.time in ("morning", "noon", "evening"))
        assert c.moment.hour in {"morning": range(4, 12), "noon": range(11, 14)}.get(c.time, range(0, 24))
        assert c.weather != "snow" or c.season == "winter"
        assert elevation < -11.9 or c.time != "night"


def test_articles_and_lists() -> None:
    assert with_article("autumn day") == "an autumn day" and with_article("bench") == "a bench"
    assert list_of(["dog"]) == "a dog"
    assert list_of(["dog", "bench"]) == "a dog and a bench"
    assert list_of(["dog", "bench", "tree"]) == "a dog, a bench and a tree"


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ("noon", "at noon on a rainy autumn day"),
        ("morning", "on a rainy autumn morning"),
        ("night", "on a rainy autumn night"),
        ("dusk", "at dusk on a rainy autumn day"),
    ],
)
def test_some_moments_in_full(time: str, wanted: str) -> None:
    conditions = Conditions(time, "autumn", "rain", datetime(2020, 10, 1, 12), 48.9)
    assert wanted in {moment(np.random.default_rng(n), conditions) for n in range(300)}


def test_captions_name_every_thing_and_vary(drawn: list[Conditions]) -> None:
    captions = captions_of(drawn, ["red car", "dog"])
    assert all("a red car" in caption and "a dog" in caption for caption in captions)
    lengths = [len(caption.split()) for caption in captions]
    assert min(lengths) <= 7 and max(lengths) >= 14
    assert len(set(captions)) > 0.4 * DRAWS


def test_captions_say_nothing_false_of_the_conditions(drawn: list[Conditions]) -> None:
    every = {word: w for w in ADJECTIVES for word in (*ADJECTIVES[w], *PHRASES[w])}
    for caption, c in zip(captions_of(drawn, []), drawn, strict=True):
        assert {every[word] for word in every if re.search(rf"\b{word}\b", caption)} <= {c.weather}
        assert {season for season in SEASONS if season in caption} <= {c.season}
        assert {time for time in TIMES if re.search(rf"\b{time}\b", caption)} <= {c.time}
        assert "  " not in caption and not re.search(r"\ba [aeiou]", caption) and caption == caption.strip()


def test_the_vocabulary_has_no_names_of_places(drawn: list[Conditions]) -> None:
    words = {word for caption in captions_of(drawn, list(KINDS)) for word in re.findall(r"[a-z]+", caption.lower())}
    cities: list[City] = [load_city(name) for name in city_names()]
    for city in cities:
        facts = load_facts(city)
        names = [city.name, *(d.name for d in facts.districts), *(m.name for m in facts.monuments)]
        places = {part for name in names for part in name.split("_")} - {"city", "park", "one", "new", "side", "tower"}
        assert not words & places - {"square"}
