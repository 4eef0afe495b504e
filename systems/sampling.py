"""Pictures from a prior (`--sample`), and what validation shares with it: which prior, which framing, in portions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Generator, Tensor

from gpslift.conditioning.place import Place
from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.pictures import save_grid, save_image
from gpslift.priors.loading import RUN_SUBFOLDER, find_prior, load_cameras, load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.runs import Run, runs_of
from gpslift.schema import ImagePriorConfig, SampleConfig
from gpslift.storage import saving, short_path
from systems.running import choose_device, choose_precision, prepare

SHIPPED = "assets/priors"
PIXELS_AT_ONCE = 2**20
GRID_COLUMNS = 8
AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class Framing:
    """What a picture is asked to show beside its side: metres across the frame, and the camera's elevation."""

    frame_width_m: float
    elevation_deg: float


def sample(config: ImagePriorConfig) -> None:
    """Pictures of `sample.azimuth` from the prior of `prior_path`, as one PNG each and one labelled grid.

    The k-th picture of every azimuth has the same framing and starts from the same noise, both by seed and k alone, so
    that pictures differ by their side only, and stay the same when others are asked for beside them. Prints which
    prior, which framing and where the pictures are. Raises UserError where there is no prior.
    """
    if not config.sample.azimuth:
        raise UserError("sample.azimuth is empty; give at least one, such as sample.azimuth=[0,90,180,270]")
    prepare(config)
    path, which = prior_path(config)
    console = Console()
    console.print(f"prior: {short_path(path)} ({which})", highlight=False, soft_wrap=True)
    prior = load_prior(str(path), choose_device(config))
    azimuths = list(dict.fromkeys(azimuth % 360 for azimuth in config.sample.azimuth))
    framings = [draw_framing(config, load_cameras(str(path)), number) for number in range(config.sample.images)]
    for number, framing in enumerate(framings, 1):
        console.print(
            _told(number, framing, config.sample, prior.place_encoder.inputs), highlight=False, soft_wrap=True
        )
    images = sample_images(prior, *_asked(config, azimuths, framings), config)
    folder = sample_folder(config, path)
    with saving(folder):
        _write(images, azimuths, framings, prior.place_encoder.inputs, folder)
    console.print(
        f"{len(images)} pictures: {short_path(folder)}; all in one: {short_path(folder / 'grid.png')}",
        highlight=False,
        soft_wrap=True,
    )


def prior_path(config: ImagePriorConfig) -> tuple[Path, str]:
    """The folder of the prior, and in words which one it is.

    `prior.path`, else the prior of the last finished run of this config, else the one that ships for the landmark.
    Raises UserError where there is none of them.
    """
    if config.prior.path:
        return find_prior(config.prior.path), "prior.path"
    for run in reversed(runs_of(config.output, config.name)):
        if (run.folder / RUN_SUBFOLDER / "model_index.json").is_file():
            return find_prior(str(run.folder)), "the last finished run of this config"
    shipped = resolve_path(f"{SHIPPED}/{config.landmark}")
    if (shipped / "model_index.json").is_file():
        return find_prior(str(shipped)), "shipped"
    raise UserError(
        f"there is no prior: no finished run named '{config.name}' in {config.output}, and none ships for "
        f"{config.landmark}; train one with --train, or set prior.path to a prior's folder or a run folder"
    )


def draw_framing(config: ImagePriorConfig, cameras: dict[str, Tensor], number: int) -> Framing:
    """The framing of the `number`-th picture: one of the training photos', except for what `sample` sets."""
    columns = cameras["frame_width_m"], cameras["elevation_deg"]
    row = int(torch.randint(len(columns[0]), (), generator=generator_for(config.seed, "framing", number)))
    width, elevation = (float(column[row]) for column in columns)
    given = config.sample
    return Framing(
        given.frame_width_m if given.frame_width_m > 0 else width,
        given.elevation_deg if given.elevation_deg > -90 else elevation,
    )


def sample_images(
    prior: PlaceDiffusionPipeline,
    place: Place,
    generator: Generator | Sequence[Generator],
    config: ImagePriorConfig,
) -> Tensor:
    """Images [N, 3, S, S] in [0, 1], on the CPU, of N places, as `config.sample` says; in portions that fit memory."""
    count, at_once = len(place["azimuth_deg"]), max(1, PIXELS_AT_ONCE // prior.image_size**2)
    settings, narrow = config.sample, AUTOCAST.get(choose_precision(config))
    images = []
    for start in range(0, count, at_once):
        rows = slice(start, start + at_once)
        part = {name: values[rows] for name, values in place.items()}
        with torch.autocast(choose_device(config).type, narrow, enabled=narrow is not None):
            sampled = prior.sample(
                part,
                len(part["azimuth_deg"]),
                prompt=settings.prompt or None,
                steps=settings.steps,
                guidance_scale_text=settings.guidance_scale_text,
                guidance_scale_place=settings.guidance_scale_place,
                generator=generator if isinstance(generator, Generator) else generator[rows],
            )
        images.append(sampled.float().cpu())
    return torch.cat(images)


def sample_folder(config: ImagePriorConfig, path: Path) -> Path:
    """Where the pictures go: `sample.output`, else samples/ in the prior's run, else in <output>/<name>."""
    if config.sample.output:
        return Path(config.sample.output).expanduser()
    if path.name == RUN_SUBFOLDER and (path.parent / "config.yaml").is_file():
        return Run(path.parent).samples
    return Path(config.output).expanduser() / config.name / "samples"


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
        "frame_width_m": ("frame width", f"{framing.frame_width_m:.4g} m", given.frame_width_m > 0),
        "elevation_deg": ("elevation", f"{framing.elevation_deg:.4g} degrees", given.elevation_deg > -90),
    }
    told = []
    for name, (title, value, is_set) in values.items():
        origin = f"sample.{name}" if is_set else "drawn from the training photos' cameras"
        told.append(f"{title} {value} ({origin})" if name in inputs else f"{title} not heard by this prior")
    return f"picture {number} of each azimuth: {', '.join(told)}"


def _write(
    images: Tensor, azimuths: Sequence[float], framings: Sequence[Framing], inputs: Sequence[str], folder: Path
) -> None:
    """One PNG an image, named by what it was asked to show, and the grid: one row a framing where there are several."""
    labels = []
    for number, image in enumerate(images):
        framing, azimuth = framings[number // len(azimuths)], azimuths[number % len(azimuths)]
        width = f"{framing.frame_width_m:.4g}" if "frame_width_m" in inputs else ""
        elevation = f"{framing.elevation_deg:.4g}" if "elevation_deg" in inputs else ""
        parts = [f"azimuth_{azimuth:03.4g}", width and f"width_{width}m", elevation and f"elevation_{elevation}"]
        name = "_".join([*filter(None, parts), str(number // len(azimuths) + 1)])
        save_image(image, folder / f"{name}.png")
        labels.append(
            "  ".join(filter(None, [f"{azimuth:.4g}°", width and f"{width} m", elevation and f"{elevation}°"]))
        )
    columns = len(azimuths) if len(framings) > 1 else min(GRID_COLUMNS, len(azimuths))
    save_grid(images, folder / "grid.png", columns, labels=labels)
