"""Average images of areas of a city (`--sample sample.area=[latitude,longitude,...]`)."""

from pathlib import Path

import torch
from rich.console import Console

from gpslift.geo.areas import Area
from gpslift.geo.cities import City
from gpslift.pictures import save_grid
from gpslift.priors.averages import average_image
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig, SampleConfig
from gpslift.storage import saving
from gpslift.wording import counted
from systems.sampling.common import autocast, rows_at_once, sample_folder, show_where, write_pictures

GRID_COLUMNS = 8


def sample_area(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path, console: Console) -> None:
    """The average image of the polygon, or of each circle, of `sample.area`: one PNG each, and one labelled grid.

    The k-th average of every area starts from the same noise, by seed and k alone. path: the prior's.
    Raises UserError for an area that is empty or reaches out of the city.
    """
    areas, given = asked_areas(prior.place_encoder.city, config.sample), config.sample
    each = [(number, name) for number in range(given.images) for name in areas]
    images = []
    for number, name in each:
        east, north = torch.from_numpy(areas[name].places(given.area_places, config.seed)).float().T
        with autocast(config):
            image = average_image(
                prior,
                {"east_m": east, "north_m": north},
                prompt=given.prompt,
                num_inference_steps=given.steps,
                guidance_scale_text=given.guidance_scale_text,
                guidance_scale_place=given.guidance_scale_place,
                guidance_rescale=given.guidance_rescale,
                generator=generator_for(config.seed, "sample", number),
                at_once=rows_at_once(prior),
            )
        images.append(image.float().cpu())
    folder, columns = sample_folder(config, path), len(areas) if len(areas) > 1 else min(GRID_COLUMNS, given.images)
    with saving(folder):
        write_pictures(
            images, [f"average_{name.replace(' ', '_')}_{number + 1}" for number, name in each], config, folder
        )
        save_grid(torch.stack(images), folder / "average.png", columns, labels=[name for _, name in each])
    console.print(f"each is of {counted(given.area_places, 'place')} of its area", highlight=False)
    show_where(console, len(images), folder, "average.png")


def asked_areas(city: City, given: SampleConfig) -> dict[str, Area]:
    """The areas that `sample.area` and `sample.radius_m` name, and what to call each."""
    latitude, longitude = given.area[::2], given.area[1::2]
    if given.radius_m > 0:
        return {
            f"{north:.5f},{east:.5f} {given.radius_m:g}m": Area.circle(city, north, east, given.radius_m)
            for north, east in zip(latitude, longitude, strict=True)
        }
    return {f"{len(latitude)} corners": Area.polygon(city, latitude, longitude)}
