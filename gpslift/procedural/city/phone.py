"""The tags that a walker's phone writes into a photo, right or wrong."""

import numpy as np
from PIL import ExifTags, Image

from gpslift.geo.cities import City, city_names, load_city
from gpslift.procedural.city.walkers import Shot
from gpslift.procedural.tags import tags_of_phone, write_altitude, write_focal_length, write_position


def exif_of(shot: Shot, city: City, rng: np.random.Generator) -> Image.Exif:
    """Time, author, caption, lens, position and direction, as far as this phone tells them."""
    exif = tags_of_phone(shot.author, shot.time, "simulated walker")
    exif[ExifTags.Base.ImageDescription] = shot.caption
    if "focal" in shot.tells:
        write_focal_length(exif, shot.focal_35mm)
    if shot.tag == "none":
        return exif
    latitude, longitude = tagged_position(shot, city)
    write_position(exif, latitude, longitude, shot.accuracy_m if "accuracy" in shot.tells else None)
    if "altitude" in shot.tells:
        write_altitude(exif, city.ground_altitude_m + shot.height_m + float(rng.normal(0, 4)))
    if "direction" in shot.tells:
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSImgDirectionRef] = "T"
        gps[ExifTags.GPS.GPSImgDirection] = round((shot.heading_deg + float(rng.normal(0, 8))) % 360, 1)
    return exif


def tagged_position(shot: Shot, city: City) -> tuple[float, float]:
    """Latitude and longitude that the phone writes, degrees; wrong in the way that the shot's tag says."""
    if shot.tag == "zero":
        return 0.0, 0.0
    if shot.tag == "elsewhere":
        other = next(name for name in city_names() if name != city.name)
        city = load_city(other)
    latitude, longitude = (float(value) for value in city.to_geodetic(*shot.measured))
    return (longitude, latitude) if shot.tag == "swapped" else (latitude, longitude)
