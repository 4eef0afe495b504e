"""What walls look like close up: windows in rows, shutters, balconies, cornices, fire escapes, shops and signs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.cast_kernels import FACE_ROUND
from gpslift.procedural.city.fittings import GLASS, IRON, LIT, chance, fire_escapes, mix, shop_fronts, signs
from gpslift.procedural.city.masses import (
    AXIS_EAST,
    AXIS_NORTH,
    EAST,
    HALF_U,
    HALF_V,
    HIGH,
    KIND,
    LATTICE,
    LOW,
    NORTH,
    PATTERNS,
    Float32s,
    Solids,
)

# window width and height as shares of bay and storey, sill, width of the surround (share of the bay), shutters,
# dark line at each floor, height of the cornice (m), balconies, coloured panels, fire escapes, signs, panes
_COLUMNS = (
    "wide",
    "high",
    "sill",
    "surround",
    "shutters",
    "band",
    "cornice",
    "balcony",
    "panels",
    "escape",
    "signs",
    "panes",
)
_LOOKS = {
    "stone": (0.40, 0.70, 0.10, 0.10, 0, 0.05, 0.7, 1, 0, 0, 0, 0),
    "shutters": (0.34, 0.52, 0.24, 0.00, 1, 0.00, 0.3, 0, 0, 0, 0, 0),
    "plinth": (0.40, 0.62, 0.16, 0.12, 0, 0.06, 0.9, 0, 0, 0, 0, 0),
    "workshop": (0.74, 0.62, 0.20, 0.03, 0, 0.05, 0.4, 0, 0, 0, 0, 1),
    "slab": (0.78, 0.44, 0.34, 0.00, 0, 0.10, 0.0, 0, 1, 0, 0, 0),
    "curtain": (0.90, 0.62, 0.22, 0.00, 0, 0.06, 0.0, 0, 0.4, 0, 0, 0),
    "brick": (0.40, 0.54, 0.20, 0.07, 0, 0.00, 0.5, 0, 0, 0, 0, 0),
    "office": (0.52, 0.64, 0.18, 0.00, 0, 0.04, 0.8, 0, 0, 0, 0, 0),
    "fire_escape": (0.42, 0.56, 0.20, 0.08, 0, 0.00, 0.8, 0, 0, 1, 0, 0),
    "iron": (0.72, 0.76, 0.08, 0.14, 0, 0.10, 1.1, 0, 0, 0, 0, 0),
    "signs": (0.60, 0.60, 0.20, 0.00, 0, 0.05, 0.0, 0, 0, 0, 1, 0),
    "glass": (0.93, 0.88, 0.06, 0.00, 0, 0.03, 0.0, 0, 0, 0, 0, 0),
    "lintels": (0.44, 0.58, 0.18, 0.12, 0, 0.00, 1.2, 0, 0, 0, 0, 0),
    "awning": (0.56, 0.46, 0.30, 0.04, 0, 0.00, 0.3, 0, 0.15, 0, 0, 0),
    "dormers": (0.36, 0.42, 0.22, 0.16, 0, 0.00, 0.0, 0, 0, 0, 0, 0),
}
_TABLE = np.array([_LOOKS.get(name, (0.0,) * len(_COLUMNS)) for name in PATTERNS], np.float32).T.copy()


@dataclass(frozen=True)
class Surface:
    """What points [N] of surfaces are like. albedo: [N, 3], linear; glow: [N, 3], their own light; mirror: [N], share
    of the sky that they reflect."""

    albedo: Float32s
    glow: Float32s
    mirror: Float32s


def place_on_wall(
    solids: Solids, rows: NDArray[np.integer], face: NDArray[np.integer], points: Float32s
) -> tuple[Float32s, Float32s, Float32s, Float32s]:
    """Metres along the wall from its left end, above its foot, its length and its height, each [N]."""
    shape = solids.shape[rows]
    east, north = points[:, 0] - shape[:, EAST], points[:, 1] - shape[:, NORTH]
    u = east * shape[:, AXIS_EAST] + north * shape[:, AXIS_NORTH]
    v = north * shape[:, AXIS_EAST] - east * shape[:, AXIS_NORTH]
    on_u = face < 2
    along = np.where(on_u, v, u)
    half = np.where(on_u, shape[:, HALF_V], shape[:, HALF_U])
    turned = face == FACE_ROUND
    if turned.any():
        along = np.where(turned, np.arctan2(v, u) * shape[:, HALF_U], along)
        half = np.where(turned, np.pi * shape[:, HALF_U], half)
    return along + half, points[:, 2] - shape[:, LOW], 2 * half, shape[:, HIGH] - shape[:, LOW]


def wall_surface(
    solids: Solids,
    rows: NDArray[np.integer],
    face: NDArray[np.integer],
    points: Float32s,
    blur_m: Float32s,
    lamps: float,
) -> Surface:
    """The look of points [N] on walls. blur_m: metres that a ray covers there; what is finer is averaged."""
    along, up, length, tall = place_on_wall(solids, rows, face, points)
    finish = solids.finish[rows]
    look = dict(zip(_COLUMNS, _TABLE[:, finish["pattern"]], strict=True))
    seed = finish["seed"]
    albedo = finish["wall"].copy()
    trim = finish["trim"]
    shine = np.zeros(len(albedo), np.float32)
    glow = np.zeros_like(albedo)

    bays = np.maximum(np.round(length / finish["bay"]), 1)
    column, x = np.divmod(along / length * bays, 1.0)
    ground = finish["ground"]
    storey, y = np.divmod((up - ground) / finish["storey"], 1.0)
    grounded = up < ground
    fine = np.clip(1.6 - 2.2 * blur_m / finish["bay"], 0.0, 1.0)  # 1 near by, 0 where windows are too small to tell
    side = face.astype(np.float32)
    # what is too small to tell is alike
    number = 0.5 + fine * (chance(column + 7 * side, storey, 31 * seed) - 0.5)

    # stains and courses
    albedo *= (0.93 + 0.12 * chance(np.floor(up * 1.5), np.floor(along * 0.6), seed))[:, None]
    off_x, off_y = np.abs(x - 0.5), y - look["sill"]
    upper = ~grounded & (up < tall - 0.6 * look["cornice"])
    window = upper & (off_x < look["wide"] / 2) & (off_y > 0) & (off_y < look["high"])
    around = (
        upper & ~window & (off_x < look["wide"] / 2 + look["surround"]) & (off_y > -0.05) & (off_y < look["high"] + 0.1)
    )
    around &= look["surround"] > 0
    closed = (
        upper
        & (look["shutters"] > 0)
        & (off_x > look["wide"] / 2)
        & (off_x < look["wide"])
        & (off_y > 0)
        & (off_y < look["high"])
    )
    mix(albedo, around | closed, trim, fine)
    band = ~grounded & (y < look["band"])
    albedo[band] *= (1 - 0.35 * fine[band])[:, None]
    panel = upper & ~window & (y < look["sill"]) & (chance(column, seed, side) < 0.5 * look["panels"])
    mix(albedo, panel, trim, np.maximum(fine, 0.4))

    pane_light = 0.6 + 0.8 * number
    glass = GLASS * pane_light[:, None]
    bars = (look["panes"] > 0) & ((np.abs(x * 4 % 1 - 0.5) > 0.42) | (np.abs(y * 4 % 1 - 0.5) > 0.42))
    window &= ~bars
    area = look["wide"] * look["high"]
    share = np.where(upper, np.where(window, fine, 0) + (1 - fine) * area, 0)
    lit = (chance(column, storey + 11, 17 * seed + side) < 0.42) & (share > 0)
    albedo = albedo * (1 - share[:, None]) + glass * share[:, None]
    shine += share * (0.45 + 0.4 * (look["wide"] > 0.85)) * (0.5 + number)
    # from afar, all windows glow a little instead of some
    glow += LIT * (share * np.where(fine > 0.3, lit, 0.4) * (0.5 + 0.6 * number))[:, None]

    balcony = (look["balcony"] > 0) & ~grounded & (y < 0.26) & ((storey == 1) | (storey == 4))
    rail = (look["balcony"] > 0) & upper & (off_x < look["wide"] / 2) & (y < 0.30) & (y > 0.08)
    mix(albedo, balcony | rail, IRON, 0.75 * fine)
    fire_escapes(albedo, look, along, length, y, grounded, tall - up, fine)
    head = tall - up < look["cornice"]
    mix(albedo, head, 1.06 * trim, 0.85 * np.ones_like(fine))
    under = ~head & (tall - up < look["cornice"] * 1.45)
    albedo[under] *= 0.55
    shop_fronts(albedo, glow, shine, finish, column, x, up, grounded, fine)
    signs(albedo, glow, look, along, up, seed + side, grounded)
    if (floodlit := solids.shape[rows, KIND] == LATTICE).any():
        glow[floodlit] += 0.45 * LIT
    return Surface(albedo.astype(np.float32), (glow * lamps).astype(np.float32), shine.astype(np.float32))
