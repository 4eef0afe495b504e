"""The job that `--sample` names: finds the prior and hands it to the pictures of its kind of place."""

from contextlib import suppress

from rich.console import Console

from gpslift.errors import UserError
from gpslift.priors.loading import load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import short_path
from systems.devices import choose_device, prepare
from systems.sampling.city import sample_city
from systems.sampling.common import check_kind, other_subject, prior_path, show_denoising
from systems.sampling.landmark import sample_landmark


def sample(config: ImagePriorConfig) -> None:
    """Pictures from the prior of `prior_path`; prints which one it is. Raises UserError where there is none."""
    prepare(config)
    path, which = prior_path(config)
    console = Console()
    console.print(f"prior: {short_path(path)} ({which})", highlight=False, soft_wrap=True)
    prior = load_prior(str(path), choose_device(config))
    show_denoising(prior)
    check_kind(prior, config, path)
    if config.prior.path and (note := _of_another(prior, config)):
        console.print(f"note: {note}: pictures show what it was trained on", highlight=False, soft_wrap=True)
    if prior.place_kind == "gps":
        sample_city(prior, config, path, console)
    else:
        sample_landmark(prior, config, path, console)


def _of_another(prior: PlaceDiffusionPipeline, config: ImagePriorConfig) -> str:
    """See `other_subject`; '' also where the config's own landmark is not to be found, as no picture needs it."""
    with suppress(UserError):
        return other_subject(prior, config)
    return ""
