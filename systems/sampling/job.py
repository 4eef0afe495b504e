"""The job that `--sample` names: finds the prior and hands it to the pictures of its kind of place."""

from rich.console import Console

from gpslift.errors import UserError
from gpslift.priors.loading import load_prior
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import short_path
from systems.running import choose_device, prepare
from systems.sampling.city import sample_city
from systems.sampling.common import prior_path
from systems.sampling.landmark import sample_landmark

EXAMPLES = {"azimuth": "configs/angle2img_statue_of_liberty.yaml", "gps": "configs/gps2img_paris.yaml"}
"""A config for each kind of place."""


def sample(config: ImagePriorConfig) -> None:
    """Pictures from the prior of `prior_path`; prints which one it is. Raises UserError where there is none."""
    prepare(config)
    path, which = prior_path(config)
    console = Console()
    console.print(f"prior: {short_path(path)} ({which})", highlight=False, soft_wrap=True)
    prior = load_prior(str(path), choose_device(config))
    if prior.place_kind != config.place.kind:
        raise UserError(
            f"the prior in {path} is told places of kind {prior.place_kind}, but place.kind={config.place.kind}; "
            "take a config of its kind, such as " + EXAMPLES[prior.place_kind]
        )
    if prior.place_kind == "gps":
        sample_city(prior, config, path, console)
    else:
        sample_landmark(prior, config, path, console)
