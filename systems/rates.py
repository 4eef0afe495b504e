"""A resumed training follows the config: learning rates that were changed hold from there on."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch.optim.lr_scheduler import LRScheduler


class ConfiguredRates(pl.Callback):
    """Puts the config's rates in the place of the checkpoint's, where they differ.

    Optimisers and schedules restore the settings they were saved with; without this, the advice to go on with a lower
    learning rate would change nothing. Where nothing was changed nothing is touched, to the last bit.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        configured: Any = pl_module.configure_optimizers()
        if isinstance(configured, dict) and "lr_scheduler" in configured:
            follow(trainer.optimizers[0], configured["optimizer"])
            follow_schedule(trainer.lr_scheduler_configs[0].scheduler, configured["lr_scheduler"]["scheduler"])


def follow(optimizer: torch.optim.Optimizer, configured: torch.optim.Optimizer) -> None:
    """Gives an optimiser's groups the settings of one made from the config; the schedule sets the learning rate.

    Whether steps are one kernel stays as it was, as this says on which device their numbers are.
    """
    for group, wanted in zip(optimizer.param_groups, configured.param_groups, strict=True):
        group.update({name: value for name, value in wanted.items() if name not in ("params", "lr", "fused")})


def follow_schedule(schedule: LRScheduler, configured: LRScheduler) -> None:
    """Gives a schedule the rates of one made from the config, and its optimiser the rate of now.

    How they change with the steps no checkpoint holds: that is the config's by itself.
    """
    if schedule.base_lrs == configured.base_lrs:
        return
    for group, base, wanted in zip(
        schedule.optimizer.param_groups, schedule.base_lrs, configured.base_lrs, strict=True
    ):
        group["lr"] *= wanted / base if base else 0.0
    schedule.base_lrs = configured.base_lrs
