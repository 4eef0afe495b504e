"""Figures of what was made: a lift against the known truth, a prior by judges that it never met.

With `gpslift.procedural` and `gpslift.metrics` the only place that may see the truth; what trains or lifts never
imports this package.
"""

from gpslift.schema.image_prior import ImagePriorConfig
from systems.validation.azimuth_prior import PriorFigures, validate_azimuth_prior
from systems.validation.city_prior import CityFigures, validate_city_prior
from systems.validation.lift import validate_lift

__all__ = ["validate_lift", "validate_prior"]


def validate_prior(config: ImagePriorConfig) -> PriorFigures | CityFigures:
    """Figures of a landmark's or a city's prior."""
    return validate_city_prior(config) if config.place.kind == "gps" else validate_azimuth_prior(config)
