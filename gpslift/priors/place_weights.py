"""Where in the picture the azimuth shows: loss weights that keep sky, ground and passers-by from drowning it.

A landmark's sides differ in a few hundred of a photo's pixels, which hold a hundredth of what a prior could get wrong.
Trained on all pixels alike, compact priors made good pictures of no side in particular.
"""

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from gpslift.conditioning.azimuth import harmonic_features
from gpslift.photos.dataset import PhotoSet

HARMONICS = 8
PHOTOS_AT_LEAST = 500  # below this, chance explains as much as the azimuth does
CHUNK = 512


def place_weights(photos: PhotoSet, share: float, fold: int) -> Tensor:
    """Loss weights of folded pixels [1, 3 fold^2, S / fold, S / fold], mean 1: 1 - share + share r / mean(r).

    r: of a pixel's variance over the photos, the part that the azimuth explains beyond its first harmonic, which is
    mostly that the sun stands in the south. All ones where there are too few photos to tell.
    """
    size = photos.images.shape[-1]
    explained = torch.zeros(size, size)
    if share > 0 and len(photos) >= PHOTOS_AT_LEAST:
        explained = _explained_beyond_first_harmonic(photos)
    relative = explained / explained.mean() if explained.any() else torch.ones(size, size)
    return pixel_unshuffle((1 - share + share * relative).expand(1, 3, size, size), fold)


def _explained_beyond_first_harmonic(photos: PhotoSet) -> Tensor:
    """Share [S, S] of the pixels' variance, over the colours, less what chance would explain."""
    features = harmonic_features(torch.from_numpy(photos.place["azimuth_deg"]).double(), HARMONICS)
    features = torch.cat([torch.ones(len(photos), 1, dtype=torch.float64), features], 1)
    values = 3 * photos.images.shape[-1] ** 2
    gram, mixed = features.T @ features, torch.zeros(features.shape[1], values, dtype=torch.float64)
    squares = torch.zeros(values, dtype=torch.float64)
    for start in range(0, len(photos), CHUNK):
        pixels = torch.from_numpy(photos.pixels(slice(start, start + CHUNK))).double().flatten(1)
        mixed += features[start : start + CHUNK].T @ pixels
        squares += pixels.square().sum(0)
    first = torch.tensor([0, 1, 1 + HARMONICS])  # the constant, sin and cos
    explained = _explained(gram, mixed) - _explained(gram[first][:, first], mixed[first])
    variance = squares - mixed[0].square() / len(photos)
    by_chance = (len(gram) - len(first)) / len(photos)
    ratio = (explained / variance.clamp_min(1e-6) - by_chance).view(3, *photos.images.shape[-2:]).mean(0)
    return ratio.clamp_min(0).float()


def _explained(gram: Tensor, mixed: Tensor) -> Tensor:
    """Sum of squares of the least-squares fit, from the normal equations."""
    return (mixed * torch.linalg.lstsq(gram, mixed).solution).sum(0)
