"""Photos round a landmark: from which side each was taken, and which of them are fit to learn it from."""

import numpy as np
import pyarrow as pa

from gpslift.geo.landmarks import Landmark
from gpslift.photos import filters
from gpslift.photos.azimuths import keep_told, read_azimuths
from gpslift.photos.focal import field_of_view_square
from gpslift.photos.geometry import PhotoGeometry, photo_geometry
from gpslift.photos.report import PhotoReport
from gpslift.photos.splits import CELL_M, Groups, azimuth_strata, group_names, shots_of
from gpslift.schema.image_prior import DataConfig

UNPLACED_CELL_DEG = 10.0
"""Photos of one person and day that are nearer than this belong together, where their distances are unknown."""


def distance_limits(landmark: Landmark, data: DataConfig) -> tuple[float, float]:
    """Least and greatest distance of photos from the landmark, metres: the config's, or the landmark's own."""
    low = landmark.radius_min_m if data.radius_min_m < 0 else data.radius_min_m
    high = landmark.radius_max_m if data.radius_max_m < 0 else data.radius_max_m
    return low, high


def keep_usable(table: pa.Table, landmark: Landmark, data: DataConfig, report: PhotoReport) -> pa.Table:
    """The photos with a usable azimuth, with the columns of `PhotoGeometry`. UserError if there are none.

    table: photos with GPS positions or, where `data.azimuths` names a file, which is then used alone, any photos.
    """
    if data.azimuths:
        azimuths = read_azimuths(data.azimuths)
        table = keep_told(table, azimuths, data.azimuths, report) if table.num_rows else table
        return filters.keep_readable(table, report)
    low, high = distance_limits(landmark, data)
    table = filters.drop_misplaced(table, landmark, high, report)
    table = with_viewpoints(table, landmark)
    table = filters.keep_in_range(table, landmark, low, high, report)
    return filters.keep_certain(table, data.azimuth_uncertainty_max_deg, report)


def with_viewpoints(table: pa.Table, landmark: Landmark) -> pa.Table:
    """The table with the columns of `PhotoGeometry`."""
    focal, width, height = (filters.column(table, name) for name in ("focal_length_35mm", "width", "height"))
    fields_of_view = [field_of_view_square(f, w, h) for f, w, h in zip(focal, width, height, strict=True)]
    places: PhotoGeometry = photo_geometry(
        landmark,
        filters.column(table, "latitude"),
        filters.column(table, "longitude"),
        filters.column(table, "accuracy_m"),
        filters.column(table, "altitude_m") - landmark.ground_altitude_m,
        np.array(fields_of_view),
    )
    for name, values in vars(places).items():
        table = table.append_column(name, pa.array(values))
    return table


def groups(table: pa.Table) -> Groups:
    """What is parted as one: a person's photos of one day and 10 m cell. Every 10-degree bin is in every part."""
    azimuth, distance = filters.column(table, "azimuth_deg"), filters.column(table, "distance_m")
    distance = np.where(np.isnan(distance), CELL_M / np.radians(UNPLACED_CELL_DEG), distance)
    east, north = distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))
    names = group_names(shots_of(table, east, north))
    return Groups(names, azimuth_strata(names, azimuth))
