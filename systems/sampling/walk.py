"""Pictures along a walk through a city (`--sample sample.walk=[latitude,longitude,latitude,longitude,...]`)."""

from pathlib import Path

import torch
from rich.console import Console

from gpslift.geo.walks import places_along
from gpslift.pictures import save_grid
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import saving
from systems.sampling.common import sample_folder, show_where, write_pictures
from systems.sampling.extras import make_pictures


def sample_walk(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path, console: Console) -> None:
    """Pictures at `sample.walk_images` places equally far apart along `sample.walk`: one PNG each, and one strip.

    All start from one noise, so that only the place changes; each further strip (`sample.images`) has its own. path:
    the prior's. Raises UserError for corners outside the city.
    """
    given = config.sample
    prior.place_encoder.city.check(given.walk[::2], given.walk[1::2])
    latitude, longitude, along_m = places_along(given.walk[::2], given.walk[1::2], given.walk_images)
    strips, count = given.images, given.walk_images
    degrees = {"latitude": latitude.tolist() * strips, "longitude": longitude.tolist() * strips}
    place = prior.place_encoder.complete(degrees, strips * count, torch.device("cpu"))
    noise = [generator_for(config.seed, "sample", number) for number in range(strips) for _ in range(count)]
    pictures = make_pictures(prior, place, noise, config, path, console)
    folder, labels = sample_folder(config, path), [f"{metres:.0f} m" for metres in along_m] * strips
    names = [f"walk_{metres:05.0f}m_{strip + 1}" for strip in range(strips) for metres in along_m]
    with saving(folder):
        write_pictures(pictures.images, names, config, folder)
        save_grid(pictures.images, folder / "walk.png", count, labels=labels)
        pictures.write_extras(labels, folder, console)
    show_where(console, len(pictures.images), folder, "walk.png")
