"""Pictures of the city: districts look different, monuments stand where they should, things and weather are seen."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from gpslift.geo.cities import City
from gpslift.procedural.city.built import BuiltCity
from gpslift.procedural.city.conditions import Conditions
from gpslift.procedural.city.dataset import shots_of_outing
from gpslift.procedural.city.picture import take_picture
from gpslift.procedural.city.things import KINDS, Thing
from gpslift.procedural.city.walkers import Shot

NOON = Conditions("noon", "summer", "clear", datetime(2021, 6, 20, 12), 48.86)


@pytest.fixture(scope="module")
def some_shot(city: City) -> Shot:
    return shots_of_outing(city, 0, 0)[0]


def shot_at(shot: Shot, city: City, latitude: float, longitude: float, heading: float, **changes: object) -> Shot:
    east, north = (float(value) for value in city.to_metres(latitude, longitude))
    fixed = dict(height_m=1.6, floor_m=0.0, pitch_deg=6.0, roll_deg=0.0, focal_35mm=26, portrait=False, exposure=1.0)
    fixed |= dict(conditions=NOON, things=(), heading_deg=heading, east_m=east, north_m=north)
    return replace(shot, **{**fixed, **changes})  # type: ignore[arg-type]


def pixels(built: BuiltCity, shot: Shot) -> np.ndarray:
    return np.asarray(take_picture(built, shot, 64, np.random.default_rng(0))).astype(float)


def test_the_eiffel_tower_stands_at_its_bearing(built: BuiltCity, city: City, some_shot: Shot) -> None:
    """From the Champ de Mars, south-east of it: in the middle when looked at, else to the left."""
    tower = next(m for m in built.terrain.facts.monuments if m.name == "eiffel_tower")
    east, north = city.to_metres(48.85583, 2.29834)
    bearing = float(np.rad2deg(np.arctan2(tower.at[0] - east, tower.at[1] - north)))
    assert bearing % 360 == pytest.approx(315, abs=3)

    def columns_of_iron(heading: float) -> np.ndarray:
        picture = pixels(built, shot_at(some_shot, city, 48.85583, 2.29834, heading, pitch_deg=24.0))
        band = picture[14:26]  # above the trees
        return np.flatnonzero((band[..., 0] > band[..., 2] - 10).mean(0) > 0.4)

    ahead, right = columns_of_iron(bearing), columns_of_iron(bearing + 20)
    assert len(ahead) and abs(ahead.mean() - 42.5) < 4
    assert len(right) and right.mean() < 30
    assert len(columns_of_iron(bearing + 180)) < len(ahead)


@pytest.fixture(scope="module")
def far_from_the_tower(built: BuiltCity, city: City, some_shot: Shot) -> Shot:
    """900 m south-east of it, above the trees, looking at it."""
    tower = next(m for m in built.terrain.facts.monuments if m.name == "eiffel_tower")
    east, north = tower.at[:2] - 900 * np.array([np.sin(np.deg2rad(315)), np.cos(np.deg2rad(315))])
    shot = shot_at(some_shot, city, 48.85, 2.30, 315.0, pitch_deg=16.0, height_m=30.0)
    return replace(shot, east_m=float(east), north_m=float(north))


def test_the_tower_is_as_large_as_it_should_be(built: BuiltCity, far_from_the_tower: Shot) -> None:
    """From 900 m its shaft, told from the sky up to 250 to 330 m, ends 14 to 20 degrees up (seen from 30 m)."""
    picture = pixels(built, far_from_the_tower)
    iron = (picture[:, 40:46, 0] > picture[:, 40:46, 2] - 10).any(1)
    top = int(np.flatnonzero(iron)[0])
    angle = 16.0 + np.rad2deg(np.arctan((31.5 - top) / 32 * far_from_the_tower.half_short))
    assert 13.5 < angle < 19.0


def test_fog_hides_what_is_far(built: BuiltCity, far_from_the_tower: Shot) -> None:
    def contrast(shot: Shot) -> float:
        """Between the tower's feet and the sky beside them."""
        picture = pixels(built, shot)[28:44]
        return float(np.abs(picture[:, 38:48].mean((0, 1)) - picture[:, 8:14].mean((0, 1))).max())

    fog = replace(far_from_the_tower, conditions=replace(NOON, weather="fog"))
    assert contrast(fog) < 0.4 * contrast(far_from_the_tower)


def views_by_district(city: City, built: BuiltCity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coarse pictures at one hour without things, 20 a district, their districts and their outings' numbers."""
    views, labels, walks = [], [], []
    counts = np.zeros(len(built.terrain.names), int)
    for index in range(600):
        if counts.min() >= 20:
            break
        for shot in shots_of_outing(city, 1, index)[:3]:
            label = int(built.terrain.area(np.array([shot.east_m]), np.array([shot.north_m]))[0])
            if label >= len(counts) or counts[label] >= 20:
                continue
            counts[label] += 1
            plain = replace(shot, conditions=NOON, things=(), portrait=False, focal_35mm=26, pitch_deg=4.0)
            tiles = pixels(built, plain)[:, 11:75].reshape(4, 16, 4, 16, 3)
            views.append(np.concatenate([tiles.mean((1, 3)).ravel(), tiles.std((1, 3)).ravel()]))
            labels.append(label)
            walks.append(index)
    return np.array(views), np.array(labels), np.array(walks)


def test_districts_look_different(city: City, built: BuiltCity) -> None:
    """A linear classifier of coarse pictures tells the district far above chance, on walks not seen before."""
    x, y, walks = views_by_district(city, built)
    x = (x - x.mean(0)) / x.std(0)
    right = []
    for part in range(4):
        seen = walks % 4 != part
        train, aims = x[seen], np.eye(len(built.terrain.names))[y[seen]] - 1 / len(built.terrain.names)
        weights = np.linalg.solve(train.T @ train + 60 * np.eye(x.shape[1]), train.T @ aims)
        right += ((x[~seen] @ weights).argmax(1) == y[~seen]).tolist()
    assert np.mean(right) > 2 / len(built.terrain.names)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_thing_is_seen(kind: str, built: BuiltCity, city: City, some_shot: Shot) -> None:
    empty = shot_at(some_shot, city, 48.8560, 2.2985, 135.0, pitch_deg=2.0)
    thing = Thing(kind, max(4.6, KINDS[kind].distance[0]), 0.0, False, KINDS[kind].color or (0.03, 0.25, 0.10))
    changed = np.abs(pixels(built, replace(empty, things=(thing,))) - pixels(built, empty)).max(-1) > 25
    assert changed.sum() > 35
    if KINDS[kind].color == KINDS["red car"].color:
        picture = pixels(built, replace(empty, things=(thing,)))
        assert ((picture[..., 0] > 110) & (picture[..., 0] > 2 * picture[..., 1])).sum() > 30


def test_weather_and_hour_are_seen(built: BuiltCity, city: City, some_shot: Shot) -> None:
    def seen(**changes: object) -> np.ndarray:
        fields = dict(time="noon", season="summer", weather="clear", moment=NOON.moment, latitude=48.86)
        conditions = Conditions(**{**fields, **changes})  # type: ignore[arg-type]
        return pixels(built, shot_at(some_shot, city, 48.8560, 2.2985, 135.0, conditions=conditions))

    noon, night = seen(), seen(time="night", moment=datetime(2021, 6, 20, 23, 59))
    snow = seen(season="winter", weather="snow", moment=datetime(2021, 1, 20, 12))
    assert night.mean() < 0.6 * noon.mean()
    assert snow[45:].mean() > noon[45:].mean() + 20
    assert noon[:8, :, 2].mean() > noon[:8, :, 0].mean() + 20  # blue sky
