"""gpslift: images of places, and 3D landmarks, from photos that carry GPS tags."""

__version__ = "0.1.0"
