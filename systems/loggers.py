"""Where metrics go: metrics.csv in the run folder always, and the trackers that `log.trackers` names."""

import importlib.util
from dataclasses import asdict

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from gpslift.errors import UserError
from gpslift.runs import Run
from gpslift.schema.run import RunConfig
from systems.metrics_file import MetricsFile


def make_loggers(config: RunConfig, run: Run, first_step: int) -> list[Logger]:
    """The loggers of a run that goes on from `first_step`. Raises UserError for a tracker that is not installed."""
    check_trackers(config)
    loggers: list[Logger] = [MetricsFile(run.metrics, first_step)]
    if "tensorboard" in config.log.trackers:
        loggers.append(TensorBoardLogger(run.folder, name="", version="tensorboard", purge_step=first_step + 1))
    if "wandb" in config.log.trackers:
        loggers.append(_weights_and_biases(config, run))
    return loggers


def check_trackers(config: RunConfig) -> None:
    """Raises UserError where `log.trackers` names one that is not installed."""
    if "wandb" in config.log.trackers and importlib.util.find_spec("wandb") is None:
        raise UserError("log.trackers names wandb, which is not installed; pip install wandb, or leave it out")


def _weights_and_biases(config: RunConfig, run: Run) -> WandbLogger:
    """The same run there after a resume. Where it is kept, and whether offline, is for wandb's own variables to say."""
    name = f"{config.name}-{run.folder.name}"
    return WandbLogger(
        name=name, id=name, project="gpslift", save_dir=run.folder, resume="allow", config=asdict(config)
    )
