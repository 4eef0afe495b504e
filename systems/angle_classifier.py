"""The judge of azimuths: trained on the judges' part of a landmark's photos, and its use."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpslift.errors import UserError
from gpslift.metrics.angle_classifier import BINS, AngleAccuracy, angle_accuracy, soft_labels
from gpslift.metrics.photo_classifier import PhotoClassifier
from gpslift.wording import counted
from systems.photo_classifier import predict, train_photo_classifier

SPREAD_DEG = 5.0
LEAST_PHOTOS = 2 * BINS


def train_angle_classifier(
    images: NDArray[np.uint8],
    azimuth_deg: NDArray[np.float32],
    seed: int = 0,
    epochs: int = 30,
    cache_path: Path | None = None,
    precision: str = "32-true",
) -> PhotoClassifier:
    """A classifier of BINS sides, trained on photos: images [N, 3, S, S], azimuths [N] in degrees.

    `cache_path`, `precision`: see `train_photo_classifier`. UserError if there are fewer than 72 photos.
    """
    if len(images) < LEAST_PHOTOS:
        raise UserError(
            f"only {counted(len(images), 'photo')} for the judges: angle accuracy needs {LEAST_PHOTOS} at least; "
            "train the prior anew with more photos, or with a higher data.judge_share"
        )
    beliefs = soft_labels(torch.as_tensor(np.asarray(azimuth_deg, np.float32)), SPREAD_DEG)
    return train_photo_classifier(images, beliefs, "one of", "azimuths", seed, epochs, cache_path, precision)


def evaluate(
    classifier: PhotoClassifier, images: NDArray[np.uint8] | Tensor, azimuth_deg: NDArray[np.float32] | Tensor
) -> AngleAccuracy:
    """How often the classifier sees images [N, 3, S, S] from where they are said to be taken, azimuths [N], degrees."""
    return angle_accuracy(predict(classifier, images).argmax(1), torch.as_tensor(azimuth_deg))
