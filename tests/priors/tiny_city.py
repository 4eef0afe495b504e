"""A tiny untrained prior of Paris."""

from dataclasses import asdict

import torch

from gpslift.conditioning.city_place import CityPlaceEncoder
from gpslift.geo.cities import load_city
from gpslift.priors.compact import build_compact_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import BackboneConfig

LATITUDE, LONGITUDE = 48.86, 2.34


def tiny_city_prior(encoder: str = "multiscale", caption: str = "") -> PlaceDiffusionPipeline:
    """16 pixels, four scales, without a caption unless one is given."""
    torch.manual_seed(0)
    backbone = BackboneConfig(image_size=16, fold=2, channels=[32, 32], token_dim=32)
    place_encoder = CityPlaceEncoder(32, asdict(load_city("paris")), encoder, scales=4, directions=3)
    texts = ["a bench under a tree", "a café at night"]
    prior = build_compact_prior(backbone, place_encoder, texts, caption, (0.1, 0.0, -0.1), (0.5, 0.4, 0.3))
    prior.set_progress_bar_config(disable=True)
    for network in prior.networks.values():
        network.requires_grad_(False).eval()
    return prior
