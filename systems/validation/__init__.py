"""Figures of what was made: a lift against the known truth, a prior by a judge that it never met.

With `gpslift.procedural` and `gpslift.metrics` the only place that may see the truth; what trains or lifts never
imports this package.
"""

from systems.validation.lift import validate_lift
from systems.validation.prior import validate_prior

__all__ = ["validate_lift", "validate_prior"]
