"""Areas of a city, and places spread evenly over them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpslift.errors import UserError
from gpslift.geo.cities import City
from gpslift.geo.geodesy import Floats

CIRCLE_CORNERS = 180
LINE_SHARE = 1e-3
"""Width by length of what counts as a line; a line of one latitude right through a city bends by half of it."""
EMPTY = "the area is empty: its corners lie on one line"
CANDIDATES_AT_ONCE, CANDIDATES_MOST = 4096, 2**21
PLASTIC = np.array([0.7548776662466927, 0.5698402909980532])
"""1 / p and 1 / p^2 for p^3 = p + 1: their multiples, modulo 1, fill a square evenly (Roberts 2018, R2)."""


@dataclass(frozen=True)
class Area:
    """A polygon in a city. corners: metres east and north of the city's centre [N, 2], in order round it."""

    city: City
    corners: Floats

    @classmethod
    def polygon(cls, city: City, latitude: ArrayLike, longitude: ArrayLike) -> "Area":
        """Of corners given in degrees [N]. UserError: fewer than 3, one outside the city, or all (almost) on a line."""
        if np.size(latitude) < 3:
            raise UserError(f"an area needs 3 corners or more, not {np.size(latitude)}; or one place and a radius")
        city.check(latitude, longitude)
        corners = np.stack(city.to_metres(latitude, longitude), -1)
        length, width = np.linalg.svd(corners - corners.mean(0), compute_uv=False)
        if width <= LINE_SHARE * length:
            raise UserError(f"{EMPTY}; move one of them off it")
        return cls(city, corners)

    @classmethod
    def circle(cls, city: City, latitude: float, longitude: float, radius_m: float) -> "Area":
        """Round a place given in degrees. UserError if the place, or a part of the circle, is outside the city."""
        city.check(latitude, longitude)
        around = 2 * np.pi * np.arange(CIRCLE_CORNERS) / CIRCLE_CORNERS
        center = np.stack(city.to_metres(latitude, longitude))
        corners = center + radius_m * np.stack([np.sin(around), np.cos(around)], -1)
        if not city.contains(*city.to_geodetic(*corners.T)).all():
            raise UserError(
                f"the circle of {radius_m:g} m round latitude {latitude:g}, longitude {longitude:g} reaches out of "
                f"{city.title} ({city.bounds}); take a smaller radius"
            )
        return cls(city, corners)

    def contains(self, points: Floats) -> NDArray[np.bool_]:
        """Which of the points [M, 2], in metres, lie inside: those whose ray eastward crosses an odd number of sides.

        A polygon whose sides cross each other has holes by this rule.
        """
        east, north = points[:, :1], points[:, 1:]
        (from_east, from_north), (to_east, to_north) = self.corners.T, np.roll(self.corners, -1, 0).T
        spans = (from_north > north) != (to_north > north)
        rise = np.where(to_north == from_north, 1.0, to_north - from_north)  # level sides are never spanned
        crossing = from_east + (north - from_north) / rise * (to_east - from_east)
        return np.asarray((spans & (crossing > east)).sum(1) % 2 == 1)

    def places(self, count: int, seed: int) -> Floats:
        """`count` places [count, 2], metres east and north, spread evenly over the area; a function of the seed.

        The first of more places are those of fewer. UserError if the area is (almost) empty.
        """
        low, high = self.corners.min(0), self.corners.max(0)
        offset, found, tried = np.random.default_rng(seed).random(2), np.empty((0, 2)), 0
        while len(found) < count:
            if tried >= CANDIDATES_MOST:
                raise UserError(EMPTY)
            steps = np.arange(tried, tried + CANDIDATES_AT_ONCE)[:, None]
            candidates = low + (offset + steps * PLASTIC) % 1.0 * (high - low)
            found = np.concatenate([found, candidates[self.contains(candidates)]])
            tried += CANDIDATES_AT_ONCE
        return found[:count]
