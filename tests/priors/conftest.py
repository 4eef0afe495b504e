"""A tiny compact prior, and the cameras that go with it."""

import pytest
import torch

from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.priors.compact import build_compact_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import BackboneConfig

CAMERAS = {"range_m": [150.0, 300.0], "elevation_deg": [3.0, -8.0], "frame_width_m": [100.0, 110.0]}


def tiny_prior(prediction: str = "v_prediction", seed: int = 0, pooled_text: bool = False) -> PlaceDiffusionPipeline:
    """An untrained prior of 16 pixels, its weights large enough that its conditions matter."""
    torch.manual_seed(seed)
    sizes = {"image_size": 16, "fold": 2, "channels": [32, 32], "token_dim": 32}
    backbone = BackboneConfig(**sizes, prediction=prediction, pooled_text=pooled_text)
    encoder = LandmarkPlaceEncoder(width=32, log_width_mean=4.6, log_width_std=0.1)
    caption = "A photo of a tower"
    colors = (0.1, 0.0, -0.1), (0.5, 0.4, 0.3)
    prior = build_compact_prior(backbone, encoder, [caption], caption, *colors)
    prior.set_progress_bar_config(disable=True)
    for network in prior.networks.values():
        network.requires_grad_(False).eval()
    return prior


@pytest.fixture
def prior() -> PlaceDiffusionPipeline:
    return tiny_prior()
