"""Puts the solids of one landmark together."""

import itertools

import numpy as np

from gpslift.procedural.city.facts import Color, Monument
from gpslift.procedural.city.masses import BOX, ROUND, Solids, axis_of, finishes, join, pattern_code, shapes


class Mason:
    """Puts solids together in the frame of a monument; lengths in metres."""

    def __init__(self, monument: Monument) -> None:
        self.monument = monument
        self.axis = axis_of(monument.bearing)
        self.across = np.array([-self.axis[1], self.axis[0]])
        self.parts: list[Solids] = []

    def add(
        self,
        at: tuple[float, float],
        half: tuple[float, float],
        heights: tuple[float, float],
        top: tuple[float, float] | None = None,
        color: Color | None = None,
        pattern: str = "plain",
        kind: float = BOX,
        storey: float = 4.0,
        bay: float = 3.0,
    ) -> None:
        """A solid at u, v with half sides at its foot and (top) at its head, from one height to another."""
        m = self.monument
        center = m.at[:2] + at[0] * self.axis + at[1] * self.across
        inset = (0.0, 0.0) if top is None else (half[0] - top[0], half[1] - top[1])
        own = np.array(m.color if color is None else color)
        shape = shapes(center, self.axis, half, (heights[0] + m.base_m, heights[1] + m.base_m), inset, kind)
        look = finishes(1, own, 0.7 * own, own, pattern_code(pattern), storey, 0.0, bay, 0.0, 0.5)
        self.parts.append(Solids(shape, look))

    def dome(self, at: tuple[float, float], radius: float, low: float, high: float, color: Color) -> None:
        """A dome in five rings."""
        angle = np.linspace(0, np.pi / 2, 6)
        for a, b in itertools.pairwise(angle):
            rings = (radius * np.cos(a), radius * max(np.cos(b), 0.03))
            rise = low + (high - low) * np.sin(a), low + (high - low) * np.sin(b)
            self.add(at, (rings[0], rings[0]), rise, (rings[1], rings[1]), color, kind=ROUND)

    def built(self) -> Solids:
        """All that was added."""
        return join(self.parts)
