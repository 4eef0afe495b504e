"""From a folder of photos to a manifest: one row a usable photo, with its viewpoint and its part."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gpslift.config import resolve_path
from gpslift.geo.landmarks import Landmark
from gpslift.photos import filters
from gpslift.photos.files import read_table, write_table
from gpslift.photos.focal import field_of_view_square
from gpslift.photos.geometry import Viewpoints, viewpoints
from gpslift.photos.report import PhotoReport
from gpslift.photos.scan import scan_folder
from gpslift.photos.splits import PARTS, Shot, assign_parts
from gpslift.schema import DataConfig

_VERSION = 1  # raise with every change of what a manifest holds


@dataclass(frozen=True)
class Manifest:
    """The usable photos of a folder, ordered by path.

    table's columns: path (relative to folder), bytes, modified_ns, dhash, latitude, longitude, accuracy_m, altitude_m,
    focal_length_35mm, width, height, time, author, licence, make, model, image_direction; azimuth_deg,
    azimuth_uncertainty_deg, distance_m, range_m, elevation_deg, frame_width_m (see `Viewpoints`); part.
    """

    folder: Path
    landmark: Landmark
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


def photo_folder(landmark: Landmark, data: DataConfig) -> Path:
    """The folder that data.photos names; embedded photos are made first if they are not there."""
    if data.photos == "embedded":
        from gpslift.procedural.dataset import ensure_photos

        return Path(ensure_photos(landmark.name, data))
    return resolve_path(data.photos)


def distance_limits(landmark: Landmark, data: DataConfig) -> tuple[float, float]:
    """Least and greatest distance of photos from the landmark, metres: the config's, or the landmark's own."""
    low = landmark.radius_min_m if data.radius_min_m < 0 else data.radius_min_m
    high = landmark.radius_max_m if data.radius_max_m < 0 else data.radius_max_m
    return low, high


def build_manifest(landmark: Landmark, data: DataConfig) -> Manifest:
    """Reads, filters and parts the photos that `data` names; quick if nothing changed since the last time.

    UserError if no photo is fit (each reason has its own message). `report.text()` says what was dropped, and warns.
    """
    folder, cache = photo_folder(landmark, data), Path(data.cache).expanduser()
    scan = scan_folder(folder, cache, data.image_megapixels_max)
    cached = cache / "manifests" / f"{_manifest_key(folder, scan, landmark, data)}.parquet"
    if (table := read_table(cached)) is None:
        report = PhotoReport(str(folder), found=scan.num_rows)
        table = _usable(scan, landmark, data, report)
        table = table.replace_schema_metadata({"report": json.dumps(asdict(report))})
        write_table(table, cached)
    return Manifest(folder, landmark, table, PhotoReport(**json.loads(table.schema.metadata[b"report"])))


def _manifest_key(folder: Path, scan: pa.Table, landmark: Landmark, data: DataConfig) -> str:
    settings = [data.azimuth_uncertainty_max_deg, data.judge_share, data.test_share, *distance_limits(landmark, data)]
    files = [scan[name].to_pylist() for name in ("path", "bytes", "modified_ns", "error")]
    text = json.dumps([_VERSION, str(folder.resolve()), asdict(landmark), settings, files])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _usable(scan: pa.Table, landmark: Landmark, data: DataConfig, report: PhotoReport) -> pa.Table:
    """The rows that pass all filters, with viewpoints and parts; what happened is in the report."""
    low, high = distance_limits(landmark, data)
    if ignored := json.loads(scan.schema.metadata[b"ignored"]):
        report.warnings.append(
            f"{len(ignored)} links lead out of the folder and are not followed ({', '.join(ignored[:3])})"
        )
    table = filters.keep_positioned(scan, report)
    table = filters.drop_misplaced(table, landmark, high, report)
    table = _with_viewpoints(table, landmark)
    table = filters.keep_in_range(table, landmark, low, high, report)
    table = filters.keep_certain(table, data.azimuth_uncertainty_max_deg, report)
    table = filters.drop_duplicates(table, report)
    filters.warn_of_empty_sectors(table, report)
    return _with_parts(table, data, report)


def _with_viewpoints(table: pa.Table, landmark: Landmark) -> pa.Table:
    ground = np.where(
        filters.column(table, "altitude_is_ellipsoidal"), landmark.ground_ellipsoidal_m, landmark.ground_altitude_m
    )
    focal, width, height = (filters.column(table, name) for name in ("focal_length_35mm", "width", "height"))
    fields_of_view = [field_of_view_square(f, w, h) for f, w, h in zip(focal, width, height, strict=True)]
    places: Viewpoints = viewpoints(
        landmark,
        filters.column(table, "latitude"),
        filters.column(table, "longitude"),
        filters.column(table, "accuracy_m"),
        filters.column(table, "altitude_m") - ground,
        np.array(fields_of_view),
    )
    for name, values in vars(places).items():
        table = table.append_column(name, pa.array(values))
    return table.drop_columns(["error", "gps_problem", "altitude_is_ellipsoidal", "orientation"])


def _with_parts(table: pa.Table, data: DataConfig, report: PhotoReport) -> pa.Table:
    azimuth, distance = filters.column(table, "azimuth_deg"), filters.column(table, "distance_m")
    east, north = distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))
    people = zip(*(table[name].to_pylist() for name in ("author", "make", "model", "time")), strict=True)
    shots = [
        Shot(author or f"{make} {model}".strip(), time, float(east[row]), float(north[row]))
        for row, (author, make, model, time) in enumerate(people)
    ]
    parts = assign_parts(shots, azimuth, data.judge_share, data.test_share)
    report.kept = len(parts)
    report.parts = {part: parts.count(part) for part in PARTS}
    for part, share in (("judges", data.judge_share), ("test", data.test_share)):
        if share > 0 and not report.parts[part]:
            report.warnings.append(f"too few photos for the {part} part: it is empty")
    return table.append_column("part", pa.array(parts))
