"""What all of sampling and validation share: which prior, pictures in portions that fit memory, where they go."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from torch import Generator, Tensor

from gpslift.conditioning.place import Place
from gpslift.config import load_config, save_config
from gpslift.errors import UserError
from gpslift.geo.subject import load_subject
from gpslift.pictures import save_image
from gpslift.priors.loading import RUN_SUBFOLDER, find_prior, shipped_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.subject import subject_unlike
from gpslift.runs import Run, runs_of, timed_folder
from gpslift.schema.image_prior import DataConfig, ImagePriorConfig, SampleConfig
from gpslift.storage import short_path
from gpslift.wording import counted
from systems.devices import choose_device, number_format

PIXELS_AT_ONCE = 2**20
OF_THE_MACHINE, OF_A_FOLDER = ("cache", "workers"), ("photos", "azimuths")
"""Keys of `data` that may name other places than when the prior was trained; the latter but for embedded photos."""
EXAMPLES = {"azimuth": "configs/angle2img_statue_of_liberty.yaml", "gps": "configs/gps2img_paris.yaml"}
"""A config for each kind of place."""


def prior_path(config: ImagePriorConfig) -> tuple[Path, str]:
    """The folder of the prior, and in words which one it is.

    `prior.path`, else the prior of the last finished run of this config, else the one that ships for its landmark or
    city.
    Raises UserError where there is none of them.
    """
    if config.prior.path:
        return find_prior(config.prior.path), "prior.path"
    for run in reversed(runs_of(config.output, config.name)):
        if (run.folder / RUN_SUBFOLDER / "model_index.json").is_file():
            return find_prior(str(run.folder)), "the last finished run of this config"
    subject = config.city if config.place.kind == "gps" else config.landmark
    if shipped := shipped_prior(subject):
        return find_prior(str(shipped)), "shipped"
    raise UserError(
        f"there is no prior: no finished run named '{config.name}' in {config.output}, and none ships for "
        f"{subject}; train one with --train, or set prior.path to a prior's folder or a run folder"
    )


def check_kind(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path) -> None:
    """Raises UserError for a prior of a city with a landmark's config, or the other way round. path: the prior's."""
    if prior.place_kind != config.place.kind:
        raise UserError(
            f"the prior in {path} is told places of kind {prior.place_kind}, but place.kind={config.place.kind}; "
            "take a config of its kind, such as " + EXAMPLES[prior.place_kind]
        )


def other_subject(prior: PlaceDiffusionPipeline, config: ImagePriorConfig) -> str:
    """What the prior is of, in words, where that is not the landmark or city of the config; '' where it is."""
    named = f"city={config.city}" if prior.place_kind == "gps" else f"landmark={config.landmark}"
    return subject_unlike(prior, load_subject(prior.place_kind, config.landmark, config.city), named)


def sample_images(
    prior: PlaceDiffusionPipeline,
    place: Place,
    generator: Generator | Sequence[Generator],
    config: ImagePriorConfig,
    prompts: Sequence[str] | None = None,
) -> Tensor:
    """Images [N, 3, S, S] in [0, 1], on the CPU, of N places, as `config.sample` says; in portions that fit memory.

    prompts: N texts; by default `sample.prompt` for all.
    """
    settings, images = config.sample, []
    for rows in portions(prior, place):
        part = {name: values[rows] for name, values in place.items()}
        with autocast(config):
            sampled = prior.sample(
                part,
                len(next(iter(part.values()))),
                prompt=prompts[rows] if prompts is not None else settings.prompt or None,
                num_inference_steps=settings.steps,
                guidance_scale_text=settings.guidance_scale_text,
                guidance_scale_place=settings.guidance_scale_place,
                guidance_rescale=settings.guidance_rescale,
                generator=generator if isinstance(generator, Generator) else generator[rows],
            )
        images.append(sampled.float().cpu())
    return torch.cat(images)


def show_denoising(prior: PlaceDiffusionPipeline) -> None:
    """Has it show how far it has come, on a terminal."""
    prior.set_progress_bar_config(desc="denoising", leave=False, disable=None)


def set_framing(given: SampleConfig) -> dict[str, float]:
    """The frame width and elevation, as far as they are set and not drawn: by the names of a place's inputs."""
    width = {"frame_width_m": given.frame_width_m} if given.frame_width_m > 0 else {}
    return width | ({"elevation_deg": given.elevation_deg} if given.elevation_deg > -90 else {})


def portions(prior: PlaceDiffusionPipeline, place: Place) -> Iterator[slice]:
    """Which of the images to make at once, portion by portion, so that they fit memory."""
    at_once = rows_at_once(prior)
    for start in range(0, len(next(iter(place.values()))), at_once):
        yield slice(start, start + at_once)


def rows_at_once(prior: PlaceDiffusionPipeline) -> int:
    """How many images of the prior's size fit memory at once."""
    return max(1, PIXELS_AT_ONCE // prior.image_size**2)


def autocast(config: ImagePriorConfig) -> torch.autocast:
    """Within it, computations are in the number format of `precision`."""
    dtype = number_format(config)
    return torch.autocast(choose_device(config).type, dtype, enabled=dtype != torch.float32)


def trained_config(config: ImagePriorConfig, path: Path) -> ImagePriorConfig:
    """The config that the prior at `path` was trained with: its run's, or `config` for a prior outside any run.

    What `config` sets of OF_THE_MACHINE and OF_A_FOLDER goes before the run's.
    """
    saved = path.parent / "config.yaml"
    if path.name != RUN_SUBFOLDER or not saved.is_file():
        return config
    its = load_config(saved)
    if not isinstance(its, ImagePriorConfig):
        return config
    unset, given = DataConfig(), config.data
    movable = OF_THE_MACHINE if its.data.photos == "embedded" else OF_THE_MACHINE + OF_A_FOLDER
    changed = {name: getattr(given, name) for name in movable if getattr(given, name) != getattr(unset, name)}
    return replace(its, data=replace(its.data, **changed))


def sample_folder(config: ImagePriorConfig, path: Path) -> Path:
    """Where one call's pictures go: `sample.output`, else a new folder in samples/ of the prior's run, else of
    <output>/<name>."""
    if config.sample.output:
        return Path(config.sample.output).expanduser()
    if path.name == RUN_SUBFOLDER and (path.parent / "config.yaml").is_file():
        return timed_folder(Run(path.parent).samples)
    return timed_folder(Path(config.output).expanduser() / config.name / "samples")


def write_pictures(
    images: Sequence[Tensor] | Tensor, names: Sequence[str], config: ImagePriorConfig, folder: Path
) -> None:
    """One PNG an image, numbered and named, and the config that asked for them."""
    for number, (image, name) in enumerate(zip(images, names, strict=True), 1):
        save_image(image, folder / f"{number:03}_{name}.png")
    save_config(config, folder / "config.yaml")


def show_where(console: Console, count: int, folder: Path, sheet: str = "grid.png") -> None:
    """Says where the pictures are. sheet: name of the file that has all of them."""
    console.print(
        f"{counted(count, 'picture')}: {short_path(folder)}; all in one: {short_path(folder / sheet)}",
        highlight=False,
        soft_wrap=True,
    )
