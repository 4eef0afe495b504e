"""The distribution of the photographers' cameras, which lifting draws from; it is a prior's cameras.json."""

import numpy as np

from gpslift.geo.landmarks import Landmark
from gpslift.photos.geometry import elevation_at_eye_height
from gpslift.photos.manifest import Manifest

ROWS_MAX = 4096
FRAME_PER_HALF_EXTENT = 2.2
"""Frame width, in half extents, where no photo tells its focal length: the landmark fills nine tenths of it."""

RANGE_PER_HALF_EXTENT = 3.0
"""Distance and range, in half extents, where photos do not tell their place (azimuths from a file)."""
_STEPS = {"range_m": 5.0, "elevation_deg": 1.0, "frame_width_m": 1.0}


def camera_table(manifest: Manifest) -> dict[str, list[float]]:
    """Joint distribution of range, elevation and frame width of the photos to train on, a row each, at most ROWS_MAX.

    Keys: range_m (camera to look-at point), elevation_deg, frame_width_m. A photo without an altitude counts as taken
    at eye height, as its range already does. A photo without a focal length is left out, unless no photo has one: then
    all get FRAME_PER_HALF_EXTENT half extents. No azimuth and no position is kept; values are rounded to 5 m, 1 degree
    and 1 m (at least one step, so that no range or width is 0) and sorted, so that no photo can be told by them. A
    photo whose place is not known, its azimuth apart, counts as taken from RANGE_PER_HALF_EXTENT half extents.
    """
    rows = manifest.rows("generator")
    landmark = manifest.subject
    assert isinstance(landmark, Landmark)
    distance, range_m = manifest.column("distance_m")[rows], manifest.column("range_m")[rows]
    afar = RANGE_PER_HALF_EXTENT * landmark.half_extent_m
    distance, range_m = (np.where(np.isnan(values), afar, values) for values in (distance, range_m))
    elevation, width = manifest.column("elevation_deg")[rows], manifest.column("frame_width_m")[rows]
    elevation = np.where(np.isnan(elevation), elevation_at_eye_height(landmark, distance), elevation)
    if np.isnan(width).all():
        width = np.full(len(rows), FRAME_PER_HALF_EXTENT * landmark.half_extent_m)
    known = np.flatnonzero(~np.isnan(width))
    chosen = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), ROWS_MAX)).round().astype(int))]
    values = {"range_m": range_m[chosen], "elevation_deg": elevation[chosen], "frame_width_m": width[chosen]}
    rounded = {name: np.round(column / _STEPS[name]) * _STEPS[name] for name, column in values.items()}
    for name in ("range_m", "frame_width_m"):
        rounded[name] = np.maximum(rounded[name], _STEPS[name])
    order = np.lexsort(tuple(rounded.values()))
    return {name: column[order].tolist() for name, column in rounded.items()}
