"""The landmarks of a city from tapering boxes and cones, their front towards +u (the bearing), v to its left."""

import itertools
from collections.abc import Callable

import numpy as np

from gpslift.procedural.city.facts import Color, Monument
from gpslift.procedural.city.mason import Mason
from gpslift.procedural.city.masses import LATTICE, ROUND, Solids


def lattice_tower(m: Mason) -> None:
    """Four splayed legs, two platforms, a tapering shaft: the outline of the Eiffel Tower."""
    half, top = m.monument.width_m / 2, m.monument.height_m
    heights = np.linspace(0.0, 0.35, 11)
    reaches = np.interp(heights, [0.0, 0.085, 0.175, 0.26, 0.35], [1.0, 0.76, 0.56, 0.40, 0.30])
    widths = np.interp(heights, [0.0, 0.175, 0.35], [0.20, 0.13, 0.085])
    for (z0, o0, l0), (z1, o1, l1) in itertools.pairwise(zip(heights, reaches, widths, strict=True)):
        for u in (-1, 1):
            for v in (-1, 1):
                middle = (o0 + o1 - (l0 + l1)) / 2 * half
                # a splayed leg is a stack of upright pieces, each wide enough to meet the next
                reach = ((o0 - o1) / 2 + (l0 + l1) / 2) * half * 0.95
                m.add((u * middle, v * middle), (reach, reach), (z0 * top, z1 * top), kind=LATTICE)
    m.add((0, 0), (0.60 * half, 0.60 * half), (0.165 * top, 0.19 * top))
    m.add((0, 0), (0.34 * half, 0.34 * half), (0.345 * top, 0.365 * top))
    shaft = [(0.35, 0.30), (0.48, 0.19), (0.64, 0.115), (0.84, 0.065), (0.91, 0.05)]
    for (z0, o0), (z1, o1) in itertools.pairwise(shaft):
        m.add((0, 0), (o0 * half, o0 * half), (z0 * top, z1 * top), (o1 * half, o1 * half), kind=LATTICE)
    m.add((0, 0), (0.09 * half, 0.09 * half), (0.83 * top, 0.855 * top))
    m.add((0, 0), (0.02 * half, 0.02 * half), (0.9 * top, top))
    for u in (-1, 1):
        for v in (-1, 1):
            m.add(
                (u * 0.82 * half, v * 0.82 * half),
                (0.22 * half, 0.22 * half),
                (0.0, 0.015 * top),
                color=(0.7, 0.66, 0.6),
            )


def arch(m: Mason) -> None:
    """Two piers and an attic, with an opening between."""
    half_v, half_u, top = m.monument.width_m / 2, m.monument.depth_m / 2, m.monument.height_m
    for side in (-1, 1):
        m.add((0, side * 0.66 * half_v), (half_u, 0.34 * half_v), (0, 0.6 * top))
    m.add((0, 0), (half_u, half_v), (0.6 * top, 0.86 * top))
    m.add((0, 0), (1.06 * half_u, 1.04 * half_v), (0.86 * top, 0.90 * top))
    m.add((0, 0), (half_u, half_v), (0.90 * top, top))


def cathedral(m: Mason) -> None:
    """Two square towers in front, a nave with a steep roof, a transept and a spire."""
    half_v, deep, top = m.monument.width_m / 2, m.monument.depth_m, m.monument.height_m
    lead: Color = (0.45, 0.49, 0.50)
    for side in (-1, 1):
        m.add((deep / 2 - 8, side * 0.67 * half_v), (7.0, 0.33 * half_v), (0, top), pattern="plinth", storey=17, bay=6)
    m.add((deep / 2 - 8, 0), (6.5, 0.4 * half_v), (0, 0.66 * top), pattern="plinth", storey=15, bay=8)
    m.add((-8, 0), (deep / 2 - 8, 0.55 * half_v), (0, 0.48 * top), pattern="plinth", storey=16, bay=7)
    m.add((-8, 0), (deep / 2 - 8, 0.60 * half_v), (0.48 * top, 0.66 * top), (deep / 2 - 8, 0.3), lead)
    m.add((-8, 0), (deep / 2 - 2, 0.85 * half_v), (0, 0.26 * top), pattern="plinth", storey=12, bay=7)
    m.add((-12, 0), (7, 1.05 * half_v), (0, 0.50 * top))
    m.add((-12, 0), (2.6, 2.6), (0.6 * top, 1.4 * top), (0.2, 0.2), lead, kind=ROUND)


def domes(m: Mason) -> None:
    """A white basilica on its hill: a tall dome between four small ones, a bell tower behind, stairs in front."""
    half, top, color = m.monument.width_m / 2, m.monument.height_m, m.monument.color
    for share, half_hill in ((0.0, 62), (0.33, 52), (0.66, 42)):
        low = (share - 1) * m.monument.base_m
        heights = low, low + 0.34 * m.monument.base_m
        m.add((0, 0), (half_hill, half_hill), heights, (half_hill - 9, half_hill - 9), (0.46, 0.52, 0.32))
    m.add((0, 0), (0.9 * half, half), (0, 0.30 * top), pattern="plinth", storey=14, bay=6)
    m.add((0, 0), (0.42 * half, 0.42 * half), (0.30 * top, 0.58 * top), kind=ROUND)
    m.dome((0, 0), 0.44 * half, 0.58 * top, 0.90 * top, color)
    m.add((0, 0), (1.3, 1.3), (0.88 * top, top), (0.4, 0.4), kind=ROUND)
    for u in (-1, 1):
        for v in (-1, 1):
            m.add((u * 0.6 * half, v * 0.66 * half), (0.19 * half, 0.19 * half), (0.3 * top, 0.45 * top), kind=ROUND)
            m.dome((u * 0.6 * half, v * 0.66 * half), 0.2 * half, 0.45 * top, 0.62 * top, color)
    m.add((-1.3 * half, 0), (4, 4), (0, 0.9 * top), (3.4, 3.4))


def dome(m: Mason) -> None:
    """A broad building with a portico and a drum that carries a dome."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    roof, radius = m.monument.roof, 0.36 * m.monument.width_m / 1.4
    m.add((-0.1 * u, 0), (0.85 * u, v), (0, 0.3 * top), pattern="plinth", storey=11, bay=5)
    m.add((0.85 * u, 0), (0.15 * u, 0.5 * v), (0, 0.26 * top), pattern="iron", storey=20, bay=4)
    m.add((0.85 * u, 0), (0.16 * u, 0.52 * v), (0.26 * top, 0.34 * top), (0.1 * u, 0.3))
    m.add((0, 0), (radius, radius), (0.3 * top, 0.58 * top), pattern="iron", storey=12, bay=4, kind=ROUND)
    m.dome((0, 0), radius, 0.58 * top, 0.86 * top, roof)
    m.add((0, 0), (0.16 * radius, 0.16 * radius), (0.84 * top, top), (0.02, 0.02), roof, kind=ROUND)


def slab(m: Mason) -> None:
    """A plain tower of glass and metal."""
    half = m.monument.depth_m / 2, m.monument.width_m / 2
    m.add((0, 0), half, (0, m.monument.height_m), pattern="curtain", storey=4, bay=3)


def stepped(m: Mason) -> None:
    """Setbacks, a long shaft, a crown and a mast."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    for z0, z1, su, sv in ((0, 0.06, 1, 1), (0.06, 0.19, 0.8, 0.9), (0.19, 0.26, 0.66, 0.8), (0.26, 0.72, 0.5, 0.62)):
        m.add((0, 0), (su * u, sv * v), (z0 * top, z1 * top), pattern="office", storey=3.8, bay=3.0)
    m.add((0, 0), (0.4 * u, 0.5 * v), (0.72 * top, 0.76 * top), pattern="office", storey=3.8)
    m.add((0, 0), (8, 8), (0.76 * top, 0.83 * top), (6, 6))
    m.add((0, 0), (6, 6), (0.83 * top, 0.87 * top), (2, 2), kind=ROUND)
    m.add((0, 0), (1.8, 1.8), (0.87 * top, top), (0.4, 0.4), kind=ROUND)


def spire(m: Mason) -> None:
    """A shaft that narrows to a crown of bright metal and a needle."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    steel: Color = (0.80, 0.82, 0.84)
    for z0, z1, share in ((0, 0.2, 1.0), (0.2, 0.3, 0.75), (0.3, 0.66, 0.55)):
        m.add((0, 0), (share * u, share * v), (z0 * top, z1 * top), pattern="office", storey=3.7, bay=2.8)
    for z0, z1, a, b in (
        (0.66, 0.76, 0.52, 0.40),
        (0.76, 0.84, 0.38, 0.22),
        (0.84, 0.90, 0.20, 0.08),
        (0.9, 1, 0.06, 0.01),
    ):
        m.add((0, 0), (a * u, a * v), (z0 * top, z1 * top), (b * u, b * v), steel)


def prism(m: Mason) -> None:
    """A tapering glass tower with a mast."""
    half, top = m.monument.width_m / 2, m.monument.height_m
    m.add((0, 0), (half, half), (0, 0.11 * top), pattern="glass", storey=6)
    m.add((0, 0), (half, half), (0.11 * top, 0.77 * top), (0.66 * half, 0.66 * half), pattern="glass", storey=4, bay=2)
    m.add((0, 0), (2.5, 2.5), (0.77 * top, top), (0.4, 0.4), kind=ROUND)


def wedge(m: Mason) -> None:
    """A narrow triangular block: three boxes, each narrower than the last."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    for place, share in ((-0.66, 1.0), (0.0, 0.66), (0.66, 0.32)):
        m.add((place * u, 0), (u / 3, share * v), (0, top), pattern="stone", storey=3.9, bay=2.6)
        m.add((place * u, 0), (u / 3 + 0.8, share * v + 0.8), (0.97 * top, top))


def obelisk(m: Mason) -> None:
    """A slender pillar on a pedestal."""
    half, top = m.monument.width_m / 2, m.monument.height_m
    m.add((0, 0), (2.4 * half, 2.4 * half), (0, 0.16 * top), color=(0.76, 0.70, 0.62))
    m.add((0, 0), (half, half), (0.16 * top, 0.94 * top), (0.75 * half, 0.75 * half))
    m.add((0, 0), (0.75 * half, 0.75 * half), (0.94 * top, top), (0.1, 0.1), (0.9, 0.74, 0.3))


def pyramid(m: Mason) -> None:
    """A glass pyramid before long wings of a palace."""
    half = m.monument.width_m / 2
    m.add((0, 0), (half, half), (0, m.monument.height_m), (0.2, 0.2), pattern="glass", storey=2, bay=2)
    stone: Color = (0.84, 0.77, 0.64)
    for side in (-1, 1):
        m.add((0, side * 62), (90, 9), (0, 21), color=stone, pattern="plinth", storey=6.5, bay=4.5)
        m.add((0, side * 62), (90, 9.5), (21, 28), (88, 4), (0.36, 0.42, 0.50), "dormers", storey=7, bay=9)


def pipes(m: Mason) -> None:
    """A box of steel and glass with pipes in bright colours along it."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    m.add((0, 0), (u, v), (0, top), pattern="workshop", storey=7, bay=6)
    colors: list[Color] = [(0.1, 0.3, 0.75), (0.1, 0.6, 0.3), (0.95, 0.8, 0.1), (0.85, 0.15, 0.1), (0.1, 0.3, 0.75)]
    for side in (-1, 1):
        for index, color in enumerate(colors):
            m.add((side * (u + 1.4), (index - 2) * 0.36 * v), (1.3, 2.6), (3, top + 3), color=color)
    m.add((u + 3.2, 0), (1.4, 0.95 * v), (0.42 * top, 0.5 * top), color=(0.86, 0.2, 0.14))


def gothic_tower(m: Mason) -> None:
    """A square tower with tall windows, pinnacled."""
    half, top = m.monument.width_m / 2, m.monument.height_m
    m.add((0, 0), (half, half), (0, 0.86 * top), pattern="plinth", storey=0.2 * top, bay=half)
    for u in (-1, 1):
        for v in (-1, 1):
            m.add((u * 0.85 * half, v * 0.85 * half), (0.2 * half, 0.2 * half), (0.5 * top, top), (0.05, 0.05))


def corner_towers(m: Mason) -> None:
    """Four L-shaped glass towers at the corners of a terrace."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    m.add((0, 0), (u, v), (0, 5.0), color=(0.58, 0.46, 0.36))
    for su in (-1, 1):
        for sv in (-1, 1):
            m.add((su * (u - 20), sv * (v - 6)), (20, 6), (5, top), pattern="glass", storey=4, bay=2.5)
            m.add((su * (u - 6), sv * (v - 20)), (6, 20), (5, top), pattern="glass", storey=4, bay=2.5)


def drum(m: Mason) -> None:
    """White rings that widen upwards."""
    half, top = m.monument.width_m / 2, m.monument.height_m
    m.add((0, 0), (0.98 * half, 0.98 * half), (0, 0.2 * top), color=(0.4, 0.4, 0.4), kind=ROUND)
    for ring in range(4):
        low = (0.2 + 0.2 * ring) * top
        radius = (0.82 + 0.06 * ring) * half
        m.add((0, 0), (radius, radius), (low, low + 0.15 * top), kind=ROUND)
        m.add((0, 0), (0.7 * half, 0.7 * half), (low + 0.15 * top, low + 0.2 * top), color=(0.3, 0.3, 0.32), kind=ROUND)


def gate(m: Mason) -> None:
    """The tower of a suspension bridge: two or three legs and what joins them."""
    u, v, top = m.monument.depth_m / 2, m.monument.width_m / 2, m.monument.height_m
    for side in (-1, 0, 1):
        m.add((0, side * 0.84 * v), (u, 0.17 * v), (0, top))
    m.add((0, 0), (u, v), (0.82 * top, top))
    m.add((0, 0), (1.15 * u, 1.1 * v), (0, 0.2 * top))


BUILDERS: dict[str, Callable[[Mason], None]] = {
    f.__name__: f
    for f in (
        lattice_tower, arch, cathedral, domes, dome, slab, stepped, spire, prism, wedge, obelisk, pyramid, pipes,
        gothic_tower, corner_towers, drum, gate,
    )
}  # fmt: skip


def build_monument(monument: Monument) -> Solids:
    """The solids of one landmark."""
    mason = Mason(monument)
    BUILDERS[monument.kind](mason)
    return mason.built()
