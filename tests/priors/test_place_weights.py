"""Loss weights: where the azimuth explains pixels, against a plain regression, on made photos."""

import numpy as np
import pytest
import torch
from torch.nn.functional import pixel_shuffle

from gpslift.photos.dataset import PhotoSet
from gpslift.priors import place_weights as module
from gpslift.priors.place_weights import place_weights
from tests.photos.sets import landmark_set

COUNT = 2000


def photos(count: int = COUNT) -> PhotoSet:
    """Noise of 4 x 4 pixels; one turns with the azimuth, twice as strong as its noise, and one with the sun."""
    rng = np.random.default_rng(0)
    azimuth = rng.uniform(0, 360, count).astype(np.float32)
    images = rng.normal(128, 10, (count, 3, 4, 4))
    images[:, :, 0, 1] += (20 * np.sqrt(2) * np.sin(np.deg2rad(3 * azimuth)))[:, None]
    images[:, :, 2, 2] += (20 * np.sqrt(2) * np.cos(np.deg2rad(azimuth)))[:, None]
    return landmark_set(images.clip(0, 255).astype(np.uint8), azimuth)


def unfolded(weights: torch.Tensor, fold: int) -> torch.Tensor:
    return pixel_shuffle(weights, fold)[0]


def test_weight_goes_where_the_sides_differ_and_not_where_the_sun_shines() -> None:
    explained = module._explained_beyond_first_harmonic(photos())
    assert float(explained[0, 1]) == pytest.approx(400 / (400 + 100), abs=0.03)
    others = explained.flatten()[torch.arange(16) != 1]
    assert others.max() < 0.02
    weights = unfolded(place_weights(photos(), 0.8, 2), 2)
    assert weights.shape == (3, 4, 4)
    assert float(weights.mean()) == pytest.approx(1, abs=1e-5)
    assert float(weights[0, 0, 1]) == pytest.approx(0.2 + 0.8 * 16, rel=0.1)
    assert float(weights[0, 2, 2]) < 0.5


def test_the_share_explained_is_that_of_a_plain_regression() -> None:
    some = photos(600)
    angle = np.deg2rad(some.place["azimuth_deg"].astype(float))
    columns = [np.ones(600)] + [f(k * angle) for k in range(1, 9) for f in (np.sin, np.cos)]
    values = some.images[:, 1, 0, 1].astype(float)

    def unexplained(kept: int) -> float:
        features = np.stack(columns[:kept], 1)
        return float(np.sum((values - features @ np.linalg.lstsq(features, values, rcond=None)[0]) ** 2))

    variance = np.sum((values - values.mean()) ** 2)
    expected = (unexplained(3) - unexplained(17)) / variance - 14 / 600
    alike = landmark_set(np.repeat(some.images[:, 1:2], 3, 1), some.place["azimuth_deg"])
    assert float(module._explained_beyond_first_harmonic(alike)[0, 1]) == pytest.approx(expected, abs=1e-6)


def test_all_count_alike_where_there_is_nothing_to_tell() -> None:
    assert torch.equal(place_weights(photos(100), 0.8, 2), torch.ones(1, 12, 2, 2)), "too few photos"
    flat = landmark_set(np.full((600, 3, 4, 4), 7, np.uint8), np.zeros(600, np.float32))
    assert torch.equal(place_weights(flat, 0.8, 2), torch.ones(1, 12, 2, 2)), "pixels that never change"
