"""The facts of a city as dataclasses: what its data file says of water, parks, streets, districts and monuments."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from gpslift.errors import UserError
from gpslift.geo.cities import City

Floats = NDArray[np.float64]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Bridge:
    """A straight deck between two points [2], metres of the city; width_m; deck_m above the ground."""

    name: str
    start: Floats
    end: Floats
    width_m: float
    deck_m: float


@dataclass(frozen=True)
class Grid:
    """A lattice of blocks: bearing of their long side (degrees), their sides, streets along and across (m)."""

    name: str
    bearing: float
    long_m: float
    short_m: float
    street_m: float
    cross_m: float


@dataclass(frozen=True)
class District:
    """A neighbourhood. centers: [N, 2], metres of the city. reach: how far it spreads against its neighbours'."""

    name: str
    centers: Floats
    reach: float
    grid: str
    style: str
    walkers: float


@dataclass(frozen=True)
class Monument:
    """A landmark of the city. at: [2], metres. bearing: the way its front faces, degrees. color, roof: sRGB."""

    name: str
    kind: str
    at: Floats
    height_m: float
    width_m: float
    depth_m: float
    bearing: float
    color: Color
    clear_m: float
    base_m: float = 0.0
    roof: Color = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Facts:
    """All of a city, in metres of `City.to_metres`.

    waters, avenues: polylines [N, 3] of east, north, width. islands, parks: polygons [N, 2]. squares: [N, 3] of east,
    north, radius.
    """

    city: City
    waters: list[Floats]
    islands: list[Floats]
    parks: list[Floats]
    avenues: list[Floats]
    squares: Floats
    bridges: list[Bridge]
    grids: dict[str, Grid]
    districts: list[District]
    monuments: list[Monument]


def known_cities() -> list[str]:
    """The cities that are made by rule."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.yaml") if path.stem != "styles")


@cache
def load_facts(city: City) -> Facts:
    """The facts of a city. Raises UserError when it is not made by rule."""
    if city.name not in known_cities():
        raise UserError(
            f"{city.title} is not made by rule: there are {', '.join(known_cities())}; "
            "for any other city set data.photos to a folder of photos"
        )
    data = yaml.safe_load(Path(__file__).with_name(f"{city.name}.yaml").read_text(encoding="utf-8"))

    def line(points: Any, width: float | None = None) -> Floats:
        table = np.array(points, np.float64)
        placed = np.column_stack(city.to_metres(table[:, 0], table[:, 1]))
        widths = table[:, 2:] if width is None else np.full((len(table), 1), width)
        return np.concatenate([placed, widths], 1)

    return Facts(
        city=city,
        waters=[line(points) for points in data["waters"].values()],
        islands=[line(points) for points in data["islands"].values()],
        parks=[line(points) for points in data["parks"].values()],
        avenues=[line(avenue["points"], avenue["width_m"]) for avenue in data["avenues"]],
        squares=line(data["squares"]),
        bridges=[
            Bridge(b["name"], line([b["from"]])[0], line([b["to"]])[0], b["width_m"], b["deck_m"])
            for b in data["bridges"]
        ],
        grids={name: Grid(name, **sides) for name, sides in data["grids"].items()},
        districts=[
            District(name, **{**entry, "centers": line(entry["centers"])}) for name, entry in data["districts"].items()
        ],
        monuments=[_monument(name, entry, line([entry["at"]])[0]) for name, entry in data["monuments"].items()],
    )


def _monument(name: str, entry: dict[str, Any], at: Floats) -> Monument:
    return Monument(name, **{**entry, "at": at})


@dataclass(frozen=True)
class Style:
    """How buildings look; styles.yaml explains the fields. Numbers: (low, high)."""

    name: str
    walls: Floats
    tops: Floats
    grounds: Floats
    trim: Floats
    pattern: str
    storeys: Floats
    storey_m: Floats
    uneven: Floats
    lot_m: Floats
    depth_m: Floats
    bay_m: Floats
    roof: str
    gaps: Floats
    shops: Floats
    trees: Floats
    extras: str
    extra_share: Floats
    towers: Floats
    tower_m: Floats
    tower_wide_m: Floats
    tower_walls: Floats
    tower_pattern: str


_COLORS = ("walls", "tops", "grounds", "tower_walls", "trim")


@cache
def load_styles() -> dict[str, Style]:
    """All styles of styles.yaml by name."""
    data = yaml.safe_load(Path(__file__).with_name("styles.yaml").read_text(encoding="utf-8"))
    return {name: _style(name, entry) for name, entry in data.items()}


def _style(name: str, entry: dict[str, Any]) -> Style:
    values: dict[str, Any] = {}
    for field in fields(Style):
        if field.name == "name":
            continue
        value = entry[field.name]
        is_word, is_color = isinstance(value, str), field.name in _COLORS
        values[field.name] = (
            value if is_word else np.array(value, float) if is_color else np.broadcast_to(np.array(value, float), 2)
        )
    return Style(name, **values)
