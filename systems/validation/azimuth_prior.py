"""`--validate` of a landmark's prior: does an image asked from one side look taken from there, and is it a copy?"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from gpslift.errors import UserError
from gpslift.geo.azimuth_bins import BINS, bin_centers
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.metrics.angle_classifier import AngleAccuracy
from gpslift.metrics.memorisation import Memorisation, memorisation
from gpslift.metrics.photo_classifier import PhotoClassifier
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.pictures import save_grid
from gpslift.priors.loading import load_cameras
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import replace_text, saving
from systems.angle_classifier import evaluate, train_angle_classifier
from systems.devices import cpu_precision, prepare
from systems.sampling.common import sample_images, set_framing
from systems.validation.common import all_pixels, prior_to_judge, validation_folder

IMAGES_A_BIN = 10
SAMPLED_AT_ONCE = 60
GRID_COLUMNS = 12


@dataclass(frozen=True)
class PriorFigures:
    """The prior's angle accuracy, the judge's own on held-out photos (the ceiling), and how near it is to copying."""

    accuracy: AngleAccuracy
    ceiling: AngleAccuracy
    memorisation: Memorisation


def validate_azimuth_prior(config: ImagePriorConfig) -> PriorFigures:
    """Angle accuracy of a prior: `prior.path`, else the last run of this config, else the landmark's shipped prior.

    Ten images from the middle of each of 36 bins of azimuth, framed as the training photos are, are shown to a judge
    that was trained on the judges' part of the photos, which the prior never saw. Prints the figures, and writes
    validation.json and validation.png into the run folder, or into <output>/<name>/validation for a prior without one.
    Raises UserError for a prior of a city or of another landmark.
    """
    prepare(config)
    prior, config, path = prior_to_judge(config)
    landmark, console = load_landmark(config.landmark), Console()
    photos = PhotoDataModule(config.data, landmark, prior.image_size, SAMPLED_AT_ONCE, config.seed)
    if not len(photos.photos("test")):
        raise UserError("no photos are in the test part, which the prior is judged by; raise data.test_share")
    console.print(f"judging {path} by photos that it never saw", soft_wrap=True)
    judge, ceiling = _judge(config, landmark, photos)
    images, azimuth_deg = sample_bins(prior, config, path)
    test, generator = (torch.from_numpy(all_pixels(photos.photos(part))) for part in ("test", "generator"))
    figures = PriorFigures(evaluate(judge, images, azimuth_deg), ceiling, memorisation(images, test, generator))
    folder = validation_folder(config, path)
    _write(folder, figures, images, path)
    console.print(f"angle accuracy of the prior: {figures.accuracy}; chance {100 / BINS:.1f} % exact", highlight=False)
    console.print(f"the judge on held-out photos (the ceiling): {figures.ceiling}", highlight=False)
    console.print(str(figures.memorisation), highlight=False)
    console.print(f"written: {folder / 'validation.json'}, {folder / 'validation.png'}", soft_wrap=True)
    return figures


def sample_bins(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, path: Path) -> tuple[Tensor, Tensor]:
    """Images [360, 3, S, S] in [0, 1], ten for each bin in turn, and the azimuths [360] they were asked from, degrees.

    Frame width and elevation are drawn jointly from the training photos' cameras, unless `sample` sets them.
    """
    azimuth_deg = bin_centers().repeat_interleave(IMAGES_A_BIN)
    generator = generator_for(config.seed, "validation")
    cameras = load_cameras(str(path))
    row = torch.randint(len(cameras["elevation_deg"]), (len(azimuth_deg),), generator=generator)
    drawn = {name: cameras[name][row] for name in ("frame_width_m", "elevation_deg")}
    given = {name: torch.full_like(azimuth_deg, value) for name, value in set_framing(config.sample).items()}
    place = {"azimuth_deg": azimuth_deg, **drawn, **given}
    return sample_images(prior, place, generator, config), azimuth_deg


def _judge(
    config: ImagePriorConfig, landmark: Landmark, photos: PhotoDataModule
) -> tuple[PhotoClassifier, AngleAccuracy]:
    """The classifier, trained on the judges' part or taken from the cache, and its accuracy on the test part."""
    judges, test = photos.photos("judges"), photos.photos("test")
    judge = train_angle_classifier(
        all_pixels(judges),
        judges.place["azimuth_deg"],
        config.seed,
        cache_path=Path(config.data.cache).expanduser() / "judges" / f"angle_{landmark.name}.safetensors",
        precision=cpu_precision(config),  # it is small: it trains on the CPU
    )
    return judge, evaluate(judge, all_pixels(test), test.place["azimuth_deg"])


def _write(folder: Path, figures: PriorFigures, images: Tensor, path: Path) -> None:
    with saving(folder):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"prior": str(path), **asdict(figures)}, indent=2)
        replace_text(folder / "validation.json", text + "\n")
        save_grid(images[::IMAGES_A_BIN], folder / "validation.png", columns=GRID_COLUMNS)
