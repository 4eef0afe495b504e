"""Sites: each entry is sane, its surroundings leave the landmark free, and most tourists see most of it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from trimesh import Trimesh

from gpslift.geo.landmarks import Landmark, landmark_names, load_landmark
from gpslift.photos.landmark_photos import distance_limits
from gpslift.procedural.dataset import in_sight, scene_of
from gpslift.procedural.photographer import ASPECT
from gpslift.procedural.raycast import SURFACES, Scene
from gpslift.procedural.sites import Patch, plain_site, site_of
from gpslift.procedural.solids import block
from gpslift.procedural.surroundings import build_surroundings, flags, house, point_at, town, trees
from gpslift.procedural.tourists import Shot, visit
from gpslift.schema.image_prior import DataConfig


@pytest.fixture(scope="module", params=landmark_names())
def landmark(request: pytest.FixtureRequest) -> Landmark:
    return load_landmark(request.param)


@pytest.fixture(scope="module")
def scene(landmark: Landmark) -> Scene:
    return scene_of(landmark, landmark.name)


@pytest.fixture(scope="module")
def outings(landmark: Landmark, scene: Scene) -> list[list[Shot]]:
    sees = partial(in_sight, scene, landmark)
    site = site_of(landmark)
    return [list(visit(np.random.default_rng([5, n]), "V", landmark, site, ASPECT, sees)) for n in range(60)]


def test_standpoints_are_where_the_reader_keeps_photos(landmark: Landmark) -> None:
    site, (low, high) = site_of(landmark), distance_limits(landmark, DataConfig())
    assert sum(kind.share for kind in site.standpoints.values()) == pytest.approx(1.0)
    for kind in site.standpoints.values():
        assert low + 5 < kind.distance_m[0] < kind.distance_m[1] < high
        assert 1.0 < kind.height_m[0] < kind.height_m[1]


def test_the_ground_is_of_known_surfaces(landmark: Landmark) -> None:
    ground = site_of(landmark).ground
    assert {ground.base, *(patch.of for patch in ground.patches)} <= {"lawn", "water", *SURFACES}


def test_surroundings_stand_outside_the_box_on_the_ground(landmark: Landmark, scene: Scene) -> None:
    if scene.surroundings is None:
        return
    points = scene.surroundings.mesh.triangles_center
    inside = (points > np.array(landmark.box_min_m)) & (points < np.array(landmark.box_max_m))
    assert not inside.all(1).any()
    assert scene.surroundings.mesh.bounds[0, 2] > -0.5
    assert len(scene.mesh.faces) < 100_000


def test_the_true_mesh_has_no_surroundings(landmark: Landmark, scene: Scene) -> None:
    assert np.hypot(*scene.shape.vertices[:, :2].T).max() < np.hypot(*landmark.box_max_m[:2])


def test_photos_are_taken_all_round_and_from_few_places_in_vain(outings: list[list[Shot]]) -> None:
    shots = [shot for outing in outings for shot in outing]
    assert len(shots) > 0.75 * 3.5 * len(outings)  # the others saw only a wall
    azimuths = [np.degrees(np.arctan2(shot.position[0], shot.position[1])) % 360 for shot in shots]
    sectors = np.bincount((np.array(azimuths) // 30).astype(int), minlength=12)
    assert sectors.min() > 0.15 * len(shots) / 12


def test_the_landmark_is_clear_in_most_photos(landmark: Landmark, scene: Scene, outings: list[list[Shot]]) -> None:
    """Of rays to the shape's own corners, all but a few reach it."""
    points = scene.shape.vertices[:: max(1, len(scene.shape.vertices) // 30)].astype(np.float32)
    shots = [shot for outing in outings for shot in outing][::4]
    free = [scene.share_in_sight(np.array(shot.position, np.float32), points) for shot in shots]
    assert np.mean(free) > 0.9 and np.mean(np.array(free) > 0.75) > 0.9


def test_a_landmark_without_an_entry_gets_what_its_size_suggests() -> None:
    house = replace(load_landmark("stonehenge"), name="my_house", half_extent_m=6.0, radius_min_m=5.0)
    site = site_of(house)
    assert site == plain_site(house)
    assert sum(kind.share for kind in site.standpoints.values()) == pytest.approx(1.0)
    low, high = site.standpoints["foot"].distance_m
    assert 25 <= low < high < 100  # 5 m of GPS noise stay below 12 degrees
    tower = plain_site(replace(house, half_extent_m=50.0))
    assert tower.standpoints["foot"].distance_m == pytest.approx((60.0, 150.0))  # as for the Statue
    assert len(list(visit(np.random.default_rng(0), "V", house, site, ASPECT))) > 0


def centre(mesh: Trimesh) -> np.ndarray:
    return mesh.bounds.mean(0)


def test_things_stand_at_their_bearing_and_distance() -> None:
    assert point_at(90.0, 10.0) == pytest.approx([10, 0]) and point_at(180.0, 10.0) == pytest.approx([0, -10])
    (walls, leafy), (roof, _) = house((90.0, 100.0), (40.0, 10.0, 12.0), (1, 0, 0), roof_m=3.0)
    assert centre(walls) == pytest.approx([100, 0, 6]) and not leafy
    assert walls.extents == pytest.approx([10, 40, 12])  # its front looks to the landmark, in the west
    assert roof.bounds[:, 2] == pytest.approx([12, 15])
    turned = house((90.0, 100.0), (40.0, 10.0, 12.0), (1, 0, 0), faces=0.0)[0][0]
    assert turned.extents == pytest.approx([40, 10, 12])


def test_strewn_things_keep_to_their_sector_and_are_the_same_every_time() -> None:
    ((walls, _),) = town(40, (100, 200), (10, 20), (5, 9), [(1, 1, 1)], 1, (80, 100))
    middles = walls.triangles_center.reshape(40, -1, 3).mean(1)
    bearings, distances = np.degrees(np.arctan2(middles[:, 0], middles[:, 1])), np.hypot(*middles[:, :2].T)
    assert bearings.min() >= 80 and bearings.max() <= 100
    assert distances.min() >= 100 and distances.max() <= 200 and middles[:, 2].min() > 2.4
    assert walls.is_watertight and walls.volume > 0
    once, again = (trees(5, (50, 90), (6, 9), 3) for _ in range(2))
    assert all(np.array_equal(a.vertices, b.vertices) for (a, _), (b, _) in zip(once, again, strict=True))
    assert [leafy for _, leafy in once] == [False, True]
    assert len(flags(6, 30.0, 8.0, [(1, 0, 0), (1, 1, 1)], (0.5, 0.5, 0.5))) == 1 + 2  # poles and two stripes


def test_an_empty_site_has_no_surroundings() -> None:
    assert build_surroundings(()) is None
    assert build_surroundings(({"solid": "boulder", "at": [50, 77], "size": [2, 2, 5], "color": [0.5, 0.5, 0.5]},))
    assert Scene(block((0, 0, 1), (1, 1, 2), (1, 1, 1))).share_in_sight(np.zeros(3), np.ones((4, 3))) == 1.0
    assert Patch("paving", 0, 1) == Patch(of="paving", from_m=0, to_m=1)
