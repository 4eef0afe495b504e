"""What a prior is of: one landmark, told by azimuth, or a whole city, told by GPS position."""

from gpslift.geo.cities import City, load_city
from gpslift.geo.landmarks import Landmark, load_landmark

Subject = Landmark | City


def load_subject(place_kind: str, landmark: str, city: str) -> Subject:
    """The landmark of that name for places of kind 'azimuth', the city for 'gps'. UserError if it is not known."""
    return load_city(city) if place_kind == "gps" else load_landmark(landmark)
