"""Every key a config may hold: its type, default, meaning and range. The one source of defaults.

Three root schemas, chosen by the config's `system` key: `ImagePriorConfig` (train and sample a 2D prior), `LiftConfig`
(lift a landmark from a prior, export it) and `RefineConfig` (refine a lift as a mesh). This package imports no torch,
so that `launch.py --help` answers at once. `gpslift.config` merges files and overrides into these classes and checks
types and ranges.
"""

from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.lift import LiftConfig
from gpslift.schema.refine import RefineConfig
from gpslift.schema.run import RunConfig

SYSTEMS: dict[str, type[RunConfig]] = {
    "lift": LiftConfig,
    "refine": RefineConfig,
    "image_prior": ImagePriorConfig,
}
EXAMPLES = {
    "lift": "configs/statue_of_liberty.yaml",
    "refine": "configs/refine_statue_of_liberty.yaml",
    "image_prior": "configs/angle2img_statue_of_liberty.yaml",
}
"""A config of each, to name in messages."""
