"""What every run has: its name, its folder, where it computes, what it logs."""

from dataclasses import dataclass

from gpslift.schema.keys import key, section


@dataclass
class LogConfig:
    trackers: list[str] = key(
        ["tensorboard"],
        "where metrics go beside metrics.csv; wandb where installed; [] = nowhere",
        choices=("tensorboard", "wandb"),
        may_be_empty=True,
    )
    every_steps: int = key(20, "steps between metric rows", low=1)
    preview_every_steps: int = key(1000, "steps between preview pictures", low=1)
    checkpoint_every_steps: int = key(500, "steps between checkpoints", low=1)
    checkpoints_kept: int = key(2, "how many checkpoints are kept", low=1)


@dataclass
class RunConfig:
    name: str = key("run", "name of the run; its folder is <output>/<name>/<time>")
    system: str = key("lift", "which job this is", choices=("lift", "refine", "image_prior"))
    landmark: str = key(
        "statue_of_liberty",
        "lift, place.kind=azimuth: a landmark of gpslift/geo/landmarks.yaml, or the path of a YAML file of one's own "
        "with name, latitude, longitude, height (docs/own_landmark.md)",
    )
    seed: int = key(0, "seed of everything random", low=0, high=2**32 - 1)
    output: str = key("outputs", "folder that holds all runs")
    resume: str = key("", "'last', a run folder or one of its checkpoints, to go on from it")
    device: str = key("auto", "where to compute", choices=("auto", "cpu", "cuda"))
    precision: str = key(
        "auto", "number format; auto = bf16 where the processor is fast in it", choices=("auto", "32", "bf16", "fp16")
    )
    devices: int = key(
        0, "processes a machine, one a GPU; 0 = as many GPUs as share the batch alike, or one CPU", low=0
    )
    nodes: int = key(1, "machines that train together; Lightning says how to start them", low=1)
    strategy: str = key(
        "auto",
        "how processes train together: ddp, each with all weights; fsdp: they share out a prior's weights; "
        "auto = ddp where there are several",
        choices=("auto", "ddp", "fsdp"),
    )
    skipped_steps: int = key(
        10, "steps in a row that are left out for a loss or gradient that is not finite, before training stops", low=0
    )
    threads: int = key(0, "CPU threads; 0 = all cores, on which photos are read and made in any case", low=0)
    log: LogConfig = section(LogConfig, "metrics, previews and checkpoints")


@dataclass
class PriorSourceConfig:
    path: str = key(
        "",
        "where a trained prior is: its folder, run or hub id; '' = the shipped one; image_prior: the last run first, "
        "refine: the lift's first",
    )
