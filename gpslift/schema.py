"""Every key a config may hold: its type, default, meaning and range. The one source of defaults.

Two root schemas, chosen by the config's `system` key: `ImagePriorConfig` (train and sample a 2D prior) and
`LiftConfig` (lift a landmark from a prior, export it). This module imports no torch, so that `launch.py --help`
answers at once. `gpslift.config` merges files and overrides into these classes and checks types and ranges.
"""

from dataclasses import dataclass, field
from typing import Any


def key(default: Any, text: str, *, low: float | None = None, high: float | None = None, choices: tuple = ()) -> Any:
    """One config key. `low`, `high` (inclusive) and `choices` (all values allowed) hold for each element of a list."""
    metadata = {"help": text, "low": low, "high": high, "choices": choices}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def section(cls: type, text: str, **overrides: Any) -> Any:
    """A nested group of keys, with other defaults for some of them."""
    return field(default_factory=lambda: cls(**overrides), metadata={"help": text})


@dataclass
class DataConfig:
    photos: str = key("embedded", "a folder of geotagged photos, or 'embedded' for the photos made by rule")
    cache: str = key("outputs/cache", "where embedded photos and decoded pixels are kept between runs")
    embedded_photos: int = key(12000, "how many embedded photos to make", low=64)
    embedded_seed: int = key(0, "seed of the embedded photos", low=0)
    embedded_shape: str = key("", "another made-by-rule shape in the landmark's place, for tuning; '' = the landmark")
    radius_min_m: float = key(-1.0, "photos closer than this are left out, metres; -1 = the landmark's own", low=-1.0)
    radius_max_m: float = key(-1.0, "photos farther than this are left out, metres; -1 = the landmark's own", low=-1.0)
    azimuth_uncertainty_max_deg: float = key(
        20.0, "photos with a vaguer azimuth than this are left out", low=0.0, high=180.0
    )
    judge_share: float = key(0.15, "share of photos kept for the judges (classifiers)", low=0.0, high=0.5)
    test_share: float = key(0.10, "share of photos kept for the test", low=0.0, high=0.5)
    image_megapixels_max: float = key(200.0, "photos with more pixels than this are refused unread", low=0.1)
    cache_latents: bool = key(False, "on a base model: keep the photos' latents on disk, 64 KB each at 512 pixels")
    cache_text: bool = key(False, "on a base model: keep the captions' tokens on disk, 236 KB each in Stable Diffusion")
    preservation_images: int = key(
        0, "on a base model: how many of its own images to make, and train on beside the photos; 0 = none", low=0
    )
    workers: int = key(0, "data loader processes; 0 = load in the main process", low=0)


@dataclass
class PlaceConfig:
    kind: str = key(
        "azimuth",
        "what a photo's place is: its azimuth round a landmark, or its GPS position in a city",
        choices=("azimuth", "gps"),
    )
    encoder: str = key(
        "auto",
        "place encoder; auto = harmonic for azimuth, multiscale for gps",
        choices=("auto", "harmonic", "multiscale", "paper"),
    )
    harmonics: int = key(8, "harmonic encoder: sin and cos of this many multiples of the azimuth", low=1, high=64)
    frequencies: int = key(10, "paper encoder: frequencies of the positional encoding", low=1, high=32)
    scales: int = key(10, "multiscale encoder: wavelengths, one token each", low=1, high=32)
    directions: int = key(6, "multiscale encoder: bearings of the waves at each wavelength", low=2, high=32)
    finest_m: float = key(20.0, "multiscale encoder: shortest wavelength, metres", low=1.0)
    frame_width: bool = key(True, "azimuth: also condition on the metres the frame covers at the landmark, where known")
    elevation: bool = key(True, "azimuth: also condition on the camera's elevation angle, where known")
    drop_frame_width: float = key(0.1, "chance that a known frame width is hidden in training", low=0.0, high=1.0)
    drop_elevation: float = key(0.1, "chance that a known elevation is hidden in training", low=0.0, high=1.0)


@dataclass
class BackboneConfig:
    image_size: int = key(64, "side of the images, pixels", low=8, high=2048)
    fold: int = key(4, "compact: pixels folded into channels, per side", low=1, high=16)
    channels: list[int] = key([128, 160], "compact: U-Net channels per resolution", low=8)
    layers: int = key(1, "compact: residual layers per resolution", low=1, high=8)
    token_dim: int = key(128, "compact: width of text and place tokens", low=8)
    text_layers: int = key(1, "compact: layers of the text transformer", low=1, high=24)
    pooled_text: bool = key(
        False, "compact: the mean text token joins the time embedding, beside the place; for captions that differ"
    )
    prediction: str = key("v_prediction", "what the compact U-Net predicts", choices=("epsilon", "v_prediction"))


@dataclass
class OptimConfig:
    steps: int = key(10000, "optimiser steps", low=1)
    batch_size: int = key(64, "images a step, over all devices", low=1)
    optimizer: str = key(
        "adamw",
        "muon: for training from scratch, with AdamW for all but the inner matrices; adamw8bit: by bitsandbytes",
        choices=("adamw", "muon", "adamw8bit"),
    )
    lr: float = key(1e-3, "learning rate of AdamW after warm-up", low=0.0)
    place_lr: float = key(
        0.0, "the same of the place encoder, gates included, which is new on a base model; 0 = optim.lr", low=0.0
    )
    encoder_lr: float = key(
        0.0,
        "muon: AdamW's learning rate of text and place encoder, whose tokens a U-Net learns to hear only while they "
        "keep still; 0 = they learn as the U-Net does",
        low=0.0,
    )
    matrix_lr: float = key(0.02, "muon: learning rate of the inner matrices after warm-up", low=0.0)
    schedule: str = key("cosine", "learning rate after warm-up", choices=("cosine", "constant"))
    warmup_steps: int = key(200, "steps of linear warm-up", low=0)
    weight_decay: float = key(0.01, "weight decay", low=0.0)
    ema_decay: float = key(0.999, "decay of the weights' moving average, which is what is saved", low=0.0, high=0.99999)
    min_snr_gamma: float = key(0.0, "Min-SNR loss weighting (Hang et al. 2023, eq. 9); 0 = plain loss", low=0.0)
    timestep_power: float = key(
        1.0, "timesteps t are drawn with density t^(power - 1); 2 = noisy ones more often", low=0.1, high=10.0
    )
    place_weight: float = key(
        0.0, "compact: share of the loss's weight that follows where the azimuth shows in the photos", low=0.0, high=1.0
    )
    gradient_clip: float = key(1.0, "gradient norm is clipped at this; 0 = never", low=0.0)
    accumulate: int = key(1, "micro-batches a step", low=1)
    sample_latents: bool = key(
        False, "on a base model: draw latents from the VAE's distribution, as its own training did; else its mean"
    )
    preservation_weight: float = key(1.0, "weight of the loss on data.preservation_images", low=0.0)
    gradient_checkpointing: bool = key(False, "compute the U-Net twice a step, to keep less of it in memory")


@dataclass
class DropoutConfig:
    text: float = key(0.05, "chance that the text alone is dropped", low=0.0, high=1.0)
    place: float = key(0.05, "chance that the place alone is dropped", low=0.0, high=1.0)
    both: float = key(0.05, "chance that both are dropped", low=0.0, high=1.0)


@dataclass
class LogConfig:
    trackers: list[str] = key(
        ["tensorboard"], "where metrics go beside metrics.csv; wandb where installed", choices=("tensorboard", "wandb")
    )
    every_steps: int = key(20, "steps between metric rows", low=1)
    preview_every_steps: int = key(1000, "steps between preview pictures", low=1)
    checkpoint_every_steps: int = key(500, "steps between checkpoints", low=1)
    checkpoints_kept: int = key(2, "how many checkpoints are kept", low=1)


@dataclass
class SampleConfig:
    prompt: str = key("", "text; '' = the caption that a landmark's prior was trained with, no text for a city's")
    azimuth: list[float] = key(
        [0, 45, 90, 135, 180, 225, 270, 315], "azimuths, degrees clockwise from north", low=-360, high=360
    )
    frame_width_m: float = key(
        0.0, "metres the frame covers at the landmark; 0 = drawn from the training photos' cameras", low=0.0
    )
    elevation_deg: float = key(
        -90.0, "camera elevation angle; -90 = drawn from the training photos' cameras", low=-90.0, high=90.0
    )
    gps: list[float] = key(
        [], "places in a city: latitude, longitude, in degrees; one pair after the other", low=-180, high=180
    )
    area: list[float] = key(
        [],
        "an average image of an area: its corners' latitude, longitude, ...; with radius_m the middles of circles",
        low=-180,
        high=180,
    )
    radius_m: float = key(0.0, "radius of the circles round the places of sample.area, metres; 0 = corners", low=0.0)
    area_places: int = key(64, "places, spread evenly over the area, that its average is of", low=1)
    walk: list[float] = key(
        [], "images along a route through a city: its corners' latitude, longitude, ...", low=-180, high=180
    )
    walk_images: int = key(12, "places along the walk, equally far apart, both ends included", low=2)
    attention: bool = key(False, "also write maps of what attends to each word and place token, as attention.png")
    nearest: bool = key(False, "also write the nearest training photos, by place and by pixels, as nearest.png")
    images: int = key(1, "images per azimuth, place, area or walk, each with its own framing and noise", low=1)
    guidance_scale_text: float = key(
        3.0,
        "text guidance, diffusers' scale (1 = none); where it equals the place's, two calls a step suffice",
        low=0.0,
    )
    guidance_scale_place: float = key(3.0, "place guidance, diffusers' scale (1 = none)", low=0.0)
    steps: int = key(30, "denoising steps", low=1, high=1000)
    output: str = key("", "folder for the pictures; '' = samples/ in the prior's run folder, or in <output>/<name>")


@dataclass
class RunConfig:
    name: str = key("run", "name of the run; its folder is <output>/<name>/<time>")
    system: str = key("lift", "which job this is", choices=("lift", "image_prior"))
    landmark: str = key("statue_of_liberty", "lift, place.kind=azimuth: a landmark of gpslift/geo/landmarks.yaml")
    seed: int = key(0, "seed of everything random", low=0)
    output: str = key("outputs", "folder that holds all runs")
    resume: str = key("", "'last', a run folder or one of its checkpoints, to go on from it")
    device: str = key("auto", "where to compute", choices=("auto", "cpu", "cuda"))
    precision: str = key(
        "auto", "number format; auto = bf16 where the processor computes in it", choices=("auto", "32", "bf16", "fp16")
    )
    devices: int = key(
        0, "image_prior: processes a machine, one a GPU; 0 = as many GPUs as share the batch alike, or one CPU", low=0
    )
    nodes: int = key(1, "image_prior: machines that train together; Lightning says how to start them", low=1)
    strategy: str = key(
        "auto", "how processes train together; auto = ddp where there are several", choices=("auto", "ddp")
    )
    threads: int = key(0, "CPU threads; 0 = all cores", low=0)
    log: LogConfig = section(LogConfig, "metrics, previews and checkpoints")


@dataclass
class PriorSourceConfig:
    path: str = key(
        "", "where a trained prior is: its folder or run; image_prior: '' = the last run, else the shipped one"
    )


@dataclass
class ImagePriorSourceConfig(PriorSourceConfig):
    base: str = key("compact", "trained: 'compact', from scratch, or a Stable Diffusion folder or hub id, finetuned")
    lora_rank: int = key(
        0,
        "on a base model: train adapters of this rank in the U-Net's attention; 0 = the whole U-Net",
        low=0,
        high=1024,
    )
    start: str = key("", "compact: a prior (folder or run) of the same sizes whose weights training starts from")


@dataclass
class ImagePriorConfig(RunConfig):
    """Trains a 2D prior on geotagged photos, samples and validates it."""

    system: str = key("image_prior", "which job this is", choices=("lift", "image_prior"))
    city: str = key("paris", "place.kind=gps: a city of gpslift/geo/cities.yaml")
    prior: ImagePriorSourceConfig = section(
        ImagePriorSourceConfig, "which prior to train, or to sample and validate", path=""
    )
    data: DataConfig = section(DataConfig, "photos")
    place: PlaceConfig = section(PlaceConfig, "place conditioning")
    backbone: BackboneConfig = section(BackboneConfig, "the diffusion model")
    dropout: DropoutConfig = section(DropoutConfig, "condition dropout")
    optim: OptimConfig = section(OptimConfig, "training")
    sample: SampleConfig = section(SampleConfig, "sampling")


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
        "auto", "hash grid engine; auto = the fastest that works here", choices=("auto", "torch", "numba")
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
    coarse_share: float = key(0.3, "share of the steps over which the other levels are added", low=0.0, high=1.0)
    blob_scale: float = key(5.0, "strength of the density blob that training starts from", low=0.0)
    blob_radius: float = key(0.9, "radius of that blob, half extents", low=0.01)
    background_hidden: int = key(16, "width of the background network", low=4, high=256)


@dataclass
class LiftCameraConfig:
    azimuth: list[float] = key([0.0, 360.0], "range of camera azimuths, degrees", low=-360, high=720)
    even_elevation: float = key(
        0.7, "0 = camera elevations as often as in the prior's photos, 1 = all of them equally often", low=0.0, high=1.0
    )
    aim_jitter: float = key(
        0.0, "how far the aim strays from the landmark's middle, frame widths (standard deviation)", low=0.0, high=0.5
    )


@dataclass
class GuidanceConfig:
    objective: str = key("multistep", "what a step optimises", choices=("multistep", "sds"))
    scale: float = key(2.0, "guidance scale, diffusers' convention (the paper's w is this minus 1)", low=0.0)
    place: str = key(
        "true",
        "the condition given to the prior; dropped and shuffled are controls",
        choices=("true", "dropped", "shuffled"),
    )
    t_start: list[float] = key(
        [0.85, 0.98], "timestep range at the first step, as shares of the noise schedule", low=0.0, high=1.0
    )
    t_end: list[float] = key([0.3, 0.7], "timestep range at the end of annealing", low=0.0, high=1.0)
    anneal_share: float = key(1.0, "share of the steps over which the timestep range is annealed", low=0.0, high=1.0)
    ddim_steps: int = key(2, "multistep: denoising steps from the noised render to the target", low=1, high=50)
    tint: float = key(
        0.1, "multistep: standard deviation of the random tint of what is behind the object", low=0.0, high=0.5
    )
    tint_between: list[float] = key(
        [0.3, 0.6],
        "multistep: shares of the steps between which there is a tint, and targets keep their own sky",
        low=0.0,
        high=1.0,
    )
    reuse: int = key(4, "multistep: optimiser steps on one target", low=1, high=50)
    stride: int = key(2, "multistep: each of these steps renders every n-th row and column", low=1, high=8)


@dataclass
class LossConfig:
    orientation: float = key(1e-4, "weight: normals that face away from the camera", low=0.0)
    opacity: float = key(0.0, "weight: mean opacity of the image (DreamFusion's opacity loss)", low=0.0)
    sparsity: float = key(4e-4, "weight: density where nothing is needed", low=0.0)
    entropy: float = key(5e-3, "weight: rays that are half opaque", low=0.0)
    undecided: float = key(
        0.4, "opacity from which a half-opaque ray is drawn to solid, and below which to clear", low=0.3, high=0.7
    )
    ramp: list[float] = key(
        [0.5, 0.9], "shares of the steps between which the regularisers grow from 0 to their weights", low=0.0, high=1.0
    )


@dataclass
class LiftOptimConfig:
    steps: int = key(900, "optimiser steps", low=1)
    batch_size: int = key(4, "cameras a step, over all devices", low=1)
    lr: float = key(1.5e-2, "learning rate (Adam)", low=0.0)
    lr_end_share: float = key(0.1, "learning rate at the last step, as a share of the first", low=0.0, high=1.0)
    gradient_clip: float = key(0.0, "gradient norm is clipped at this; 0 = never", low=0.0)
    resolutions: list[int] = key([32, 64], "render sizes, coarse to fine, pixels", low=8)
    resolution_steps: list[float] = key(
        [0.0, 0.2], "share of the steps at which each render size starts", low=0.0, high=1.0
    )


@dataclass
class ExportConfig:
    run: str = key("", "run folder to export; '' = the last run of this config")
    resolution: int = key(160, "marching cubes cells along the box's longest side", low=16, high=1024)
    level: float = key(0.0, "density at which the surface is cut; 0 = chosen from the field", low=0.0)
    floater_share: float = key(
        0.02, "parts smaller than this share of the largest and off the ground are removed", low=0.0, high=1.0
    )
    faces: int = key(50000, "face budget", low=100)
    formats: list[str] = key(["glb", "obj", "ply"], "mesh files to write", choices=("glb", "obj", "ply"))
    texture: bool = key(
        False, "paint GLB and OBJ with a texture instead of vertex colours; needs xatlas and takes longer"
    )
    texture_size: int = key(1024, "side of the texture, texels", low=64, high=8192)
    picture_size: int = key(192, "side of the pictures, pixels", low=16, high=2048)
    turntable_frames: int = key(72, "frames of the turntable", low=4, high=720)


@dataclass
class ValidationConfig:
    truth: str = key("", "the made-by-rule shape that a lift is compared with; '' = the landmark's own")


@dataclass
class LiftConfig(RunConfig):
    """Lifts a landmark to 3D from a frozen azimuth-conditioned prior, exports and validates it."""

    prior: PriorSourceConfig = section(PriorSourceConfig, "the frozen prior", path="assets/priors/statue_of_liberty")
    cameras: LiftCameraConfig = section(LiftCameraConfig, "cameras of the lift")
    renderer: RendererConfig = section(RendererConfig, "the NeRF")
    guidance: GuidanceConfig = section(GuidanceConfig, "score distillation")
    losses: LossConfig = section(LossConfig, "regularisers")
    optim: LiftOptimConfig = section(LiftOptimConfig, "training")
    export: ExportConfig = section(ExportConfig, "mesh and pictures")
    validation: ValidationConfig = section(ValidationConfig, "comparison with a known truth")
    log: LogConfig = section(
        LogConfig, "metrics, previews and checkpoints", preview_every_steps=400, checkpoint_every_steps=400
    )


SYSTEMS: dict[str, type[RunConfig]] = {"lift": LiftConfig, "image_prior": ImagePriorConfig}
