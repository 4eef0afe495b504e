"""Captions in plain English of what a picture shows: things, hour, season and weather. Never of where it is."""

import numpy as np

from gpslift.procedural.city.conditions import Conditions

MENTION = 0.72  # chance that a caption tells the hour, the season, the weather: each on its own
SCENES = ("a view of the city", "an empty scene", "nobody about", "the city", "a quiet corner")
ADJECTIVES = {
    "clear": ("clear", "sunny", "bright"),
    "cloudy": ("cloudy", "overcast", "grey"),
    "rain": ("rainy", "wet"),
    "fog": ("foggy", "misty"),
    "snow": ("snowy",),
}
PHRASES = {
    "clear": ("under a clear sky",),
    "cloudy": ("under a cloudy sky", "under grey clouds"),
    "rain": ("in the rain",),
    "fog": ("in the fog", "in the mist"),
    "snow": ("in the snow", "with snow on the ground"),
}
HOURS = {
    "morning": "in the morning",
    "noon": "at noon",
    "evening": "in the evening",
    "dusk": "at dusk",
    "night": "at night",
}


def with_article(noun: str) -> str:
    """'a bench', 'an evening'."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def list_of(names: list[str]) -> str:
    """'a bench', 'a bench and a dog', 'a bench, a dog and a tree'."""
    each = [with_article(name) for name in names]
    return each[0] if len(each) == 1 else f"{', '.join(each[:-1])} and {each[-1]}"


def subject(rng: np.random.Generator, names: list[str]) -> str:
    """What is in the foreground."""
    if not names:
        return str(rng.choice(SCENES))
    names = [str(name) for name in rng.permutation(names)]
    if len(names) == 2 and rng.random() < 0.3:
        return f"{with_article(names[0])} {rng.choice(['next to', 'beside', 'with'])} {with_article(names[1])}"
    return list_of(names)


def moment(rng: np.random.Generator, conditions: Conditions) -> str:
    """When, and in what weather: as much of it as chance lets be told; perhaps nothing."""
    tells_time, tells_season, tells_weather = rng.random(3) < MENTION
    adjective, phrase = (str(rng.choice(words[conditions.weather])) for words in (ADJECTIVES, PHRASES))
    season, time = conditions.season, conditions.time
    as_phrase = tells_weather and rng.random() < 0.4
    before = [adjective] if tells_weather and not as_phrase else []
    after = [phrase] if as_phrase else []
    # noon and dusk are points in time: one says "at noon on a winter day"
    part = time if time in ("morning", "evening", "night") else "day"
    if tells_time and part == "day":
        words = [*before, *([season] if tells_season else [])]
        when = [HOURS[time], *([f"on {with_article(' '.join([*words, 'day']))}"] if words else [])]
    elif tells_time:
        words = [*before, *([season] if tells_season else [])]
        when = [f"on {with_article(' '.join([*words, part]))}" if words else HOURS[time]]
    elif tells_season and before:
        when = [f"on {with_article(f'{adjective} {season} day')}"]
    elif tells_season:
        when = [f"in {season}"]
    else:
        when = [f"on {with_article(f'{adjective} day')}"] if before and time != "night" else [phrase] if before else []
    return " ".join([*when, *after])


def write_caption(rng: np.random.Generator, names: list[str], conditions: Conditions) -> str:
    """A caption of a picture with these things in front."""
    what, when = subject(rng, names), moment(rng, conditions)
    style = rng.random()
    if not when:
        return f"a photo of {what}" if style < 0.4 else what
    if style < 0.62:
        return f"{what} {when}"
    if style < 0.8:
        return f"{when}, {what}"
    return f"a photo of {what} {when}"
