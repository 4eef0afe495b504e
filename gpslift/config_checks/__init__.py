"""Checks of values that must fit each other. (Types and ranges of single keys are checked by `gpslift.config`.)"""

import re
from collections.abc import Iterator

from gpslift.config_checks.distillation import distillation_rules, lift_rules, refine_rules
from gpslift.config_checks.image_prior import image_prior_rules
from gpslift.errors import UserError
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.lift import LiftConfig
from gpslift.schema.refine import RefineConfig
from gpslift.schema.run import RunConfig


def check_together(config: RunConfig) -> None:
    """Raises UserError with the first rule that the config breaks."""
    for holds, message in _rules(config):
        if not holds:
            raise UserError(message)


def _rules(config: RunConfig) -> Iterator[tuple[bool, str]]:
    """(whether the rule holds, what to say if not)."""
    yield (
        re.fullmatch(r"[\w][\w.-]*", config.name) is not None,
        f"name={config.name} cannot name a folder: use letters, digits, '_', '-' and '.', without '/' or a leading '.'",
    )
    yield (bool(config.output.strip()), "output= is empty; it is the folder that holds all runs, such as outputs")
    if isinstance(config, ImagePriorConfig):
        yield from image_prior_rules(config)
    if isinstance(config, LiftConfig | RefineConfig):
        yield from distillation_rules(config)
    if isinstance(config, RefineConfig):
        yield from refine_rules(config)
    if isinstance(config, LiftConfig):
        yield from lift_rules(config)
