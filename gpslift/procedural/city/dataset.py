"""The embedded city as a folder of photos: made once, kept in the cache, and read back like anybody's.

<cache>/embedded/<city>-<photos>-seed<seed>-v<version>/photos/*.jpg     what training reads
                                                      /truth/photos.json  what is true of them, for evaluation only
"""

from functools import partial
from pathlib import Path

import numpy as np

from gpslift.geo.cities import City
from gpslift.procedural.city.built import built_city
from gpslift.procedural.city.facts import load_facts
from gpslift.procedural.city.phone import exif_of
from gpslift.procedural.city.picture import take_picture
from gpslift.procedural.city.walkers import Shot, outing
from gpslift.procedural.making import Record, ensure_folder, fill_folder
from gpslift.procedural.tags import save_photo
from gpslift.schema.image_prior import DataConfig

VERSION = 1  # of the rule that makes the photos: raise it with every change that alters a pixel or a tag
SHORT_SIDE = 64
OUTINGS_A_TASK = 16
MEAN_PHOTOS_AN_OUTING = 4.5
TRUTH = "photos.json"


def ensure_city_photos(city: City, data: DataConfig) -> Path:
    """The folder of embedded photos of a city that `data` asks for, made now if it is not in the cache.

    It appears under its name only when it is whole. Raises UserError for a city that is not made by rule.
    """
    load_facts(city)  # an unknown city is refused before any work
    name = f"{city.name}-{data.embedded_photos}-seed{data.embedded_seed}-v{VERSION}"
    folder = Path(data.cache).expanduser() / "embedded" / name
    ensure_folder(folder, lambda work: make_city_photos(city, data.embedded_photos, data.embedded_seed, work))
    return folder / "photos"


def make_city_photos(city: City, photos: int, seed: int, folder: Path) -> None:
    """Takes `photos` photos into `folder`/photos, on all cores, and what is true of them into `folder`/truth."""
    outings = int(np.ceil(photos / MEAN_PHOTOS_AN_OUTING * 1.25)) + 12
    fill_folder(folder, photos, partial(take_photos_of_outings, city, seed, folder), outings, OUTINGS_A_TASK, TRUTH)


def shots_of_outing(city: City, seed: int, index: int) -> list[Shot]:
    """The shots of one outing: they depend on the seed and its number alone."""
    return list(outing(built_city(city), np.random.default_rng([seed, index]), f"Walker {index:05d}"))


def take_photos_of_outings(city: City, seed: int, folder: Path, outings: range) -> list[Record]:
    """Takes the photos of some outings into `folder`/photos, and returns what is true of them."""
    built = built_city(city)
    records: list[Record] = []
    for index in outings:
        for number, shot in enumerate(shots_of_outing(city, seed, index)):
            name = f"{index:05d}_{number}.jpg"
            rng = np.random.default_rng([seed, index, number])
            picture = take_picture(built, shot, SHORT_SIDE, rng)
            save_photo(picture, folder / "photos" / name, exif_of(shot, city, rng))
            records.append(record_of(shot, name, city))
    return records


def record_of(shot: Shot, name: str, city: City) -> Record:
    """What is true of a photo. Angles in degrees, heights in metres above the ground."""
    latitude, longitude = city.to_geodetic(shot.east_m, shot.north_m)
    terrain = built_city(city).terrain
    index = terrain.area(np.array([shot.east_m]), np.array([shot.north_m]))[0]
    return {
        "file": name,
        "latitude": float(latitude),
        "longitude": float(longitude),
        "height_m": shot.height_m,
        "heading": shot.heading_deg,
        "pitch": shot.pitch_deg,
        "focal_length_35mm": shot.focal_35mm,
        "district": terrain.area_names[index],
        "objects": [thing.kind for thing in shot.things],
        "time": shot.conditions.time,
        "season": shot.conditions.season,
        "weather": shot.conditions.weather,
        "caption": shot.caption,
        "tag": shot.tag,
    }
