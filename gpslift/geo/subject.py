"""What a prior is of: one landmark, told by azimuth, or a whole city, told by GPS position."""

from gpslift.geo.cities import City, load_city
from gpslift.geo.landmarks import Landmark, load_landmark

Subject = Landmark | City

LANDMARK_INPUTS = ("azimuth_deg", "frame_width_m", "elevation_deg")
CITY_INPUTS = ("east_m", "north_m")
"""What a place holds of a photo, degrees or metres (of a city's: from its centre); NaN where unknown. The azimuth of a
photo is always known."""


def load_subject(place_kind: str, landmark: str, city: str) -> Subject:
    """The landmark of that name for places of kind 'azimuth', the city for 'gps'. UserError if it is not known."""
    return load_city(city) if place_kind == "gps" else load_landmark(landmark)
