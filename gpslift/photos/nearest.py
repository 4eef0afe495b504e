"""The photo that was taken nearest to a place: the paper's baseline for an image of that place."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gpslift.photos.dataset import PhotoSet


def nearest_by_place(photos: PhotoSet, place: Mapping[str, Tensor]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """How far the nearest photo of each place is [B], and which it is [B]; NaN and 0 for a place that is not known.

    place: the names of `photos.place` that count, float [B] each. Of a city, east_m and north_m, and the distance is in
    metres; of a landmark, azimuth_deg, and it is the azimuths' difference in degrees.
    """
    if "azimuth_deg" in photos.place:
        apart = np.abs((_differences("azimuth_deg", photos, place) + 180.0) % 360.0 - 180.0)
    else:
        apart = np.hypot(_differences("east_m", photos, place), _differences("north_m", photos, place))
    which = np.where(np.isnan(apart), np.inf, apart).argmin(1)
    return apart[np.arange(len(which)), which], which


def _differences(name: str, photos: PhotoSet, place: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """Place less photo, of every place and every photo: [B, N]."""
    return np.subtract.outer(place[name].float().cpu().numpy(), photos.place[name])
