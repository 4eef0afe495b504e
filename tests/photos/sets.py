"""Sets of photos without any files."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gpslift.geo.landmarks import load_landmark
from gpslift.photos.dataset import PhotoSet


def landmark_set(
    images: NDArray[np.uint8],
    azimuth_deg: NDArray[np.float32],
    frame_width_m: NDArray[np.float32] | None = None,
    elevation_deg: NDArray[np.float32] | None = None,
    caption: str = "A photo of a tower",
) -> PhotoSet:
    """Photos of a landmark: images [N, 3, S, S], azimuths [N] in degrees; what is not given is unknown."""
    count = len(images)
    unknown = np.full(count, np.nan, np.float32)
    place = {
        "azimuth_deg": azimuth_deg,
        "frame_width_m": unknown if frame_width_m is None else frame_width_m,
        "elevation_deg": unknown if elevation_deg is None else elevation_deg,
    }
    subject = replace(load_landmark("statue_of_liberty"), caption=caption)
    return PhotoSet(images, np.arange(count), place, [caption] * count, subject)
