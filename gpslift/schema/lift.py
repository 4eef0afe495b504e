"""Keys of lifting a landmark to 3D."""

from dataclasses import dataclass

from gpslift.schema.export import ExportConfig, ValidationConfig
from gpslift.schema.keys import key, section
from gpslift.schema.run import LogConfig, PriorSourceConfig, RunConfig


@dataclass
class GridConfig:
    levels: int = key(10, "hash grid levels", low=2, high=32)
    features: int = key(2, "features per level", low=1, high=8)
    log2_table: int = key(16, "log2 of the entries per level", low=8, high=24)
    base_resolution: int = key(8, "coarsest resolution", low=2)
    finest_resolution: int = key(128, "finest resolution", low=2)


@dataclass
class RendererConfig:
    engine: str = key(
        "auto",
        "hash grid engine; auto = the fastest that works here",
        choices=("auto", "torch", "numba", "compiled", "tcnn"),
    )
    marching: str = key(
        "auto",
        "who marches rays and sums along them: the engine, or nerfacc; auto = nerfacc where it works, which needs CUDA",
        choices=("auto", "own", "nerfacc"),
    )
    grid: GridConfig = section(GridConfig, "hash grid")
    hidden: int = key(32, "width of the hidden layer of the density and colour heads", low=4, high=256)
    samples: int = key(128, "ray marching steps across the box's diagonal", low=8, high=2048)
    occupancy_resolution: int = key(48, "cells per side of the occupancy grid", low=4, high=256)
    occupancy_threshold: float = key(
        0.003, "opacity of one ray step above which a cell counts as occupied", low=0.0, high=1.0
    )
    occupancy_every_steps: int = key(16, "steps between updates of the occupancy grid", low=1)
    occupancy_decay: float = key(0.7, "decay of a cell's stored density at each of its updates", low=0.0, high=1.0)
    occupancy_warmup_steps: int = key(256, "steps in which every update asks all cells of the occupancy grid", low=0)
    coarse_levels: int = key(5, "hash grid levels in use at the first step", low=1, high=32)
    coarse_share: float = key(0.257, "share of the steps over which the other levels are added", low=0.0, high=1.0)
    blob_scale: float = key(5.0, "strength of the density blob that training starts from", low=0.0)
    blob_radius: float = key(0.9, "radius of that blob, half extents", low=0.01)
    background: str = key(
        "learned",
        "what is behind the object: a learned sky and ground, one colour, or one at random for each view of training",
        choices=("learned", "solid", "random"),
    )
    background_color: list[float] = key(
        [1.0, 1.0, 1.0],
        "red, green and blue of a solid background, and of pictures after training with random ones",
        low=0.0,
        high=1.0,
    )
    background_hidden: int = key(16, "width of the background network", low=4, high=256)
    chunk_rays: int = key(
        0, "rays of a step that are rendered at a time, which bounds memory and takes longer; 0 = all of them", low=0
    )


@dataclass
class LiftCameraConfig:
    azimuth: list[float] = key([0.0, 360.0], "range of camera azimuths, degrees", low=-360, high=720)
    even_elevation: float = key(
        0.7,
        "0 = camera elevations as often as in the prior's photos (always so while colours are learnt), 1 = all of them "
        "equally often",
        low=0.0,
        high=1.0,
    )
    aim_jitter: float = key(
        0.0, "how far the aim strays from the landmark's middle, frame widths (standard deviation)", low=0.0, high=0.5
    )


@dataclass
class GuidanceConfig:
    """How a frozen prior is asked, whatever is distilled into."""

    objective: str = key(
        "multistep",
        "what a step optimises: denoised pictures, score distillation (the paper's), with inverted noise, variational",
        choices=("multistep", "sds", "ism", "vsd"),
    )
    scale: float = key(
        -1.0,
        "guidance scale, diffusers' convention (the paper's w is this minus 1); -1 = what suits the objective on a "
        "compact prior: 2 for multistep, 4 for sds and ism, 1.5 for vsd",
        low=-1.0,
    )
    scale_text: float = key(-1.0, "the same of the text alone; -1 = guidance.scale", low=-1.0)
    scale_place: float = key(-1.0, "the same of the place beyond the text; -1 = guidance.scale", low=-1.0)
    negative_prompt: str = key("", "a text of what shall not be seen; it takes the place of the empty text")
    perp_neg: float = key(
        0.0,
        "weight of the negative prompt by Perp-Neg (Armandpour et al. 2023), beside the empty text; 0 = off",
        low=0.0,
    )
    rescale: float = key(
        0.0,
        "against saturation by strong guidance (Lin et al. 2024, eq. 15 and 16); 0 = off, 0.7 is usual",
        low=0.0,
        high=1.0,
    )
    place: str = key(
        "true",
        "the condition given to the prior; text: no place, also for a model without a place encoder; dropped (no "
        "azimuth) and shuffled are controls",
        choices=("true", "text", "dropped", "shuffled"),
    )
    schedule: str = key(
        "annealed",
        "timesteps: drawn from a range that moves from t_start to t_end; constant: from all that they span; sqrt: down "
        "from the highest to the lowest by the square root of the steps done",
        choices=("annealed", "constant", "sqrt"),
    )
    one_noise: bool = key(
        False, "the same noise on every picture, so that all targets have one sky and one light; else each its own"
    )
    t_start: list[float] = key(
        [0.85, 0.98], "timestep range at the first step, as shares of the noise schedule", low=0.0, high=1.0
    )
    t_end: list[float] = key([0.4, 0.75], "timestep range at the end of annealing", low=0.0, high=1.0)
    anneal_share: float = key(1.0, "share of the steps over which the timestep range is annealed", low=0.0, high=1.0)
    ddim_steps: int = key(2, "multistep: denoising steps from the noised render to the target", low=1, high=50)
    reuse: int = key(4, "multistep, and colours: optimiser steps on one target", low=1, high=50)
    interval: float = key(
        0.05,
        "ism: from one inverted timestep to the next that is compared, as a share of the noise schedule",
        low=0.0,
        high=0.5,
    )
    inversion_steps: int = key(4, "ism: DDIM steps from the render to the first of these", low=1, high=50)
    adapter_rank: int = key(4, "vsd: rank of the adapters that learn what renders look like", low=1, high=256)
    adapter_lr: float = key(3e-3, "vsd: their learning rate (AdamW); for full-size priors 1e-4 is usual", low=0.0)
    adapter_warmup: float = key(
        0.076,
        "vsd: steps in which they only learn, and renders follow score distillation, as a share of the lift's",
        low=0.0,
        high=1.0,
    )
    gradient_checkpointing: bool = key(
        False, "on a latent prior: compute its VAE (vsd: and U-Net) twice a step, to keep less of it in memory"
    )


@dataclass
class LiftGuidanceConfig(GuidanceConfig):
    """And what needs a field: clear pixels, opacities between clear and solid, and parts of pictures."""

    stride: int = key(2, "multistep, and colours: each of these steps renders every n-th row and column", low=1, high=8)
    tint: float = key(
        0.1, "multistep: standard deviation of the random tint of what is behind the object", low=0.0, high=0.5
    )
    tint_between: list[float] = key(
        [0.257, 0.514],
        "multistep: shares of the steps between which there is a tint, and targets keep their own sky",
        low=0.0,
        high=1.0,
    )
    clearing: float = key(
        5e-4,
        "weight of opacity where the prior's picture shows no more than is behind, so that no haze copies the sky",
        low=0.0,
    )
    clearing_until: float = key(0.2, "share of the steps up to which that counts", low=0.0, high=1.0)
    decided: list[float] = key(
        [0.5, 0.7],
        "pictures whose mean opacity, weighted by itself, is less than the second number are shown to the prior more "
        "solid, fully below the first; 0,0 = never",
        low=0.0,
        high=1.0,
    )
    decided_end: list[float] = key(
        [0.7, 0.9], "the same when the regularisers have grown (losses.ramp)", low=0.0, high=1.0
    )
    decided_from: float = key(0.129, "share of the steps from which on they are", low=0.0, high=1.0)


@dataclass
class FinishConfig:
    share: float = key(
        -1.0,
        "multistep: share of the steps, before those for colours, that follow another objective, which draws finer; "
        "-1 = what suits that one: 0.25 for vsd, else 0.143",
        low=-1.0,
        high=1.0,
    )
    objective: str = key("vsd", "that objective, as guidance.objective", choices=("sds", "ism", "vsd"))
    scale: float = key(
        -1.0, "guidance scale in these steps; -1 = what suits finish.objective, whatever guidance.scale is", low=-1.0
    )


@dataclass
class ColoringConfig:
    share: float = key(
        0.095,
        "share of the steps, at the end, in which the shape is held and only colours are learnt",
        low=0.0,
        high=1.0,
    )
    scale: float = key(3.0, "guidance scale in these steps", low=0.0)
    t: list[float] = key(
        [1.0, 1.0],
        "timestep range in these steps, as shares of the noise schedule; 1,1 = targets are pictures of the "
        "prior's own, whatever the render's colours",
        low=0.0,
        high=1.0,
    )
    ddim_steps: int = key(6, "denoising steps to the target in these steps", low=1, high=50)
    lr_share: float = key(0.5, "learning rate in these steps, as a share of optim.lr", low=0.0)


@dataclass
class ShadingConfig:
    probability: float = key(
        0.0,
        "probability that a view is lit by a random lamp; 0 = all show the albedo (DreamFusion: 0.75)",
        low=0.0,
        high=1.0,
    )
    textureless: float = key(0.5, "probability that a lit view shows matter as white", low=0.0, high=1.0)
    ambient: float = key(0.1, "share of the light in lit views that comes from everywhere", low=0.0, high=1.0)
    spread: float = key(
        0.8, "how far the lamp strays from the camera's direction, camera distances (standard deviation)", low=0.0
    )
    start: float = key(0.1, "share of the steps before the first lit view", low=0.0, high=1.0)


@dataclass
class LossConfig:
    orientation: float = key(1e-4, "weight: normals that face away from the camera", low=0.0)
    opacity: float = key(0.0, "weight: mean opacity of the image (DreamFusion's opacity loss)", low=0.0)
    sparsity: float = key(4e-4, "weight: density where nothing is needed", low=0.0)
    entropy: float = key(5e-3, "weight: rays that are half opaque", low=0.0)
    undecided: float = key(
        0.4, "opacity from which a half-opaque ray is drawn to solid, and below which to clear", low=0.3, high=0.7
    )
    distortion: float = key(0.0, "weight: matter that is spread along a ray (Mip-NeRF 360's distortion)", low=0.0)
    ramp: list[float] = key(
        [0.43, 0.77],
        "shares of the steps between which the regularisers grow from 0 to their weights",
        low=0.0,
        high=1.0,
    )
    orientation_ramp: list[float] = key([], "as losses.ramp, for orientation alone; [] = losses.ramp", low=0, high=1)
    opacity_ramp: list[float] = key([], "as losses.ramp, for opacity alone; [] = losses.ramp", low=0, high=1)
    sparsity_ramp: list[float] = key([], "as losses.ramp, for sparsity alone; [] = losses.ramp", low=0, high=1)
    entropy_ramp: list[float] = key([], "as losses.ramp, for entropy alone; [] = losses.ramp", low=0, high=1)
    distortion_ramp: list[float] = key([], "as losses.ramp, for distortion alone; [] = losses.ramp", low=0, high=1)


@dataclass
class LiftOptimConfig:
    steps: int = key(1050, "optimiser steps", low=1)
    batch_size: int = key(4, "cameras a step, over all devices", low=1)
    lr: float = key(1.5e-2, "learning rate (Adam)", low=0.0)
    lr_end_share: float = key(0.068, "learning rate at the last step, as a share of the first", low=0.0, high=1.0)
    sky_share: float = key(
        0.103,
        "share of the steps, at the start, in which the sky is learnt, as it is again while colours are; 1 = all",
        low=0.0,
        high=1.0,
    )
    gradient_clip: float = key(0.0, "gradient norm is clipped at this; 0 = never", low=0.0)
    resolutions: list[int] = key([32, 64], "render sizes, coarse to fine, pixels", low=8)
    resolution_steps: list[float] = key(
        [0.0, 0.171], "share of the steps at which each render size starts", low=0.0, high=1.0
    )


@dataclass
class LiftConfig(RunConfig):
    """Lifts a landmark to 3D from a frozen azimuth-conditioned prior, exports and validates it."""

    prior: PriorSourceConfig = section(PriorSourceConfig, "the frozen prior")
    cameras: LiftCameraConfig = section(LiftCameraConfig, "cameras of the lift")
    renderer: RendererConfig = section(RendererConfig, "the NeRF")
    guidance: LiftGuidanceConfig = section(LiftGuidanceConfig, "score distillation", anneal_share=0.88)
    finish: FinishConfig = section(FinishConfig, "the steps after the shape's, for what is fine")
    coloring: ColoringConfig = section(ColoringConfig, "the last steps, for colours")
    shading: ShadingConfig = section(ShadingConfig, "light on the NeRF while it trains")
    losses: LossConfig = section(LossConfig, "regularisers")
    optim: LiftOptimConfig = section(LiftOptimConfig, "training")
    export: ExportConfig = section(ExportConfig, "mesh and pictures")
    validation: ValidationConfig = section(ValidationConfig, "comparison with a known truth")
    log: LogConfig = section(
        LogConfig, "metrics, previews and checkpoints", preview_every_steps=400, checkpoint_every_steps=400
    )
