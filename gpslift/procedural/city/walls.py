"""Points on walls: where on the wall they are, what style the wall has, and the colours that are painted there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpslift.procedural.city.masses import (
    AXIS_EAST,
    AXIS_NORTH,
    EAST,
    HALF_U,
    HALF_V,
    HIGH,
    LOW,
    NORTH,
    PATTERNS,
    Float32s,
    Solids,
)
from gpslift.procedural.city.meet_kernels import FACE_ROUND

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
class Wall:
    """Points [N] of walls. along, up: metres from the wall's left end and foot; length, tall: the wall's, metres.

    look: the columns of the style's table; finish: of the solid. column, storey: which bay and floor; x, y: where in
    it, 0 to 1. grounded: on the ground floor. fine: 1 near by, 0 where windows are too small to tell. side: the face's
    number. albedo, glow [N, 3] and shine [N] are painted over in place.
    """

    along: Float32s
    up: Float32s
    length: Float32s
    tall: Float32s
    look: dict[str, Float32s]
    finish: NDArray[np.void]
    column: Float32s
    storey: Float32s
    x: Float32s
    y: Float32s
    grounded: NDArray[np.bool_]
    fine: Float32s
    side: Float32s
    albedo: Float32s
    glow: Float32s
    shine: Float32s

    @property
    def seed(self) -> Float32s:
        """A number of the building's own."""
        return self.finish["seed"]

    @property
    def below_top(self) -> Float32s:
        """Metres below the wall's upper end."""
        return self.tall - self.up

    def mix(self, where: NDArray[np.bool_], color: Float32s, share: NDArray[np.floating]) -> None:
        """Paints over the albedo."""
        rows = np.flatnonzero(where)
        paint = color if color.ndim == 1 else color[rows]
        self.albedo[rows] += share[rows, None] * (paint - self.albedo[rows])


def bare_wall(
    solids: Solids, rows: NDArray[np.integer], face: NDArray[np.integer], points: Float32s, blur_m: Float32s
) -> Wall:
    """Walls in their plain colour at points [N, 3]. blur_m: metres that a ray covers there."""
    along, up, length, tall = place_on_wall(solids, rows, face, points)
    finish = solids.finish[rows]
    albedo = finish["wall"].copy()
    bays = np.maximum(np.round(length / finish["bay"]), 1)
    column, x = np.divmod(along / length * bays, 1.0)
    storey, y = np.divmod((up - finish["ground"]) / finish["storey"], 1.0)
    return Wall(
        along=along,
        up=up,
        length=length,
        tall=tall,
        look=dict(zip(_COLUMNS, _TABLE[:, finish["pattern"]], strict=True)),
        finish=finish,
        column=column,
        storey=storey,
        x=x,
        y=y,
        grounded=up < finish["ground"],
        fine=np.clip(1.6 - 2.2 * blur_m / finish["bay"], 0.0, 1.0),
        side=face.astype(np.float32),
        albedo=albedo,
        glow=np.zeros_like(albedo),
        shine=np.zeros(len(albedo), np.float32),
    )


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


def chance(*keys: Float32s) -> Float32s:
    """Numbers in [0, 1) from float keys; the same keys give the same number."""
    total = np.zeros_like(keys[0])
    for factor, key in zip((12.9898, 78.233, 37.719), keys, strict=False):
        total = total + np.float32(factor) * key
    value = np.sin(total) * np.float32(43758.547)
    return value - np.floor(value)
