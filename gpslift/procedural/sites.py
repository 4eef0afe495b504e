"""Where a landmark stands: its ground, what surrounds it, where tourists photograph it from. The facts: sites.yaml."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpslift.geo.entries import read_entries
from gpslift.geo.landmarks import Landmark

SITES_FILE = Path(__file__).with_name("sites.yaml")

Range = tuple[float, float]


@dataclass(frozen=True)
class Standpoint:
    """A way to take photos. share: of all tourists. Metres, from the centre and above the ground."""

    share: float
    distance_m: Range
    height_m: Range


@dataclass(frozen=True)
class Patch:
    """A part of the ground that differs: `of` a kind, between two distances.

    bearing, width_m: a straight strip of that width that leads away in that direction. bearings: the sector between two
    directions, clockwise, degrees. Neither: the whole ring.
    """

    of: str
    from_m: float
    to_m: float
    bearing: float | None = None
    width_m: float = 0.0
    bearings: Range | None = None


@dataclass(frozen=True)
class Ground:
    """base: what the ground is of (see raycast.SURFACES) where no patch is; later patches lie over earlier ones.

    snowy: on snowy days the lawn is white. shore_m: where the water of an island begins; 0 = no island.
    """

    base: str = "lawn"
    snowy: bool = True
    patches: tuple[Patch, ...] = ()
    shore_m: float = 0.0


@dataclass(frozen=True)
class Crowd:
    """People and trees in front: how many a photo on average, how far from the camera; none beyond `within_m`."""

    within_m: float
    people: float
    people_m: Range
    trees: float
    trees_m: Range


@dataclass(frozen=True)
class Site:
    """All that is at a landmark besides itself.

    frame: what the picture's short side covers at the landmark, in units of the world's box (2 half_extent_m).
    close_share: of photos framed by `close_frame` instead, which shows the upper part alone (Landmark.aim_rise_m).
    upright: share of photos in portrait format. surroundings: one entry a thing, see gpslift.procedural.surroundings.
    """

    standpoints: dict[str, Standpoint]
    crowd: Crowd
    ground: Ground = field(default_factory=Ground)
    frame: Range = (0.94, 1.22)
    close_share: float = 0.0
    close_frame: Range = (0.5, 0.94)
    upright: float = 0.7
    surroundings: tuple[dict[str, Any], ...] = ()


def site_of(landmark: Landmark) -> Site:
    """The site of a landmark: its entry in sites.yaml, or a lawn with what its size suggests."""
    entries = read_entries(SITES_FILE)
    return _site(entries[landmark.name]) if landmark.name in entries else plain_site(landmark)


def plain_site(landmark: Landmark) -> Site:
    """A lawn with a path round the landmark; tourists on foot, and some drones, as far off as its size asks for.

    Nobody comes so close that 5 m of GPS noise blur the azimuth.
    """
    size = landmark.half_extent_m
    near, far = max(1.2 * size, landmark.radius_min_m, 25.0), max(3.0 * size, 60.0)
    return Site(
        standpoints={
            "foot": Standpoint(0.7, (near, far), (1.4, 1.9)),
            "drone": Standpoint(0.3, (1.3 * near, 1.5 * far), (0.3 * size, 2.2 * size)),
        },
        crowd=Crowd(far, 0.9, (0.15 * near, 0.6 * near), 0.4, (0.2 * near, 0.6 * near)),
        ground=Ground(patches=(Patch("paving", 0.95 * size, 1.05 * size),)),
    )


def _site(entry: dict[str, Any]) -> Site:
    ground = dict(entry.get("ground", {}))
    ground["patches"] = tuple(Patch(**_tuples(patch)) for patch in ground.get("patches", ()))
    return Site(
        standpoints={kind: Standpoint(**_tuples(values)) for kind, values in entry["standpoints"].items()},
        crowd=Crowd(**_tuples(entry["crowd"])),
        ground=Ground(**ground),
        frame=tuple(entry.get("frame", Site.frame)),
        close_share=entry.get("close_share", Site.close_share),
        upright=entry.get("upright", Site.upright),
        surroundings=tuple(entry.get("surroundings", ())),
    )


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
