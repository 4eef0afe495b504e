"""What Lightning says that does not apply here, silenced."""

import logging
import warnings

NOISE = (
    "does not have many workers",
    "The number of training batches",
    "resuming from a checkpoint that ended before the epoch ended",
    "LeafSpec",
    "no `val_dataloader`",
    "have no `validation_step`",
    "in eval mode at the start of training",
    "`training_step` returned `None`",
)
"""Lightning's warnings that say nothing about what these systems do: their data are indexed by step."""


def quiet_lightning() -> None:
    """Silences Lightning's tips and the warnings that do not apply here; errors and other warnings stay."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in NOISE:
        warnings.filterwarnings("ignore", message=f".*{message}.*")
