"""A prior to train: built for the photos at hand, or a latent model with a new place encoder. And its card."""

from dataclasses import asdict

import numpy as np
import torch

from gpslift.conditioning.city_place import CityPlaceEncoder
from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.conditioning.place import PlaceEncoder
from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.geo.subject import Subject
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.base_model import load_base_model
from gpslift.priors.compact import build_compact_prior
from gpslift.priors.gated_attention import cross_attention_layers
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.start import started
from gpslift.schema.image_prior import ImagePriorConfig, PlaceConfig

STATISTICS_PHOTOS = 512


def prior_from_photos(config: ImagePriorConfig, photos: PhotoSet, device: torch.device) -> PlaceDiffusionPipeline:
    """An untrained prior for these photos: compact, or on the base model that `config.prior.base` names.

    Raises UserError for an empty set of photos, for sizes that do not fit, and for a base model that cannot be read.
    """
    if not len(photos):
        raise UserError("there are no photos in the part to train on; lower data.judge_share and data.test_share")
    torch.manual_seed(config.seed)
    if config.prior.base != "compact":
        return _on_base_model(config, photos).to(device)
    some = photos.pixels(np.linspace(0, len(photos) - 1, min(STATISTICS_PHOTOS, len(photos))).astype(int)) / 127.5 - 1
    mean, std = some.mean((0, 2, 3)), some.std((0, 2, 3)).clip(0.05)
    encoder = build_place_encoder(config.place, config.backbone.token_dim, photos)
    colors = [(float(c[0]), float(c[1]), float(c[2])) for c in (mean, std)]
    prior = build_compact_prior(config.backbone, encoder, photos.captions, photos.subject.caption, colors[0], colors[1])
    if config.prior.start:
        prior = started(prior, config.prior.start, photos.captions)
    return _quiet(prior).to(device)


def build_place_encoder(place: PlaceConfig, width: int, photos: PhotoSet, gates: int = 0) -> PlaceEncoder:
    """The place encoder of a config, for what these photos are of, with tokens of `width` channels."""
    if isinstance(photos.subject, Landmark):
        return _landmark_place_encoder(place, width, photos, gates)
    return CityPlaceEncoder(
        width=width,
        city=asdict(photos.subject),
        encoder="multiscale" if place.encoder == "auto" else place.encoder,
        scales=place.scales,
        directions=place.directions,
        finest_m=place.finest_m,
        frequencies=place.frequencies,
        gates=gates,
    )


def _landmark_place_encoder(place: PlaceConfig, width: int, photos: PhotoSet, gates: int) -> LandmarkPlaceEncoder:
    """Frame widths are scaled to the photos' own. No input that none of the photos tells: nothing could be learnt."""
    widths = photos.place["frame_width_m"]
    known = np.log(widths[widths > 0])
    return LandmarkPlaceEncoder(
        width=width,
        encoder="harmonic" if place.encoder == "auto" else place.encoder,
        harmonics=place.harmonics,
        frequencies=place.frequencies,
        frame_width=place.frame_width and len(known) > 0,
        elevation=place.elevation and bool(np.isfinite(photos.place["elevation_deg"]).any()),
        log_width_mean=float(known.mean()) if len(known) else 0.0,
        log_width_std=max(float(known.std()), 0.01) if len(known) else 1.0,
        gates=gates,
    )


def _on_base_model(config: ImagePriorConfig, photos: PhotoSet) -> PlaceDiffusionPipeline:
    """Stable Diffusion from a folder or hub id, its text encoder and VAE as they are, with a new place encoder.

    Its place tokens enter through gates that are shut: the prior is the base model until it is trained.
    """
    base = load_base_model(config.prior.base)
    unet, vae = base.unet, base.vae
    layers = len(cross_attention_layers(unet))
    encoder = build_place_encoder(config.place, unet.config.cross_attention_dim, photos, gates=layers)
    side, folded = config.backbone.image_size, 2 ** (len(vae.config.block_out_channels) - 1)
    unet.register_to_config(sample_size=side // folded)  # convolutions take any size; the paper trains 512 at 256
    return _quiet(
        PlaceDiffusionPipeline(
            vae, base.text_encoder, base.tokenizer, unet, encoder, base.scheduler, side, photos.subject.caption
        )
    )


def model_card(config: ImagePriorConfig, subject: Subject, photos: int, encoder: str, best: str = "") -> str:
    """The README.md of a prior's folder. encoder: of places, as the prior's config names it. best: which weights these
    are, where a held-out loss chose them.
    """
    chosen = f", the best by held-out loss: {best}" if best else ""
    source = "embedded photos, made by rule" if config.data.photos == "embedded" else "a folder of geotagged photos"
    if isinstance(subject, Landmark):
        told = "the camera's azimuth, and, where known, the metres that the frame covers and the camera's elevation"
        place = '{"azimuth_deg": [0.0, 90.0]}'
    else:
        told = f"a text and a GPS position in {subject.title} ({subject.bounds})"
        latitude, longitude = subject.center
        place = f'{{"latitude": {latitude:.4f}, "longitude": {longitude:.4f}}}, count=2, prompt="a quiet street"'
    return f"""---
library_name: diffusers
tags: [gpslift, text-to-image, geolocation]
---
# {"Azimuth" if isinstance(subject, Landmark) else "GPS"} prior of {subject.title}

A gpslift prior: a 2D diffusion model of {config.backbone.image_size} x {config.backbone.image_size} pixels, told
{told}. Trained on {photos} photos ({source}) for {config.optim.steps} steps of {config.optim.batch_size} images,
place encoder `{encoder}`. Weights: half precision, moving average{chosen}.

    from gpslift.priors.pipeline import PlaceDiffusionPipeline
    pipeline = PlaceDiffusionPipeline.from_pretrained("<this folder>")
    pipeline(place={place}, guidance_scale_text=3.0, guidance_scale_place=3.0).images
"""


def _quiet(prior: PlaceDiffusionPipeline) -> PlaceDiffusionPipeline:
    prior.set_progress_bar_config(disable=True)
    return prior
