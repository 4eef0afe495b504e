"""The tags that simulated phones write, and the JPEG that holds them."""

from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image

JPEG_QUALITY = 95


def degrees_minutes_seconds(angle: float) -> tuple[float, float, float]:
    """An angle of any sign as EXIF holds it, to a hundred-thousandth of a second."""
    whole = abs(angle)
    minutes = (whole % 1) * 60
    return float(int(whole)), float(int(minutes)), round((minutes % 1) * 60, 5)


def tags_of_phone(author: str, time: datetime, model: str) -> Image.Exif:
    """The tags of every photo: who took it, when, and with what."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = author
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "gpslift", model
    moment = time.strftime("%Y:%m:%d %H:%M:%S")
    exif[ExifTags.Base.DateTime] = moment
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = moment
    return exif


def write_focal_length(exif: Image.Exif, focal_35mm: int) -> None:
    """The 35 mm equivalent focal length, millimetres."""
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = focal_35mm


def write_position(exif: Image.Exif, latitude: float, longitude: float, accuracy_m: float | None) -> None:
    """Degrees, and the 68 % radius where the phone tells it."""
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N" if latitude >= 0 else "S"
    gps[ExifTags.GPS.GPSLatitude] = degrees_minutes_seconds(latitude)
    gps[ExifTags.GPS.GPSLongitudeRef] = "E" if longitude >= 0 else "W"
    gps[ExifTags.GPS.GPSLongitude] = degrees_minutes_seconds(longitude)
    if accuracy_m is not None:
        gps[ExifTags.GPS.GPSHPositioningError] = round(accuracy_m, 2)


def write_altitude(exif: Image.Exif, altitude_m: float) -> None:
    """Metres above sea level."""
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSAltitudeRef] = b"\x00" if altitude_m >= 0 else b"\x01"
    gps[ExifTags.GPS.GPSAltitude] = round(abs(altitude_m), 2)


def save_photo(picture: Image.Image, path: Path, exif: Image.Exif) -> None:
    """Writes the JPEG, colours at full resolution."""
    picture.save(path, "JPEG", quality=JPEG_QUALITY, subsampling=0, exif=exif)
