"""Bridges: a deck with parapets. The towers of suspension bridges are monuments."""

import numpy as np

from gpslift.procedural.city.facts import Bridge
from gpslift.procedural.city.masses import Solids, finishes, join, shapes


def build_bridge(bridge: Bridge) -> Solids:
    """A deck with parapets."""
    along = bridge.end[:2] - bridge.start[:2]
    length = float(np.hypot(*along))
    axis, center = along / length, (bridge.start[:2] + bridge.end[:2]) / 2
    across = np.array([-axis[1], axis[0]])
    stone, half, deck = (0.66, 0.63, 0.58), bridge.width_m / 2, bridge.deck_m
    foot = 0.0 if deck < 5 else deck - 4
    parts = [Solids(shapes(center, axis, (length / 2, half), (foot, deck)), finishes(1, stone, top=(0.52, 0.51, 0.50)))]
    for side in (-1, 1):
        edge = center + side * (half - 0.3) * across
        parts.append(Solids(shapes(edge, axis, (length / 2, 0.25), (deck, deck + 1.0)), finishes(1, stone, top=stone)))
    return join(parts)
