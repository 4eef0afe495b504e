"""What walls look like close up: windows in rows, shutters, balconies, cornices, fire escapes, shops and signs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.fittings import GLASS, IRON, LIT, fire_escapes, shop_fronts, signs
from gpslift.procedural.city.masses import KIND, LATTICE, Float32s, Solids
from gpslift.procedural.city.walls import Wall, bare_wall, chance


@dataclass(frozen=True)
class Surface:
    """What points [N] of surfaces are like. albedo: [N, 3], linear; glow: [N, 3], their own light; mirror: [N], share
    of the sky that they reflect."""

    albedo: Float32s
    glow: Float32s
    mirror: Float32s


def wall_surface(
    solids: Solids,
    rows: NDArray[np.integer],
    face: NDArray[np.integer],
    points: Float32s,
    blur_m: Float32s,
    lamps: float,
) -> Surface:
    """The look of points [N] on walls. blur_m: metres that a ray covers there; what is finer is averaged."""
    wall = bare_wall(solids, rows, face, points, blur_m)
    stains(wall)
    windows(wall)
    balconies(wall)
    fire_escapes(wall)
    cornices(wall)
    shop_fronts(wall)
    signs(wall)
    if (floodlit := solids.shape[rows, KIND] == LATTICE).any():
        wall.glow[floodlit] += 0.45 * LIT
    glow = (wall.glow * lamps).astype(np.float32)
    return Surface(wall.albedo.astype(np.float32), glow, wall.shine.astype(np.float32))


def stains(wall: Wall) -> None:
    """No wall has one colour all over."""
    wall.albedo[:] *= (0.93 + 0.12 * chance(np.floor(wall.up * 1.5), np.floor(wall.along * 0.6), wall.seed))[:, None]


def windows(wall: Wall) -> None:
    """Windows in rows, with surrounds, shutters, courses and panels; some are lit."""
    look, fine = wall.look, wall.fine
    # what is too small to tell is alike
    number = 0.5 + fine * (chance(wall.column + 7 * wall.side, wall.storey, 31 * wall.seed) - 0.5)
    upper, window = _openings(wall)
    pane_light = 0.6 + 0.8 * number
    glass = GLASS * pane_light[:, None]
    area = look["wide"] * look["high"]
    share = np.where(upper, np.where(window, fine, 0) + (1 - fine) * area, 0)
    lit = (chance(wall.column, wall.storey + 11, 17 * wall.seed + wall.side) < 0.42) & (share > 0)
    wall.albedo[:] = wall.albedo * (1 - share[:, None]) + glass * share[:, None]
    wall.shine[:] += share * (0.45 + 0.4 * (look["wide"] > 0.85)) * (0.5 + number)
    # from afar, all windows glow a little instead of some
    wall.glow[:] += LIT * (share * np.where(fine > 0.3, lit, 0.4) * (0.5 + 0.6 * number))[:, None]


def _openings(wall: Wall) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Paints what is round the windows; returns where windows may be, and where there is glass."""
    look, fine, trim, y = wall.look, wall.fine, wall.finish["trim"], wall.y
    off_x, off_y = np.abs(wall.x - 0.5), y - look["sill"]
    upper = _upper(wall)
    window = upper & (off_x < look["wide"] / 2) & (off_y > 0) & (off_y < look["high"])
    around = (
        upper & ~window & (off_x < look["wide"] / 2 + look["surround"]) & (off_y > -0.05) & (off_y < look["high"] + 0.1)
    )
    around &= look["surround"] > 0
    closed = upper & (look["shutters"] > 0) & (off_x > look["wide"] / 2) & (off_x < look["wide"])
    closed &= (off_y > 0) & (off_y < look["high"])
    wall.mix(around | closed, trim, fine)
    band = ~wall.grounded & (y < look["band"])
    wall.albedo[band] *= (1 - 0.35 * fine[band])[:, None]
    panel = upper & ~window & (y < look["sill"]) & (chance(wall.column, wall.seed, wall.side) < 0.5 * look["panels"])
    wall.mix(panel, trim, np.maximum(fine, 0.4))
    bars = (look["panes"] > 0) & ((np.abs(wall.x * 4 % 1 - 0.5) > 0.42) | (np.abs(y * 4 % 1 - 0.5) > 0.42))
    return upper, window & ~bars


def _upper(wall: Wall) -> NDArray[np.bool_]:
    """Above the ground floor and below the cornice."""
    return ~wall.grounded & (wall.up < wall.tall - 0.6 * wall.look["cornice"])


def balconies(wall: Wall) -> None:
    """Iron ones along whole floors, and rails before windows."""
    look, y = wall.look, wall.y
    balcony = (look["balcony"] > 0) & ~wall.grounded & (y < 0.26) & ((wall.storey == 1) | (wall.storey == 4))
    rail = (look["balcony"] > 0) & _upper(wall) & (np.abs(wall.x - 0.5) < look["wide"] / 2) & (y < 0.30) & (y > 0.08)
    wall.mix(balcony | rail, IRON, 0.75 * wall.fine)


def cornices(wall: Wall) -> None:
    """Bright, with the shadow that they throw."""
    trim: Float32s = wall.finish["trim"]
    head = wall.below_top < wall.look["cornice"]
    wall.mix(head, 1.06 * trim, 0.85 * np.ones_like(wall.fine))
    under = ~head & (wall.below_top < wall.look["cornice"] * 1.45)
    wall.albedo[under] *= 0.55
