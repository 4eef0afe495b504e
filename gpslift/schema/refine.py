"""Keys of refining a lift: its surface as a mesh, whose colours follow the same prior."""

from dataclasses import dataclass

from gpslift.schema.export import ExportConfig, ValidationConfig
from gpslift.schema.keys import key, section
from gpslift.schema.lift import GuidanceConfig, LiftCameraConfig
from gpslift.schema.run import LogConfig, PriorSourceConfig, RunConfig


@dataclass
class RefineSourceConfig:
    run: str = key("", "run folder of the lift to refine; '' = the last run named refine.lift")
    lift: str = key("statue_of_liberty", "name of the lifts, whose last run is refined where refine.run is empty")
    supersample: int = key(2, "meshes are drawn this many times larger than pictures, and made smaller", low=1, high=8)


@dataclass
class RefineOptimConfig:
    steps: int = key(120, "optimiser steps", low=1)
    batch_size: int = key(4, "cameras a step", low=1)
    size: int = key(64, "side of the rendered pictures, pixels", low=8)
    lr: float = key(2e-2, "learning rate (Adam)", low=0.0)
    lr_end_share: float = key(0.1, "learning rate at the last step, as a share of the first", low=0.0, high=1.0)
    gradient_clip: float = key(0.0, "gradient norm is clipped at this; 0 = never", low=0.0)


@dataclass
class RefineConfig(RunConfig):
    """Refines a finished lift as a mesh, from a frozen azimuth-conditioned prior; exports and validates it."""

    system: str = key("refine", "which job this is", choices=("lift", "refine", "image_prior"))
    refine: RefineSourceConfig = section(RefineSourceConfig, "which lift to refine, and how the mesh is drawn")
    prior: PriorSourceConfig = section(PriorSourceConfig, "the frozen prior")
    cameras: LiftCameraConfig = section(LiftCameraConfig, "cameras of the refinement")
    guidance: GuidanceConfig = section(
        GuidanceConfig,
        "score distillation",
        scale=3.0,
        one_noise=True,
        t_start=[0.95, 0.98],
        t_end=[0.95, 0.98],
        ddim_steps=6,
        reuse=4,
    )
    optim: RefineOptimConfig = section(RefineOptimConfig, "training")
    export: ExportConfig = section(ExportConfig, "mesh and pictures", faces=20000)
    validation: ValidationConfig = section(ValidationConfig, "comparison with a known truth")
    log: LogConfig = section(
        LogConfig, "metrics, previews and checkpoints", preview_every_steps=60, checkpoint_every_steps=60
    )
