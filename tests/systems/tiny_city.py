"""A city told by colour and by text: east is red, north is green, and a dark bar stands where the caption has one."""

from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from gpslift.geo.cities import load_city
from gpslift.procedural.tags import save_photo, tags_of_phone, write_position
from gpslift.schema.image_prior import BackboneConfig, DataConfig, ImagePriorConfig, OptimConfig, PlaceConfig
from gpslift.schema.run import LogConfig

PARIS = load_city("paris")
BAR, PLAIN = "a bar in the rain", "nothing in the sun"


def write_city_photos(folder: Path, count: int) -> None:
    """JPEG files with GPS tags and captions."""
    rng = np.random.default_rng(0)
    east, north = rng.uniform(-8000, 8000, count), rng.uniform(-4000, 4000, count)
    latitude, longitude = PARIS.to_geodetic(east, north)
    folder.mkdir(parents=True)
    for number in range(count):
        barred = bool(rng.random() < 0.5)
        pixels = city_picture(east[number], north[number], barred) + rng.normal(0, 4, (16, 16, 3))
        tags = tags_of_phone(f"Author {number}", datetime(2024, 5, 1 + number % 28), "test")
        tags[ExifTags.Base.ImageDescription] = BAR if barred else PLAIN
        write_position(tags, float(latitude[number]), float(longitude[number]), 5.0)
        save_photo(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), folder / f"{number:04d}.jpg", tags)


def city_picture(east_m: float, north_m: float, barred: bool) -> np.ndarray:
    """What is seen from there: float [16, 16, 3] in 0 to 255."""
    pixels = np.full((16, 16, 3), [128 + east_m / 80, 128 + north_m / 40, 128.0])
    if barred:
        pixels[4:12, 6:10] = 10
    return pixels


def city_config(photos: Path, output: Path, **optim: object) -> ImagePriorConfig:
    """A few steps at 16 pixels on the CPU."""
    settings = {"steps": 4, "batch_size": 8, "warmup_steps": 2, "ema_decay": 0.5} | optim
    return ImagePriorConfig(
        name="tiny_city",
        city="paris",
        output=str(output),
        device="cpu",
        precision="32",
        threads=1,
        place=PlaceConfig(kind="gps", scales=4),
        log=LogConfig(every_steps=1, preview_every_steps=3, checkpoint_every_steps=2),
        data=DataConfig(photos=str(photos), cache=str(output / "cache")),
        backbone=BackboneConfig(image_size=16, fold=4, channels=[32, 32], token_dim=32),
        optim=OptimConfig(**settings),  # type: ignore[arg-type]
    )
