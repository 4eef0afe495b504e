"""Ray casting against spheres and boxes worked out by hand."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import trimesh

from gpslift.procedural.raycast import Props, Scene, ellipsoid_hits
from gpslift.procedural.sites import Ground, Patch
from gpslift.procedural.solids import block, colored
from gpslift.procedural.surroundings import Surroundings
from gpslift.procedural.weather import Weather, sky_color
from gpslift.srgb import linear_to_srgb, srgb_to_linear

NOTHING = Props(np.zeros((0, 3), np.float32), np.ones((0, 3), np.float32), np.zeros((0, 3), np.float32))
UP = np.array([0, 0, 1], np.float32)


def unit(vectors: list[list[float]]) -> np.ndarray:
    array = np.array(vectors, np.float32)
    return array / np.linalg.norm(array, axis=-1, keepdims=True)


def fine_day() -> Weather:
    """Sun overhead, white light, no haze, no clouds."""
    grey = np.full(3, 0.5, np.float32)
    return Weather(
        time=datetime(2023, 6, 21, 12), sun_direction=UP, sun_color=np.ones(3, np.float32), zenith_color=grey,
        horizon_color=grey, haze_per_m=0.0, clouds=np.zeros((1, 4), np.float32), cloud_cover=0.0, snow=False,
        lawn_color=np.array([0.1, 0.2, 0.05], np.float32), leaf_color=grey,
    )  # fmt: skip


@pytest.fixture(scope="module")
def box() -> Scene:
    """A white box from 10 to 20 m above the ground, 10 m wide."""
    return Scene(block((0, 0, 15), (10, 10, 10), (1.0, 1.0, 1.0)))


def test_ellipsoids_are_met_where_algebra_says() -> None:
    origin, center, radii = np.zeros(3, np.float32), np.array([10, 0, 0]), np.array([2, 3, 4])
    distance, normal = ellipsoid_hits(origin, unit([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [10, 3.5, 0]]), center, radii)
    assert distance[0] == pytest.approx(8)
    assert normal[0] == pytest.approx([-1, 0, 0])
    assert np.isinf(distance[1:]).all()  # behind, beside, and just past the edge
    direction = unit([[10, 2, 1]])
    distance, normal = ellipsoid_hits(origin, direction, center, radii)
    point = (distance[:, None] * direction)[0]
    assert (((point - center) / radii) ** 2).sum() == pytest.approx(1, abs=1e-5)
    gradient = (point - center) / radii**2
    assert normal[0] == pytest.approx(gradient / np.linalg.norm(gradient), abs=1e-4)


def test_an_ellipsoid_round_the_camera_is_not_seen() -> None:
    distance, _ = ellipsoid_hits(np.zeros(3, np.float32), unit([[1, 0, 0]]), np.zeros(3), np.ones(3))
    assert np.isinf(distance).all()


def test_a_sphere_is_seen_within_its_cone() -> None:
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=10)
    mesh.apply_translation([0, 0, 20])
    scene, origin = Scene(colored(mesh, (1, 1, 1))), np.array([0, -50, 20], np.float32)
    angles = np.radians([-12.5, -11.0, 0.0, 11.0, 12.5])  # the sphere's edge is at asin(10 / 50) = 11.54 degrees
    rays = np.column_stack([np.sin(angles), np.cos(angles), np.zeros(5)]).astype(np.float32)
    assert scene.silhouette(origin, rays).tolist() == [False, True, True, True, False]
    hits = scene._first_hits(origin, rays[1:4], fine_day(), NOTHING)
    expected = 50 * np.cos(angles[1:4]) - np.sqrt(100 - (50 * np.sin(angles[1:4])) ** 2)
    assert hits.distance == pytest.approx(expected, abs=0.15)  # facets lie within 0.5 % of the radius
    assert hits.normal[1] == pytest.approx([0, -1, 0], abs=0.1)


def test_a_box_and_the_ground_are_met_exactly(box: Scene) -> None:
    origin = np.array([-25, 0, 15], np.float32)
    hits = box._first_hits(origin, unit([[1, 0, 0], [1, 0, 0.2], [0, 1, -1], [0, 1, 1]]), fine_day(), NOTHING)
    assert hits.distance[0] == pytest.approx(20)
    assert hits.distance[1] == pytest.approx(20 * np.hypot(1, 0.2))
    assert hits.normal[0] == pytest.approx([-1, 0, 0])
    assert hits.distance[2] == pytest.approx(15 * np.sqrt(2))
    assert hits.normal[2] == pytest.approx([0, 0, 1])
    assert np.isinf(hits.distance[3])


def test_what_stands_in_front_hides_what_is_behind(box: Scene) -> None:
    origin = np.array([-25, 0, 15], np.float32)
    column = np.array([[-10, 0, 15]], np.float32), np.ones((1, 3), np.float32), np.array([[1, 0, 0]], np.float32)
    color = box.render(origin, unit([[1, 0, 0], [1, 0.2, 0]]), fine_day(), Props(*column))
    assert color[0, 1] == 0 and color[0, 0] > 0
    assert color[1, 0] == pytest.approx(color[1, 1])
    behind = Props(column[0] + np.array([[30, 0, 0]], np.float32), *column[1:])
    assert box.render(origin, unit([[1, 0, 0]]), fine_day(), behind)[0, 1] > 0


def test_light_worked_out_by_hand(box: Scene) -> None:
    """The white top gets the sun (1) and the sky (0.5); a side half of the sky, and a quarter of it from below."""
    from_above, from_west = np.array([0, 0, 60], np.float32), np.array([-25, 0, 15], np.float32)
    assert box.render(from_above, unit([[0, 0, -1]]), fine_day(), NOTHING)[0] == pytest.approx(1.5, abs=1e-3)
    side = 0.5 * 0.5 + 0.5 * 0.25 * 0.5
    assert box.render(from_west, unit([[1, 0, 0]]), fine_day(), NOTHING)[0] == pytest.approx(side, abs=1e-3)


def test_the_ground_below_the_box_lies_in_its_shadow(box: Scene) -> None:
    origin = np.array([-30, 0, 5], np.float32)
    below, open_ground = np.array([0, 0, 0]) - origin, np.array([-20, 0, 0]) - origin
    shadow, light = box.render(origin, unit([below.tolist(), open_ground.tolist()]), fine_day(), NOTHING)
    assert (shadow < 0.5 * light).all() and (shadow > 0).all()


def test_haze_turns_all_into_the_horizon(box: Scene) -> None:
    origin = np.array([-25, 0, 15], np.float32)
    hazy = replace(fine_day(), haze_per_m=np.log(2) / 20, horizon_color=np.array([0.2, 0.5, 0.9], np.float32))
    clear = box.render(origin, unit([[1, 0, 0]]), replace(hazy, haze_per_m=0.0), NOTHING)
    half = box.render(origin, unit([[1, 0, 0]]), hazy, NOTHING)
    assert half == pytest.approx((clear + hazy.horizon_color) / 2, abs=1e-4)  # 20 m away, half is left


def test_where_nothing_is_there_is_sky(box: Scene) -> None:
    rays = unit([[0, 0, 1], [1, 1, 0.3]])
    origin = np.array([-50, 0, 30], np.float32)
    assert np.array_equal(box.render(origin, rays, fine_day(), NOTHING), sky_color(fine_day(), rays))


def ground_colors(ground: Ground, points: list[list[float]], snow: bool = False) -> np.ndarray:
    """Linear colours [N, 3] of places east and north of a shape that stands on that ground."""
    scene = Scene(block((0, 0, 15), (1, 1, 1), (1.0, 1.0, 1.0)), ground)
    return scene._ground_albedo(np.array(points, np.float32), replace(fine_day(), snow=snow))


def test_water_begins_at_the_shore() -> None:
    lawn, water = ground_colors(Ground(shore_m=150), [[100, 0], [180, 0]])
    assert lawn[1] > lawn[2] * 2  # green
    assert water[2] > water[0]  # blue


def test_patches_are_rings_sectors_and_strips() -> None:
    ring = Patch("paving", 10, 20)
    strip = Patch("gravel", 30, 60, bearing=90, width_m=4)
    sector = Patch("water", 70, 99, bearings=(350, 20))
    places = [[0, -15], [0, -25], [45, 1], [45, 3], [-45, 1], [0, 80], [0, -80], [80, 0]]
    colors = ground_colors(Ground(patches=(ring, strip, sector)), places)
    green, blue = colors[:, 1] > 1.5 * colors[:, 2], colors[:, 2] > colors[:, 0]
    assert green.tolist() == [False, True, False, True, True, False, True, True]
    assert blue.tolist() == [False, False, False, False, False, True, False, False]


def test_snow_lies_where_the_ground_is_snowy() -> None:
    assert ground_colors(Ground(), [[40, 0]], snow=True)[0].min() > 0.6
    for ground in (Ground(snowy=False), Ground(base="asphalt")):
        assert ground_colors(ground, [[40, 0]], snow=True)[0].max() < 0.3


def test_surroundings_hide_what_is_behind_them_and_are_not_the_shape() -> None:
    house = block((0, -30, 10), (20, 4, 20), (1.0, 0.0, 0.0))
    surroundings = Surroundings(house, np.zeros(len(house.faces), bool))
    scene = Scene(block((0, 0, 15), (10, 10, 10), (0.0, 0.0, 1.0)), Ground(), surroundings)
    south, north = np.array([0, -60, 15], np.float32), np.array([0, 60, 15], np.float32)
    middle, above = [[0.0, 0.0, 15.0]], [[0.0, 0.0, 45.0]]
    assert scene.share_in_sight(south, np.array(middle + above, np.float32)) == 0.5
    assert scene.share_in_sight(north, np.array(middle, np.float32)) == 1.0  # the house is behind
    toward = unit([[0, 1, 0]])
    red = scene.render(south, toward, fine_day(), NOTHING)[0]
    blue = scene.render(north, -toward, fine_day(), NOTHING)[0]
    assert red[2] == 0 < red[0] and blue[0] == 0 < blue[2]
    assert scene.silhouette(south, toward).all()


def test_leaves_take_the_seasons_colour() -> None:
    crown = block((0, 0, 15), (10, 10, 10), (1.0, 1.0, 1.0))
    scene = Scene(block((50, 0, 5), (1, 1, 1), (1.0, 1.0, 1.0)), Ground(), Surroundings(crown, np.ones(12, bool)))
    russet = replace(fine_day(), leaf_color=np.array([0.34, 0.14, 0.04], np.float32))
    color = scene.render(np.array([0, 0, 60], np.float32), unit([[0, 0, -1]]), russet, NOTHING)[0]
    assert color == pytest.approx(1.5 * russet.leaf_color, abs=1e-3)


def test_srgb_is_the_standards() -> None:
    values = np.array([0.0, 0.04045, 0.5, 1.0], np.float32)
    assert srgb_to_linear(values) == pytest.approx([0, 0.0031308, 0.2140411, 1], abs=1e-6)
    assert linear_to_srgb(srgb_to_linear(np.linspace(0, 1, 50))) == pytest.approx(np.linspace(0, 1, 50), abs=1e-5)
    assert linear_to_srgb(np.array([-1.0, 7.0])).tolist() == [0, 1]
