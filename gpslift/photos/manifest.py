"""From a folder of photos to a manifest: one row a usable photo, with its place and its part."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gpslift.config import resolve_path
from gpslift.geo.landmarks import Landmark
from gpslift.geo.subject import Subject
from gpslift.photos import city_photos, filters, landmark_photos
from gpslift.photos.azimuths import azimuth_file
from gpslift.photos.files import key_of, read_table, write_table
from gpslift.photos.report import PhotoReport
from gpslift.photos.scan import scan_folder
from gpslift.photos.splits import PARTS, Groups, assign_parts
from gpslift.schema.image_prior import DataConfig

_VERSION = 3  # raise with every change of what a manifest holds


@dataclass(frozen=True)
class Manifest:
    """The usable photos of a folder, ordered by path.

    table's columns: path (relative to folder), bytes, modified_ns, sha256, dhash, latitude, longitude, accuracy_m,
    altitude_m, focal_length_35mm, width, height, caption, time, author, licence, make, model, image_direction; part;
    of a landmark's photos azimuth_deg, azimuth_uncertainty_deg, distance_m, range_m, elevation_deg, frame_width_m
    (see `PhotoGeometry`); of a city's east_m, north_m.
    """

    folder: Path
    subject: Subject
    table: pa.Table
    report: PhotoReport

    def __len__(self) -> int:
        return self.table.num_rows

    def column(self, name: str) -> NDArray:
        """One column as a numpy array; unknown numbers are NaN."""
        return filters.column(self.table, name)

    def rows(self, part: str) -> NDArray[np.int64]:
        """Row numbers of one part ('generator', 'judges', 'test')."""
        return np.flatnonzero(self.column("part") == part)


def photo_folder(subject: Subject, data: DataConfig) -> Path:
    """The folder that data.photos names; embedded photos are made first if they are not there."""
    if data.photos != "embedded":
        return resolve_path(data.photos)
    if isinstance(subject, Landmark):
        from gpslift.procedural.dataset import ensure_photos

        return ensure_photos(subject, data)
    from gpslift.procedural.city.dataset import ensure_city_photos

    return ensure_city_photos(subject, data)


def build_manifest(subject: Subject, data: DataConfig) -> Manifest:
    """Reads, filters and parts the photos that `data` names; quick if nothing changed since the last time.

    UserError if no photo is fit (each reason has its own message). `report.text()` says what was dropped, and warns.
    """
    folder, cache = photo_folder(subject, data), Path(data.cache).expanduser()
    if data.photos == "embedded" and isinstance(subject, Landmark):
        from gpslift.procedural.dataset import grounded

        subject = grounded(subject)  # as they were taken
    scan = scan_folder(folder, cache, data.image_megapixels_max, hash_all=bool(data.azimuths))
    cached = cache / "manifests" / f"{_manifest_key(folder, scan, subject, data)}.parquet"
    if (table := read_table(cached)) is None:
        report = PhotoReport(str(folder), found=scan.num_rows)
        table = _usable(scan, subject, data, report)
        table = table.replace_schema_metadata({"report": json.dumps(asdict(report))})
        write_table(table, cached)
    return Manifest(folder, subject, table, PhotoReport(**json.loads(table.schema.metadata[b"report"])))


def _manifest_key(folder: Path, scan: pa.Table, subject: Subject, data: DataConfig) -> str:
    limits = landmark_photos.distance_limits(subject, data) if isinstance(subject, Landmark) else ()
    told = [azimuth_file(data.azimuths).read_bytes().hex()] if data.azimuths else []
    settings = [data.azimuth_uncertainty_max_deg, data.judge_share, data.test_share, *limits, *told]
    files = [scan[name].to_pylist() for name in ("path", "bytes", "modified_ns", "error")]
    return key_of(_VERSION, str(folder.resolve()), asdict(subject), settings, files)


def _usable(scan: pa.Table, subject: Subject, data: DataConfig, report: PhotoReport) -> pa.Table:
    """The rows that pass all filters, with their places and parts; what happened is in the report."""
    if ignored := json.loads(scan.schema.metadata[b"ignored"]):
        report.warnings.append(
            f"{len(ignored)} left alone ({', '.join(ignored[:3])}): links that lead nowhere or out of the folder, "
            "names that are not UTF-8, or what may not be read"
        )
    table = scan if data.azimuths else filters.keep_positioned(scan, report)
    if isinstance(subject, Landmark):
        table = filters.drop_duplicates(landmark_photos.keep_usable(table, subject, data, report), report)
        filters.warn_of_empty_sectors(table, report)
        groups = landmark_photos.groups(table)
    else:
        table = filters.drop_duplicates(city_photos.keep_usable(table, subject, report), report)
        groups = city_photos.groups(table)
    table = _with_parts(table, groups, data, report)
    return table.drop_columns(["error", "gps_problem", "orientation"])


def _with_parts(table: pa.Table, groups: Groups, data: DataConfig, report: PhotoReport) -> pa.Table:
    parts = assign_parts(groups, data.judge_share, data.test_share)
    report.kept = len(parts)
    report.parts = {part: parts.count(part) for part in PARTS}
    for part, share in (("judges", data.judge_share), ("test", data.test_share)):
        if share > 0 and not report.parts[part]:
            report.warnings.append(f"too few photos for the {part} part: it is empty")
    return table.append_column("part", pa.array(parts))
