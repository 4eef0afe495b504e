"""Positions on the globe: landmarks, geodesic azimuths and distances, local east-north-up frames."""
