"""Which function does which job. Imports a system only when its job is asked for."""

import importlib

from gpslift.errors import UserError
from gpslift.runs import Run, forget_unstarted, start_run
from gpslift.schema.run import RunConfig

MODES = ("train", "validate", "export", "sample")
JOBS: dict[tuple[str, str], tuple[str, str]] = {
    ("image_prior", "train"): ("systems.image_prior", "train"),
    ("image_prior", "sample"): ("systems.sampling.job", "sample"),
    ("image_prior", "validate"): ("systems.validation", "validate_prior"),
    ("lift", "train"): ("systems.lift", "train"),
    ("lift", "export"): ("systems.lift", "export"),
    ("lift", "validate"): ("systems.validation", "validate_lift"),
    ("refine", "train"): ("systems.refine", "train"),
    ("refine", "export"): ("systems.refine", "export"),
    ("refine", "validate"): ("systems.validation", "validate_lift"),
}
"""(system, mode) -> (module, function). Train functions take (config, run), all others (config)."""


def run(config: RunConfig, mode: str) -> None:
    """Does the job. Raises UserError where the config's system has no such mode."""
    if (config.system, mode) not in JOBS:
        modes = ", ".join(f"--{known}" for system, known in JOBS if system == config.system)
        raise UserError(f"system={config.system} has no --{mode}; it has {modes}")
    if mode == "train":
        _train(config)
    else:
        _do(config, mode)


def _train(config: RunConfig) -> None:
    new_run = start_run(config)  # before the imports, which take longer than what is wrong with a config
    try:
        _do(config, "train", new_run)
    except BaseException:  # a Ctrl-C, too
        forget_unstarted(new_run)
        raise


def _do(config: RunConfig, mode: str, *run: Run) -> None:
    """Imports the job's function and calls it. Raises UserError for too little memory."""
    module, function = JOBS[config.system, mode]
    job, memory = (importlib.import_module(name) for name in (module, "systems.memory"))
    with memory.enough_memory(memory.remedies_of(config, mode)):
        getattr(job, function)(config, *run)
