"""Pictures of a landmark from given sides (`--sample sample.azimuth=[...]`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Generator, Tensor

from gpslift.conditioning.place import Place
from gpslift.errors import UserError
from gpslift.pictures import save_grid
from gpslift.priors.loading import load_cameras
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig, SampleConfig
from gpslift.storage import saving
from systems.sampling.common import sample_folder, set_framing, show_where, write_pictures
from systems.sampling.extras import make_pictures

GRID_COLUMNS = 8


@dataclass(frozen=True)
class Framing:
    """What a picture is asked to show beside its side: metres across the frame, and the camera's elevation."""

    frame_width_m: float
    elevation_deg: float


def sample_landmark(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path, console: Console) -> None:
    """Pictures of `sample.azimuth`, as one PNG each and one labelled grid: a row a framing where there are several.

    The k-th picture of every azimuth has the same framing and starts from the same noise, both by seed and k alone, so
    that pictures differ by their side only, and stay the same when others are asked for beside them. path: the prior's.
    """
    if not config.sample.azimuth:
        raise UserError("sample.azimuth is empty; give at least one, such as sample.azimuth=[0,90,180,270]")
    azimuths = list(dict.fromkeys(azimuth % 360 for azimuth in config.sample.azimuth))
    framings = [draw_framing(config, load_cameras(str(path)), number) for number in range(config.sample.images)]
    for number, framing in enumerate(framings, 1):
        console.print(
            _told(number, framing, config.sample, prior.place_encoder.inputs), highlight=False, soft_wrap=True
        )
    pictures = make_pictures(prior, *_asked(config, azimuths, framings), config, path, console)
    folder = sample_folder(config, path)
    names, labels = _names_and_labels(azimuths, framings, prior.place_encoder.inputs)
    columns = len(azimuths) if len(framings) > 1 else min(GRID_COLUMNS, len(azimuths))
    with saving(folder):
        write_pictures(pictures.images, names, config, folder)
        save_grid(pictures.images, folder / "grid.png", columns, labels=labels)
        pictures.write_extras(labels, folder, console)
    show_where(console, len(pictures.images), folder)


def draw_framing(config: ImagePriorConfig, cameras: dict[str, Tensor], number: int) -> Framing:
    """The framing of the `number`-th picture: one of the training photos', except for what `sample` sets."""
    columns = cameras["frame_width_m"], cameras["elevation_deg"]
    row = int(torch.randint(len(columns[0]), (), generator=generator_for(config.seed, "framing", number)))
    drawn = {"frame_width_m": float(columns[0][row]), "elevation_deg": float(columns[1][row])}
    return Framing(**(drawn | set_framing(config.sample)))


def _asked(
    config: ImagePriorConfig, azimuths: Sequence[float], framings: Sequence[Framing]
) -> tuple[Place, list[Generator]]:
    """The places and the noise of all pictures: framing by framing, all azimuths of each."""
    each = [(azimuth, framing) for framing in framings for azimuth in azimuths]
    place = {
        "azimuth_deg": torch.tensor([azimuth for azimuth, _ in each]),
        "frame_width_m": torch.tensor([framing.frame_width_m for _, framing in each]),
        "elevation_deg": torch.tensor([framing.elevation_deg for _, framing in each]),
    }
    return place, [generator_for(config.seed, "sample", number) for number in range(len(framings)) for _ in azimuths]


def _told(number: int, framing: Framing, given: SampleConfig, inputs: Sequence[str]) -> str:
    """One line on the framing of the `number`-th pictures: each value, and whether it was set, drawn or not heard."""
    values = {
        "frame_width_m": ("frame width", f"{framing.frame_width_m:.4g} m"),
        "elevation_deg": ("elevation", f"{framing.elevation_deg:.4g} degrees"),
    }
    told, is_set = [], set_framing(given)
    for name, (title, value) in values.items():
        origin = f"sample.{name}" if name in is_set else "drawn from the training photos' cameras"
        told.append(f"{title} {value} ({origin})" if name in inputs else f"{title} not heard by this prior")
    return f"picture {number} of each azimuth: {', '.join(told)}"


def _names_and_labels(
    azimuths: Sequence[float], framings: Sequence[Framing], inputs: Sequence[str]
) -> tuple[list[str], list[str]]:
    """What to call each image, as a file and in a grid: by what it was asked to show, framing by framing."""
    names, labels = [], []
    for number, framing in enumerate(framings, 1):
        width = f"{framing.frame_width_m:.4g}" if "frame_width_m" in inputs else ""
        elevation = f"{framing.elevation_deg:.4g}" if "elevation_deg" in inputs else ""
        for azimuth in azimuths:
            told = [f"azimuth_{azimuth:03.6g}", width and f"width_{width}m", elevation and f"elevation_{elevation}"]
            names.append("_".join([*filter(None, told), str(number)]))
            shown = [f"{azimuth:.6g}°", width and f"{width} m", elevation and f"{elevation}°"]
            labels.append("  ".join(filter(None, shown)))
    return names, labels
