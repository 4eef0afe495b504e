"""How things in the foreground are drawn: flat, in metres, x from the middle to the right, y up from the ground."""

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.masses import Float32s

Color = tuple[float, float, float]
WOOD: Color = (0.30, 0.13, 0.045)
IRON: Color = (0.02, 0.035, 0.03)
SKIN: Color = (0.45, 0.27, 0.18)
DARK: Color = (0.02, 0.02, 0.025)
GLASS: Color = (0.10, 0.14, 0.18)
STONE: Color = (0.50, 0.48, 0.44)


class Sheet:
    """Points x, y [N] that shapes are painted over. color: [N, 3], linear; covered: [N]; glow: [N], own light."""

    def __init__(self, x: Float32s, y: Float32s) -> None:
        self.x, self.y = x, y
        self.color = np.zeros((len(x), 3), np.float32)
        self.covered = np.zeros(len(x), bool)
        self.glow = np.zeros(len(x), np.float32)

    def _paint(self, where: NDArray[np.bool_], color: Color, glow: float = 0.0) -> None:
        self.color[where] = color
        self.covered |= where
        self.glow[where] = glow

    def box(self, left: float, right: float, low: float, high: float, color: Color, glow: float = 0.0) -> None:
        """An upright rectangle."""
        self._paint((self.x > left) & (self.x < right) & (self.y > low) & (self.y < high), color, glow)

    def disc(self, x: float, y: float, wide: float, tall: float, color: Color, glow: float = 0.0) -> None:
        """An ellipse with these half axes."""
        self._paint(((self.x - x) / wide) ** 2 + ((self.y - y) / tall) ** 2 < 1, color, glow)

    def ring(self, x: float, y: float, radius: float, thick: float, color: Color) -> None:
        """A circle's line."""
        self._paint(np.abs(np.hypot(self.x - x, self.y - y) - radius) < thick / 2, color)

    def line(self, x0: float, y0: float, x1: float, y1: float, thick: float, color: Color) -> None:
        """A straight line with round ends."""
        dx, dy = x1 - x0, y1 - y0
        share = np.clip(((self.x - x0) * dx + (self.y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        self._paint(np.hypot(self.x - x0 - share * dx, self.y - y0 - share * dy) < thick / 2, color)

    def cap(self, x: float, y: float, wide: float, tall: float, color: Color) -> None:
        """The upper half of an ellipse."""
        self._paint((((self.x - x) / wide) ** 2 + ((self.y - y) / tall) ** 2 < 1) & (self.y > y), color)


def bench(s: Sheet, color: Color) -> None:
    for x in (-0.75, 0.75):
        s.box(x - 0.06, x + 0.06, 0, 0.9, IRON)
    s.box(-0.98, 0.98, 0.40, 0.54, WOOD)
    for low in (0.60, 0.80):
        s.box(-0.98, 0.98, low, low + 0.15, WOOD)


def car(s: Sheet, color: Color) -> None:
    s.disc(0, 0.04, 2.1, 0.10, DARK)
    s.box(-2.05, 2.05, 0.30, 0.86, color)
    s.cap(-0.15, 0.84, 1.35, 0.66, color)
    s.cap(-0.15, 0.86, 1.14, 0.50, GLASS)
    s.box(-0.20, -0.08, 0.84, 1.4, color)
    for x in (-1.28, 1.28):
        s.disc(x, 0.32, 0.36, 0.34, DARK)
        s.disc(x, 0.32, 0.17, 0.17, (0.45, 0.45, 0.46))
    s.box(1.90, 2.06, 0.60, 0.76, (0.9, 0.85, 0.6), 1.0)
    s.box(-2.06, -1.92, 0.60, 0.76, (0.6, 0.02, 0.02), 0.3)


def kiosk(s: Sheet, color: Color) -> None:
    green: Color = (0.02, 0.13, 0.07)
    s.box(-1.05, 1.05, 0, 2.35, green)
    s.box(-0.85, 0.85, 0.95, 2.0, (0.65, 0.55, 0.36), 0.8)
    for index, x in enumerate((-0.62, -0.2, 0.22, 0.64)):
        paper = ((0.7, 0.1, 0.08), (0.8, 0.75, 0.2), (0.1, 0.25, 0.6), (0.75, 0.75, 0.72))[index]
        s.box(x - 0.16, x + 0.16, 1.05, 1.5, paper, 0.4)
    s.box(-1.3, 1.3, 2.3, 2.52, (0.03, 0.20, 0.10))
    s.cap(0, 2.5, 1.0, 0.55, (0.03, 0.18, 0.09))
    s.disc(0, 3.08, 0.12, 0.12, (0.5, 0.4, 0.1))


def tree(s: Sheet, color: Color) -> None:
    s.line(0, 0, 0.05, 2.3, 0.28, (0.10, 0.06, 0.035))
    ripple = 0.14 * np.sin(9 * s.x + 4 * s.y) * np.sin(7 * s.y - 3 * s.x)
    for x, y, size in ((0, 3.1, 1.25), (-0.75, 2.7, 0.85), (0.8, 2.75, 0.85), (0.1, 3.9, 0.9)):
        within = np.hypot(s.x - x, s.y - y) < size + ripple
        shade = 0.75 + 0.5 * (np.sin(11 * s.x + 5 * s.y) * np.sin(13 * s.y) > 0)
        s._paint(within, color)
        s.color[within] *= shade[within, None]


def person(s: Sheet, color: Color) -> None:
    s.line(-0.10, 0.05, -0.07, 0.85, 0.19, (0.04, 0.05, 0.09))
    s.line(0.14, 0.05, 0.07, 0.85, 0.19, (0.04, 0.05, 0.09))
    s.box(-0.25, 0.25, 0.78, 1.36, color)
    s.disc(0, 1.36, 0.25, 0.12, color)
    s.line(-0.28, 0.82, -0.27, 1.34, 0.13, color)
    s.line(0.28, 0.82, 0.27, 1.34, 0.13, color)
    s.disc(0, 1.60, 0.13, 0.16, SKIN)
    s.cap(0, 1.63, 0.145, 0.16, (0.05, 0.03, 0.02))


def umbrella(s: Sheet, color: Color) -> None:
    person(s, (0.06, 0.07, 0.10))
    s.line(0.22, 1.0, 0.10, 2.1, 0.05, DARK)
    s.cap(0.05, 1.72, 0.82, 0.56, color)
    for x in (-0.27, 0.37):
        s.line(x, 1.74, 0.05, 2.28, 0.03, (0.6 * color[0], 0.6 * color[1], 0.6 * color[2]))


def bicycle(s: Sheet, color: Color) -> None:
    for x in (-0.58, 0.58):
        s.ring(x, 0.36, 0.34, 0.085, DARK)
    for x0, y0, x1, y1 in (
        (-0.58, 0.36, -0.15, 0.85),
        (-0.58, 0.36, 0.0, 0.36),
        (0.0, 0.36, -0.2, 0.95),
        (0.0, 0.36, 0.45, 0.88),
        (-0.15, 0.85, 0.45, 0.88),
        (0.58, 0.36, 0.42, 1.05),
    ):
        s.line(x0, y0, x1, y1, 0.075, color)
    s.line(-0.32, 0.98, -0.08, 0.98, 0.10, DARK)
    s.line(0.32, 1.08, 0.52, 1.05, 0.07, DARK)


def dog(s: Sheet, color: Color) -> None:
    coat: Color = (0.36, 0.20, 0.08)
    for x in (-0.34, -0.22, 0.24, 0.36):
        s.line(x, 0.04, x, 0.4, 0.09, coat)
    s.disc(0.0, 0.48, 0.46, 0.17, coat)
    s.line(-0.44, 0.55, -0.60, 0.80, 0.07, coat)
    s.line(0.36, 0.52, 0.50, 0.74, 0.19, coat)
    s.disc(0.55, 0.78, 0.17, 0.13, coat)
    s.disc(0.70, 0.75, 0.10, 0.07, coat)
    s.disc(0.46, 0.80, 0.06, 0.12, (0.14, 0.07, 0.03))


def lamp(s: Sheet, color: Color) -> None:
    s.box(-0.16, 0.16, 0, 0.5, IRON)
    s.box(-0.065, 0.065, 0, 3.2, IRON)
    s.box(-0.24, 0.24, 3.15, 3.25, IRON)
    s.disc(0, 3.52, 0.27, 0.34, (0.85, 0.78, 0.55), 2.5)
    s.cap(0, 3.78, 0.22, 0.22, IRON)


def fountain(s: Sheet, color: Color) -> None:
    s.box(-1.25, 1.25, 0, 0.42, STONE)
    s.box(-1.35, 1.35, 0.38, 0.52, (0.62, 0.60, 0.55))
    s.box(-0.16, 0.16, 0.5, 1.25, STONE)
    s.disc(0, 1.25, 0.62, 0.13, (0.60, 0.58, 0.53))
    water: Color = (0.60, 0.74, 0.86)
    s.line(0, 1.3, 0, 2.1, 0.13, water)
    for side in (-1, 1):
        s.line(0, 2.05, side * 0.35, 1.85, 0.10, water)
        s.line(side * 0.35, 1.85, side * 0.55, 1.3, 0.10, water)
        s.line(side * 0.60, 1.2, side * 0.75, 0.55, 0.09, water)
