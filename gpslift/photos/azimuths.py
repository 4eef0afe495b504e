"""Azimuths from a CSV file in place of GPS tags: for photos whose side is known, and their place is not.

    file,azimuth_deg
    00.jpg,286.9
    sub/07.jpg,258.6

Columns may stand in any order, and there may be more of them.
"""

import csv
import math
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.photos.filters import keep
from gpslift.photos.geometry import PhotoGeometry
from gpslift.photos.report import PhotoReport

COLUMNS = ("file", "azimuth_deg")
_NAMED = 3


def azimuth_file(path: str) -> Path:
    """The file that data.azimuths names. UserError if there is none."""
    file = resolve_path(path)
    if not file.is_file():
        raise UserError(f"data.azimuths={path}: there is no such file; it is a CSV with columns {', '.join(COLUMNS)}")
    return file


def read_azimuths(path: str) -> dict[str, float]:
    """{photo's path in data.photos, with '/': azimuth in degrees, [0, 360)}.

    UserError, with the line: a column that is missing, an azimuth that is no number or beyond a turn, a photo with two
    azimuths.
    """
    try:
        with azimuth_file(path).open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, skipinitialspace=True)
            _check_columns(path, [name or "" for name in reader.fieldnames or []])
            rows = [(reader.line_num, row["file"] or "", row["azimuth_deg"] or "") for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"data.azimuths={path} is not readable as CSV: {error}") from error
    azimuths: dict[str, float] = {}
    for line, file, text in rows:
        name, azimuth = _composed(PurePosixPath(file.strip().replace("\\", "/")).as_posix()), _degrees(path, line, text)
        if azimuths.setdefault(name, azimuth) != azimuth:
            raise UserError(f"data.azimuths={path}, line {line}: {name} has another azimuth in an earlier line")
    return azimuths


def keep_told(table: pa.Table, azimuths: dict[str, float], path: str, report: PhotoReport) -> pa.Table:
    """The photos that `azimuths` tells of, with the columns of `PhotoGeometry`: all but the azimuth is unknown (NaN).

    UserError for azimuths of photos that are not in the folder, and if there are none of those that are.
    """
    there = [_composed(path) for path in table["path"].to_pylist()]
    if strangers := sorted(azimuths.keys() - set(there)):
        named = ", ".join(strangers[:_NAMED]) + (", ..." if len(strangers) > _NAMED else "")
        count = f"{len(strangers)} of" if len(strangers) < len(azimuths) else "none of"
        are = "are not in" if len(strangers) < len(azimuths) else "is in"
        raise UserError(
            f"data.azimuths={path}: {count} the {len(azimuths)} photos that it tells of {are} data.photos ({named}; "
            f"in {report.folder} there are {', '.join(there[:_NAMED])}{', ...' if len(there) > _NAMED else ''}); "
            "correct its column 'file', or leave those lines out"
        )
    if not azimuths:
        raise UserError(f"data.azimuths={path} tells of no photo: it has no line below its heading")
    table = keep(table, np.array([name in azimuths for name in there], np.bool_), f"not in {path}", report)
    azimuth = np.array([azimuths[_composed(name)] for name in table["path"].to_pylist()], np.float64)
    unknown = np.full(len(azimuth), np.nan)
    places = PhotoGeometry(azimuth, np.zeros(len(azimuth)), unknown, unknown, unknown, unknown)
    for name, values in vars(places).items():
        table = table.append_column(name, pa.array(values))
    return table


def _check_columns(path: str, names: list[str]) -> None:
    if missing := [name for name in COLUMNS if name not in names]:
        has = ", ".join(names) or "nothing"
        has += "; columns are separated by commas" if len(names) == 1 and ";" in has else ""
        raise UserError(
            f"data.azimuths={path}: no column {' and no column '.join(missing)} (its first line has {has}); "
            f"it takes {' and '.join(COLUMNS)}: degrees clockwise from north, of the camera as seen from the landmark"
        )


def _composed(name: str) -> str:
    """One form of accents: a Mac's archives have another than most editors write."""
    return unicodedata.normalize("NFC", name)


def _degrees(path: str, line: int, text: str) -> float:
    try:
        azimuth = float(text)
    except ValueError:
        azimuth = math.nan
    if not -360 <= azimuth <= 360:
        raise UserError(f"data.azimuths={path}, line {line}: azimuth_deg={text} must be a number, -360 to 360 degrees")
    return azimuth % 360.0 % 360.0  # the first turn makes -1e-17 a 360
