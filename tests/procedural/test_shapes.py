"""The shapes: proportions, sides, colours, and that they fit the landmark's box."""

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gpslift.cameras import orbit_cameras
from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.metrics.mesh_truth import reflection, rotation
from gpslift.procedural.shapes import BUILDERS, build_shape, lantern_tower, statue_of_liberty
from gpslift.procedural.solids import assemble
from gpslift.procedural.truth import SHAPE_FACTS, true_mesh


@pytest.fixture(scope="module")
def statue() -> trimesh.Trimesh:
    return build_shape("statue_of_liberty")


def middle_of(mesh: trimesh.Trimesh, color: tuple[float, float, float]) -> NDArray[np.float64]:
    """Centre of the faces of that colour."""
    faces = (mesh.visual.face_colors[:, :3] == (np.array(color) * 255).round()).all(1)
    assert faces.any()
    return mesh.triangles_center[faces].mean(0)


def azimuth_of(point: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arctan2(point[0], point[1])) % 360)


def test_true_heights() -> None:
    """Ground to torch 93 m: 47 m of pedestal and 46 m of statue."""
    parts = statue_of_liberty
    assert max(part.bounds[1, 2] for part in parts.pedestal()) == pytest.approx(47.0)
    assert min(part.bounds[0, 2] for part in parts.robe()) == pytest.approx(47.0)
    assert max(part.bounds[1, 2] for part in parts.torch_arm()) == pytest.approx(93.0)
    assert min(part.bounds[0, 2] for part in parts.fort()) == pytest.approx(0.0)
    assert parts.tablet_arm()[3].volume == pytest.approx(4.1 * 0.9 * 7.2)


def landmark_of(name: str) -> Landmark:
    """The landmark that a shape stands for; the throw-away shape stands in for the Statue."""
    return load_landmark("statue_of_liberty" if name == "lantern_tower" else name)


@pytest.mark.parametrize("name", BUILDERS)
def test_shapes_fit_their_volume_and_stand_on_the_ground(name: str) -> None:
    landmark, bounds = landmark_of(name), build_shape(name).bounds
    for low, high in ((landmark.box_min_m, landmark.box_max_m), landmark.own_volume):
        assert (bounds[0, :2] >= low[:2]).all() and (bounds[1] <= high).all()
    assert bounds[0, 2] == pytest.approx(0.0, abs=1e-6)
    assert 1.5 * landmark.half_extent_m < (bounds[1] - bounds[0]).max() < 2 * landmark.half_extent_m


@pytest.mark.parametrize("name", BUILDERS)
def test_every_solid_of_a_shape_is_closed_and_looks_outwards(name: str) -> None:
    mesh = build_shape(name)
    assert (mesh.area_faces > 1e-9).all() and mesh.is_watertight and mesh.is_winding_consistent
    part = trimesh.graph.connected_component_labels(mesh.face_adjacency, len(mesh.faces))
    a, b, c = (
        mesh.triangles[:, corner] - mesh.triangles_center[np.unique(part, return_index=True)[1]][part]
        for corner in range(3)
    )
    assert np.bincount(part, (a * np.cross(b, c)).sum(1)).min() > 0  # of each solid, six times its volume


@pytest.mark.parametrize("name", BUILDERS)
def test_a_shape_is_the_same_every_time_and_of_more_than_one_colour(name: str) -> None:
    mesh = build_shape(name)
    assert np.array_equal(mesh.vertices, build_shape(name).vertices)
    assert len(np.unique(mesh.visual.face_colors, axis=0)) >= 3


def test_the_fort_is_a_star_of_eleven_points(statue: trimesh.Trimesh) -> None:
    low = statue.vertices[statue.vertices[:, 2] < 0.01]
    radius = np.hypot(low[:, 0], low[:, 1])
    assert radius.max() == pytest.approx(44.0)
    assert (radius > 43.9).sum() == 11


def test_torch_is_in_the_right_hand_and_tablet_in_the_left(statue: trimesh.Trimesh) -> None:
    """Facing south-east (135), the right hand is to the south-west, the left to the north-east."""
    flame = middle_of(statue, statue_of_liberty.GOLD)
    tablet = assemble([statue_of_liberty.tablet_arm()[3]], statue_of_liberty.FACES_AZIMUTH).centroid
    assert 60 < (azimuth_of(flame) - 135) % 360 < 120
    assert 240 < (azimuth_of(tablet) - 135) % 360 < 330
    assert flame[2] > 89 and 65 < tablet[2] < 73


def test_seen_from_the_south_east_the_torch_is_on_the_left(statue: trimesh.Trimesh) -> None:
    look_at = torch.tensor([0.0, 0.0, 46.5])
    values = [torch.tensor([value]) for value in (135.0, 0.0, 200.0, 0.6)]
    matrix = orbit_cameras(*values, look_at, 8, 8).camera_to_world[0].numpy()
    flame = middle_of(statue, statue_of_liberty.GOLD)
    right, up, back = matrix[:3, :3].T @ (flame - matrix[:3, 3])
    assert right < -4 and up > 40 and back < -190


def test_the_forward_knee_is_on_the_front() -> None:
    knee = assemble([statue_of_liberty.robe()[2]], statue_of_liberty.FACES_AZIMUTH).centroid
    front = np.array([np.sin(np.radians(135)), np.cos(np.radians(135))])
    assert knee[:2] @ front > 2


def test_the_throw_away_shape_has_no_plane_of_symmetry() -> None:
    """Mirrored across any upright plane through its middle, some of its tower is metres from where anything is."""
    mesh = lantern_tower.build()
    high = mesh.vertices[mesh.vertices[:, 2] > 40]
    for azimuth in np.radians(np.arange(0, 180, 15)):
        normal = np.array([np.sin(azimuth), np.cos(azimuth), 0])
        mirrored = high - 2 * (high @ normal)[:, None] * normal
        assert cKDTree(high).query(mirrored)[0].max() > 5, np.degrees(azimuth)


def test_unknown_shapes_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"'eiffel_tower': there are statue_of_liberty, .*stonehenge, .*data\.photos"):
        build_shape("eiffel_tower")


def test_the_truth_is_the_shape(statue: trimesh.Trimesh) -> None:
    assert set(SHAPE_FACTS) == set(BUILDERS)
    assert np.array_equal(true_mesh("statue_of_liberty").vertices, statue.vertices)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_facts_of_a_shape_tell_its_sides_apart(name: str) -> None:
    """Turned as often as the facts say it is as it was; turned by 10 degrees, or mirrored, it is another."""
    facts = SHAPE_FACTS[name]
    upper, again = (above(true_mesh(name), facts.upper_from_m, seed) for seed in (0, 1))

    def off(linear: np.ndarray) -> float:
        """Mean distance to the nearest, beside that of two samples of one surface."""
        nearest = cKDTree(upper).query
        return float(nearest(again @ linear.T)[0].mean() / nearest(again)[0].mean())

    assert facts.turns == 1 or off(rotation(360.0 / facts.turns)) < 1.1
    assert off(rotation(10.0)) > 1.15 and off(rotation(-10.0)) > 1.15
    assert facts.turns > 2 or off(reflection(facts.mirror_deg)) > 2


def above(mesh: trimesh.Trimesh, height_m: float, seed: int) -> np.ndarray:
    """Points of the surface above a height, of 20,000 in all."""
    points = np.asarray(trimesh.sample.sample_surface(mesh, 20_000, seed=seed)[0])
    return points[points[:, 2] > height_m]
