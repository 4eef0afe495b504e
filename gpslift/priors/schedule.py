"""How long and how carefully to train on so many photos: steps, augmentation, and when to stop.

Measured (docs/benchmarks.md): 100 photos are copied with less augmentation, and with more, or dropout in the U-Net, the
azimuth is not learnt. 500 and 2,000 are not copied in 3,000 steps, and augmentation only costs the azimuth. What a
config sets goes before.
"""

from dataclasses import dataclass, replace

from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.wording import counted

STEPS = 10000
EVALUATIONS = 20


@dataclass(frozen=True)
class Schedule:
    """For trainings on less than `below` photos. augment, patience: as the keys of those names."""

    below: int
    steps: int
    augment: float
    patience: int


SCHEDULES = (
    Schedule(below=250, steps=3000, augment=0.4, patience=5),
    Schedule(below=1000, steps=5000, augment=0.0, patience=5),
    Schedule(below=5000, steps=7000, augment=0.0, patience=5),
)
"""The fewest photos first; on more, and for what is neither compact nor of a landmark, MANY holds."""
MANY = Schedule(below=0, steps=STEPS, augment=0.0, patience=0)


def schedule_for(config: ImagePriorConfig, photos: int, held_out: int) -> Schedule:
    """The schedule of a training on that many photos, with `held_out` photos to tell overfitting by."""
    if config.prior.base != "compact" or config.place.kind != "azimuth":
        return MANY
    found = next((schedule for schedule in SCHEDULES if photos < schedule.below), MANY)
    return found if held_out else replace(found, patience=0)


def with_schedule(config: ImagePriorConfig, photos: int, held_out: int) -> ImagePriorConfig:
    """The config with every key that is left to the number of photos set."""
    found, optim = schedule_for(config, photos, held_out), config.optim
    steps = optim.steps or found.steps
    return replace(
        config,
        data=replace(config.data, augment=found.augment if config.data.augment < 0 else config.data.augment),
        optim=replace(
            optim,
            steps=steps,
            patience=found.patience if optim.patience < 0 else optim.patience,
            held_out_every_steps=optim.held_out_every_steps or max(steps // EVALUATIONS, 1),
        ),
    )


def in_words(config: ImagePriorConfig, photos: int) -> str:
    """One line that says how a training on that many photos goes."""
    optim = config.optim
    parts = [f"{counted(photos, 'photo')}: {counted(optim.steps, 'step')}"]
    if config.data.augment:
        parts.append(f"augmentation {config.data.augment:g}")
    if config.backbone.dropout:
        parts.append(f"dropout {config.backbone.dropout:g}")
    if optim.patience:
        steps = counted(optim.patience * optim.held_out_every_steps, "step")
        parts.append(f"stops when the held-out loss has not fallen for {steps}")
    return ", ".join(parts)
