"""gpslift: images of places, and 3D landmarks, from photos that carry GPS tags."""

import logging

__version__ = "0.1.0"

# diffusers imports it where it is installed, and it complains of 4-bit kernels, which nothing here uses
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
