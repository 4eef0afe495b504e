"""Pictures of places in a city (`--sample sample.gps=[latitude,longitude] sample.prompt=...`)."""

from pathlib import Path

import torch
from rich.console import Console

from gpslift.conditioning.place import Place
from gpslift.errors import UserError
from gpslift.pictures import save_grid
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import saving
from systems.sampling.area import sample_area
from systems.sampling.common import sample_folder, show_where, write_pictures
from systems.sampling.extras import make_pictures
from systems.sampling.walk import sample_walk

GRID_COLUMNS = 8


def sample_city(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path, console: Console) -> None:
    """The average of `sample.area`, the strip along `sample.walk`, or pictures of `sample.gps`. path: the prior's."""
    if config.sample.area:
        sample_area(prior, config, path, console)
    elif config.sample.walk:
        sample_walk(prior, config, path, console)
    else:
        sample_places(prior, config, path, console)


def sample_places(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path, console: Console) -> None:
    """Pictures of `sample.gps` with `sample.prompt`, as one PNG each and one labelled grid.

    Without a prompt the place alone decides, without a place the prompt alone. The k-th picture of every place starts
    from the same noise, by seed and k alone. path: the prior's. Raises UserError for places outside the city.
    """
    given = config.sample
    if not given.gps and not given.prompt:
        raise UserError(
            "nothing to show: give places, such as sample.gps=[48.8606,2.3376], or a text, such as "
            'sample.prompt="a bench under a tree", or both; or sample.area or sample.walk'
        )
    place, names = asked_places(prior, given.gps)
    count = len(names)
    repeated = {name: values.repeat(given.images) for name, values in place.items()}
    noise = [generator_for(config.seed, "sample", number) for number in range(given.images) for _ in range(count)]
    pictures = make_pictures(prior, repeated, noise, config, path, console)
    folder = sample_folder(config, path)
    with saving(folder):
        numbered = [f"{name}_{number + 1}" for number in range(given.images) for name in names]
        write_pictures(pictures.images, numbered, config, folder)
        columns = count if 1 < count < len(numbered) else min(GRID_COLUMNS, len(numbered))
        save_grid(pictures.images, folder / "grid.png", columns, labels=names * given.images)
        pictures.write_extras(names * given.images, folder, console)
    show_where(console, len(pictures.images), folder)


def asked_places(prior: PlaceDiffusionPipeline, gps: list[float]) -> tuple[Place, list[str]]:
    """The places of pairs of latitude and longitude, and what to call each; without any, one place that is unknown."""
    device = torch.device("cpu")
    if not gps:
        return prior.place_encoder.complete({}, 1, device), ["anywhere"]
    latitude, longitude = gps[::2], gps[1::2]
    place = prior.place_encoder.complete({"latitude": latitude, "longitude": longitude}, len(latitude), device)
    return place, [f"{north:.5f},{east:.5f}" for north, east in zip(latitude, longitude, strict=True)]
