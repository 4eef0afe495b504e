"""Image priors: a diffusion pipeline conditioned on text and place, its compact backbone, guidance, loading."""
