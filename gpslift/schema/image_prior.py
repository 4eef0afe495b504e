"""Keys of training, sampling and validating a 2D prior."""

from dataclasses import dataclass

from gpslift.schema.keys import key, section
from gpslift.schema.run import PriorSourceConfig, RunConfig


@dataclass
class DataConfig:
    photos: str = key("embedded", "a folder of geotagged photos, or 'embedded' for the photos made by rule")
    azimuths: str = key(
        "", "a CSV file with columns file (in data.photos) and azimuth_deg, used instead of GPS; '' = GPS"
    )
    cache: str = key("outputs/cache", "where embedded photos and decoded pixels are kept between runs")
    embedded_photos: int = key(12000, "how many embedded photos to make", low=64)
    embedded_seed: int = key(0, "seed of the embedded photos", low=0)
    embedded_shape: str = key(
        "",
        "what stands in the landmark's place: another made-by-rule shape, for tuning, or a mesh file (OBJ, ...) in "
        "metres; '' = the landmark",
    )
    embedded_up: str = key(
        "auto",
        "the axis of a mesh file that points up; auto = the one along which it is as high as the landmark",
        choices=("auto", "y", "z"),
    )
    radius_min_m: float = key(-1.0, "photos closer than this are left out, metres; -1 = the landmark's own", low=-1.0)
    radius_max_m: float = key(-1.0, "photos farther than this are left out, metres; -1 = the landmark's own", low=-1.0)
    azimuth_uncertainty_max_deg: float = key(
        20.0, "photos with a vaguer azimuth than this are left out", low=0.0, high=180.0
    )
    augment: float = key(
        -1.0,
        "strength of changes that leave the azimuth true (scale, crop, colour, blur, cut-outs); 0 = none, -1 = by the "
        "number of photos",
        low=-1.0,
        high=1.0,
    )
    judge_share: float = key(0.15, "share of photos kept for the judges (classifiers)", low=0.0, high=0.5)
    test_share: float = key(0.10, "share of photos kept for the test", low=0.0, high=0.5)
    image_megapixels_max: float = key(200.0, "photos with more pixels than this are refused unread", low=0.1)
    cache_latents: bool = key(
        False, "on a base model: keep the photos' latents on disk, 64 KB each at 512 pixels (sampled: 128)"
    )
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
    dropout: float = key(0.0, "compact: share of the U-Net's channels dropped in training", low=0.0, high=0.9)
    prediction: str = key("v_prediction", "what the compact U-Net predicts", choices=("epsilon", "v_prediction"))


@dataclass
class OptimConfig:
    steps: int = key(0, "optimiser steps; 0 = by the number of photos, 10000 where they are many", low=0)
    patience: int = key(
        -1,
        "training stops when so many held-out losses in a row (after warm-up) were no lower, and the best weights are "
        "saved; 0 = the last ones are, -1 = by the number of photos",
        low=-1,
    )
    held_out_every_steps: int = key(
        0, "with optim.patience: steps between held-out losses; 0 = a twentieth of optim.steps", low=0
    )
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
        0.0,
        "compact: share of the loss's weight that follows where the azimuth shows in the photos, of 500 or more",
        low=0.0,
        high=1.0,
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
    guidance_rescale: float = key(
        0.0,
        "against saturation by strong guidance (Lin et al. 2024, eq. 15 and 16); 0 = off, 0.7 is usual",
        low=0.0,
        high=1.0,
    )
    steps: int = key(30, "denoising steps", low=1, high=1000)
    output: str = key(
        "", "folder for the pictures; '' = a new one in samples/ of the prior's run, or in <output>/<name>/samples"
    )


@dataclass
class PreviewConfig:
    prompts: list[str] = key(
        [], "texts, a row each; [] = a landmark's caption, twice; of a city's held-out photos the own texts, then none"
    )
    gps: list[float] = key(
        [],
        "places in a city, a column each: latitude, longitude, in degrees; one pair after the other; [] = those of "
        "eight held-out photos",
        low=-180,
        high=180,
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

    system: str = key("image_prior", "which job this is", choices=("lift", "refine", "image_prior"))
    city: str = key("paris", "place.kind=gps: a city of gpslift/geo/cities.yaml")
    prior: ImagePriorSourceConfig = section(
        ImagePriorSourceConfig, "which prior to train, or to sample and validate", path=""
    )
    data: DataConfig = section(DataConfig, "photos")
    place: PlaceConfig = section(PlaceConfig, "place conditioning")
    backbone: BackboneConfig = section(BackboneConfig, "the diffusion model")
    dropout: DropoutConfig = section(DropoutConfig, "condition dropout")
    optim: OptimConfig = section(OptimConfig, "training")
    preview: PreviewConfig = section(PreviewConfig, "what previews show during training (when: log)")
    sample: SampleConfig = section(SampleConfig, "sampling")
