"""Which photos of a folder are fit to learn a landmark from. What is dropped is counted, and told with its remedy."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gpslift.errors import UserError
from gpslift.geo.geodesy import azimuth_and_distance
from gpslift.geo.landmarks import Landmark
from gpslift.photos.images import PHOTO_SUFFIXES
from gpslift.photos.report import PhotoReport

Mask = NDArray[np.bool_]

SAME_PICTURE_BITS = 6
"""Of the 128 bits of two pictures' difference hashes, so many may differ if they are one picture, saved twice.

Scaling a photo to a tenth and compressing it again changes 0 to 7 bits; two photos of one thing, a few steps apart,
differ in 20 or more, and the nearest of two million pairs of embedded photos in 9.
"""
_BLOCK = 128

EMPTY_SECTOR_DEG = 30.0
"""A sector round the landmark without a photo is worth a warning from this width on."""


def column(table: pa.Table, name: str) -> NDArray:
    """A column as a numpy array; a missing number is NaN."""
    return table[name].to_numpy()


def keep(table: pa.Table, mask: Mask, reason: str, report: PhotoReport) -> pa.Table:
    """The rows where `mask` is true; the others are counted as dropped for that reason."""
    report.drop(reason, table["path"].filter(pa.array(~mask)).to_pylist())
    return table.filter(pa.array(mask))


def keep_readable(table: pa.Table, report: PhotoReport) -> pa.Table:
    """Photos that can be read. UserError if there are none."""
    if table.num_rows == 0:
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        left = "".join(f"; {warning}" for warning in report.warnings)
        raise UserError(f"data.photos: no photos in {report.folder} or its sub-folders (looked for {kinds}){left}")
    errors = np.array(table["error"].to_pylist())
    if np.all(errors != ""):
        raise UserError(
            f"data.photos: none of the {len(errors)} photos in {report.folder} can be read; first: {errors[0]}"
        )
    heic = np.array(["pip install pillow-heif" in error for error in errors], np.bool_)
    table = keep(table, ~heic, "HEIC, which needs the package pillow-heif", report)
    if first := next((error for error in errors[~heic] if error), ""):
        report.warnings.append(f"the first that cannot be read: {first}")
    return keep(table, errors[~heic] == "", "cannot be read", report)


def keep_positioned(table: pa.Table, report: PhotoReport) -> pa.Table:
    """Photos that can be read and say where they were taken. UserError if there are none."""
    table = keep_readable(table, report)
    problems = np.array(table["gps_problem"].to_pylist())
    if np.all(problems != ""):
        first = f"{table['path'][0].as_py()}: {problems[0]}"
        beside = f" ({report.found - len(problems)} more cannot be read)" if report.found > len(problems) else ""
        raise UserError(
            f"data.photos: none of the {len(problems)} photos{beside} in {report.folder} says where it was taken "
            f"({first}). "
            "EXIF GPS tags are needed; many web sites and messengers strip them, so take the original files; "
            "of a landmark whose azimuths are known otherwise, data.azimuths=<a CSV file> tells them"
        )
    for problem in sorted(set(problems) - {""}):
        report.drop(problem, table["path"].filter(pa.array(problems == problem)).to_pylist())
    return table.filter(pa.array(problems == ""))


def drop_misplaced(table: pa.Table, landmark: Landmark, radius_max_m: float, report: PhotoReport) -> pa.Table:
    """Without photos whose tag is far off, but near the landmark once latitude and longitude are swapped, or once the
    other hemisphere is taken. UserError if that is most of them: then the whole folder was written so.
    """
    latitude, longitude = column(table, "latitude"), column(table, "longitude")
    far = azimuth_and_distance(landmark.latitude, landmark.longitude, latitude, longitude)[1] > radius_max_m
    fixes = {
        "latitude and longitude are swapped": (longitude, latitude),
        "the longitude has the wrong hemisphere": (latitude, -longitude),
        "the latitude has the wrong hemisphere": (-latitude, longitude),
    }
    misplaced, counts = np.zeros(len(far), np.bool_), []
    for mistake, (other_latitude, other_longitude) in fixes.items():
        possible = np.abs(other_latitude) <= 90
        there = azimuth_and_distance(
            landmark.latitude, landmark.longitude, np.where(possible, other_latitude, 0.0), other_longitude
        )[1]
        wrong = far & ~misplaced & possible & (there <= radius_max_m)
        if wrong.sum() > len(wrong) / 2:
            raise UserError(
                f"data.photos: in {wrong.sum()} of {len(wrong)} photos of {report.folder} {mistake}: put right, they "
                f"stand within {radius_max_m:g} m of the {landmark.title}. Correct their EXIF GPS tags, or, if it is "
                f"wrong, the landmark's centre ({_center(landmark)}), and try again"
            )
        report.drop(mistake, table["path"].filter(pa.array(wrong)).to_pylist())
        misplaced |= wrong
        counts.append(f"in {wrong.sum()} {mistake}")
    if misplaced.all():
        raise UserError(
            f"data.photos: no photo of {report.folder} stands within {radius_max_m:g} m of the {landmark.title} as its "
            f"tags are: {', '.join(counts)}. Correct them, and try again"
        )
    return table.filter(pa.array(~misplaced))


def keep_in_range(table: pa.Table, landmark: Landmark, low_m: float, high_m: float, report: PhotoReport) -> pa.Table:
    """Photos between two distances from the landmark, metres. UserError, with those found, if there are none."""
    distance = column(table, "distance_m")
    if distance.min() > high_m:
        raise UserError(
            f"data.photos: the nearest of {len(distance)} photos of {report.folder} with GPS is "
            f"{_far(distance.min())} from the {landmark.title}, whose centre is {_center(landmark)}; the farthest used "
            f"are {high_m:g} m away. Check that centre (are its signs right, are latitude and longitude swapped?) "
            "and that the photos are of this landmark (landmark=, data.photos); if they are, raise data.radius_max_m"
        )
    inside = (distance >= low_m) & (distance <= high_m)
    if not inside.any():
        raise UserError(
            f"data.photos: all {len(distance)} photos of {report.folder} with GPS lie outside {low_m:g} to "
            f"{high_m:g} m of the {landmark.title} (nearest {distance.min():.0f} m, farthest {distance.max():.0f} m). "
            "Set data.radius_min_m and data.radius_max_m, or landmark= if it is another one"
        )
    table = keep(table, distance >= low_m, f"closer than {low_m:g} m", report)
    distance = column(table, "distance_m")
    return keep(table, distance <= high_m, f"farther than {high_m:g} m", report)


def _far(distance_m: float) -> str:
    return f"{distance_m:.0f} m" if distance_m < 1000 else f"{distance_m / 1000:.1f} km"


def _center(landmark: Landmark) -> str:
    return f"latitude {landmark.latitude:g}, longitude {landmark.longitude:g}"


def keep_certain(table: pa.Table, limit_deg: float, report: PhotoReport) -> pa.Table:
    """Photos whose azimuth is known to `limit_deg` degrees. UserError if there are none."""
    uncertainty = column(table, "azimuth_uncertainty_deg")
    if not np.any(uncertainty <= limit_deg):
        raise UserError(
            f"data.photos: no photo of {report.folder} has an azimuth certain to {limit_deg:g} degrees "
            f"(the best has {uncertainty.min():.1f}); raise data.azimuth_uncertainty_max_deg or data.radius_min_m"
        )
    return keep(table, uncertainty <= limit_deg, f"azimuth vaguer than {limit_deg:g} degrees", report)


def drop_duplicates(table: pa.Table, report: PhotoReport) -> pa.Table:
    """One photo for each author, tag and minute, and one for each picture: the earliest whose time is known, else the
    one that says most, else the first by path stays."""
    order = table.take(_telling_first(table))
    where = [name for name in ("latitude", "longitude", "azimuth_deg") if name in order.column_names]
    moments = [
        (author or f"{make} {model}", *place, time[:16]) if time else path
        for author, make, model, time, path, *place in zip(
            *(order[name].to_pylist() for name in ("author", "make", "model", "time", "path", *where)), strict=True
        )
    ]
    earliest = {moment: row for row, moment in reversed(list(enumerate(moments)))}
    first = np.array([earliest[moment] == row for row, moment in enumerate(moments)], np.bool_)
    order = keep(order, first, "same author, place and minute as another", report)
    order = keep(order, ~repeated_pictures(order["dhash"].to_pylist()), "same picture as another", report)
    return order.sort_by("path")


def _telling_first(table: pa.Table) -> list[int]:
    """Rows by time, those without one last; of the same time by how much they say, then by path."""
    times, paths = table["time"].to_pylist(), table["path"].to_pylist()
    unsaid = np.sum([values.is_null().to_numpy() for values in table.columns], 0).tolist()
    return sorted(range(len(table)), key=lambda row: (times[row] == "", times[row], unsaid[row], paths[row]))


def repeated_pictures(hashes: list[bytes]) -> Mask:
    """True for each picture whose hash is within SAME_PICTURE_BITS of an earlier one's that is itself no repetition."""
    across, down = np.ascontiguousarray(np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 2).T)
    repeated = np.zeros(len(across), bool)
    for start in range(0, len(across), _BLOCK):
        near = np.bitwise_count(across[start : start + _BLOCK, None] ^ across[None, start:]) <= SAME_PICTURE_BITS
        first, second = (indices + start for indices in np.nonzero(near))
        bits = np.bitwise_count(across[first] ^ across[second]) + np.bitwise_count(down[first] ^ down[second])
        same = (bits <= SAME_PICTURE_BITS) & (second > first)
        for one, other in zip(first[same], second[same], strict=True):
            repeated[other] |= not repeated[one]
    return repeated


def empty_sectors(azimuth_deg: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Sectors of EMPTY_SECTOR_DEG degrees or more without a photo, as (from, to), clockwise; `to` may pass 360."""
    azimuths = np.sort(azimuth_deg)
    following = np.append(azimuths[1:], azimuths[0] + 360.0)
    wide = following - azimuths >= EMPTY_SECTOR_DEG
    return [(float(low), float(high)) for low, high in zip(azimuths[wide], following[wide], strict=True)]


def warn_of_empty_sectors(table: pa.Table, report: PhotoReport) -> None:
    """Adds a warning if the photos leave sides of the landmark unseen."""
    sectors = empty_sectors(column(table, "azimuth_deg"))
    if sectors:
        named = ", ".join(f"{low:.0f}° and {high % 360:.0f}°" for low, high in sectors)
        report.warnings.append(f"no photo between azimuth {named}: the prior has not seen the landmark from there")
