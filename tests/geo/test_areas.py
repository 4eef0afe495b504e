"""Areas of a city: what is inside, places spread evenly, and what is no area."""

import numpy as np
import pytest

from gpslift.errors import UserError
from gpslift.geo.areas import Area
from gpslift.geo.cities import load_city
from gpslift.geo.geodesy import azimuth_and_distance

PARIS = load_city("paris")
HERE = (48.86, 2.34)


def of(*corners: tuple[float, float]) -> Area:
    """An area of corners given in metres."""
    return Area(PARIS, np.array(corners, np.float64))


def test_inside_by_hand() -> None:
    """An L: a square of 2 without its upper right quarter."""
    area = of((0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2))
    points = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5], [-0.1, 0.5], [2.1, 0.5], [0.5, 2.1], [0.5, 1.0]])
    assert area.contains(points).tolist() == [True, True, True, False, False, False, False, True]


def test_places_are_even_inside_and_follow_from_the_seed() -> None:
    area = of((0, 0), (200, 0), (200, 100), (100, 100), (100, 200), (0, 200))
    places = area.places(300, seed=3)
    assert places.shape == (300, 2) and area.contains(places).all()
    cells = [((places // 100) == cell).all(1).sum() for cell in ([0, 0], [1, 0], [0, 1])]
    assert min(cells) > 90 and max(cells) < 110  # a hundred each; drawn at random they would stray by 16
    assert np.array_equal(area.places(300, seed=3)[:20], area.places(20, seed=3))
    assert not np.allclose(area.places(20, seed=4), places[:20])


def test_a_circle_is_round_in_metres() -> None:
    area = Area.circle(PARIS, *HERE, radius_m=300.0)
    places = area.places(500, seed=0)
    _, distance = azimuth_and_distance(*HERE, *PARIS.to_geodetic(*places.T))
    assert distance.max() <= 300.1 and distance.max() > 290
    assert np.mean(distance < 150) == pytest.approx(0.25, abs=0.03)
    center = np.stack(PARIS.to_metres(*HERE))
    assert np.abs(places.mean(0) - center).max() < 6


def test_what_reaches_out_of_the_city_is_refused_with_its_bounds() -> None:
    with pytest.raises(UserError, match=r"latitude 50, longitude 2\.34 is outside Paris \(latitude 48\.815 to 48\.902"):
        Area.polygon(PARIS, [48.86, 48.87, 50.0], [2.34, 2.35, 2.34])
    with pytest.raises(UserError, match=r"did you mean 48\.86, 2\.34"):
        Area.polygon(PARIS, [2.34, 2.35, 2.34], [48.86, 48.87, 48.88])
    with pytest.raises(UserError, match=r"outside Paris"):
        Area.circle(PARIS, 48.7, 2.34, 300.0)
    with pytest.raises(
        UserError, match=r"circle of 300 m .* reaches out of Paris \(latitude 48\.815 .* smaller radius"
    ):
        Area.circle(PARIS, 48.901, 2.34, 300.0)


def test_what_is_no_area_is_refused() -> None:
    with pytest.raises(UserError, match="3 corners or more, not 2"):
        Area.polygon(PARIS, [48.86, 48.87], [2.34, 2.35])
    with pytest.raises(UserError, match="corners lie on one line"):
        of((0, 0), (100, 100), (200, 200)).places(5, seed=0)


@pytest.mark.parametrize(
    "corners",
    [
        [(48.86, 2.33), (48.86, 2.34), (48.86, 2.35)],
        [(48.86, 2.23), (48.86, 2.34), (48.86, 2.46)],  # right through the city, where the line of a latitude bends
        [(48.84, 2.30), (48.86, 2.34), (48.88, 2.38)],
        [HERE, HERE, (48.87, 2.34)],
    ],
)
def test_corners_on_one_line_are_refused(corners: list[tuple[float, float]]) -> None:
    latitude, longitude = zip(*corners, strict=True)
    with pytest.raises(UserError, match="the area is empty: its corners lie on one line; move one of them off it"):
        Area.polygon(PARIS, latitude, longitude)
    assert Area.polygon(PARIS, [*latitude, 48.85], [*longitude, 2.35]).places(5, seed=0).shape == (5, 2)
