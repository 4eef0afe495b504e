"""Image priors: a diffusion pipeline conditioned on text and place, its compact backbone, guidance, loading."""

import logging

# diffusers imports it where it is installed, and it complains of 4-bit kernels, which nothing here uses
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
