"""Photos of a city: where each was taken, and which blocks of the city are held out."""

import pyarrow as pa

from gpslift.errors import UserError
from gpslift.geo.cities import City
from gpslift.photos import filters
from gpslift.photos.report import PhotoReport
from gpslift.photos.splits import Groups, block_names, shots_of


def keep_usable(table: pa.Table, city: City, report: PhotoReport) -> pa.Table:
    """The photos inside the city's bounds, with columns east_m and north_m. UserError if there are none."""
    latitude, longitude = filters.column(table, "latitude"), filters.column(table, "longitude")
    inside = city.contains(latitude, longitude)
    swapped = ~inside & city.contains(longitude, latitude)
    if swapped.sum() > len(swapped) / 2:
        raise UserError(
            f"data.photos: in {swapped.sum()} of {len(swapped)} photos of {report.folder} latitude and longitude are "
            f"swapped: put right, they stand in {city.title}. Correct their EXIF GPS tags and try again"
        )
    if not inside.any():
        raise UserError(
            f"data.photos: none of the {len(inside)} photos of {report.folder} with GPS stands in {city.title} "
            f"({city.bounds}); the first stands at {latitude[0]:.4f}, {longitude[0]:.4f}. "
            "Set city= if it is another one"
        )
    table = filters.keep(table, ~swapped, "latitude and longitude are swapped", report)
    table = filters.keep(table, inside[~swapped], f"outside {city.title}", report)
    east, north = city.to_metres(filters.column(table, "latitude"), filters.column(table, "longitude"))
    return table.append_column("east_m", pa.array(east)).append_column("north_m", pa.array(north))


def groups(table: pa.Table) -> Groups:
    """What is parted as one: a block of the city, so that the test's places are new to the generator."""
    names = block_names(shots_of(table, filters.column(table, "east_m"), filters.column(table, "north_m")))
    return Groups(names, dict.fromkeys(names, 0))
