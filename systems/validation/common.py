"""What the validations of priors share: the prior, its photos, and where figures go."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gpslift.errors import UserError
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.loading import RUN_SUBFOLDER, load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig
from systems.devices import choose_device
from systems.sampling.common import check_kind, other_subject, prior_path, show_denoising, trained_config


def prior_to_judge(config: ImagePriorConfig) -> tuple[PlaceDiffusionPipeline, ImagePriorConfig, Path]:
    """The prior of `prior_path`, the config with the photos that it is judged by, and where the prior lies.

    Raises UserError for a prior of another kind of place, or of another landmark or city than the photos.
    """
    path, _ = prior_path(config)
    prior = load_prior(str(path), choose_device(config))
    show_denoising(prior)
    check_kind(prior, config, path)
    config = with_its_photos(config, path)
    if other := other_subject(prior, config):
        subject = "city" if prior.place_kind == "gps" else "landmark"
        raise UserError(f"{path}: {other}, whose photos it would be judged by; set {subject}, or another prior.path")
    return prior, config, path


def with_its_photos(config: ImagePriorConfig, path: Path) -> ImagePriorConfig:
    """A run's prior is judged by the run's own photos and split, so that the judge's photos are new to it."""
    its = trained_config(config, path)
    return replace(config, data=its.data, landmark=its.landmark, city=its.city, place=its.place)


def validation_folder(config: ImagePriorConfig, path: Path) -> Path:
    """Where the figures of the prior at `path` go: its run folder, else <output>/<name>/validation."""
    if path.name == RUN_SUBFOLDER:
        return path.parent
    return Path(config.output).expanduser() / config.name / "validation"


def all_pixels(photos: PhotoSet) -> np.ndarray:
    """uint8 [N, 3, S, S]."""
    return photos.pixels(slice(None))
