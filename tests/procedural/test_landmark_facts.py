"""Five landmarks against public facts: heights and widths, which way they face, lean or open, and their symmetries."""

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gpslift.procedural.shapes import arc_de_triomphe as arc
from gpslift.procedural.shapes import build_shape, stonehenge
from gpslift.procedural.shapes import leaning_tower_of_pisa as pisa
from gpslift.procedural.solids import assemble


def turned_away(mesh: trimesh.Trimesh, degrees: float) -> float:
    """How far, at most, a corner of the shape turned about the z axis is from where the shape has one, metres."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return float(cKDTree(mesh.vertices).query(mesh.vertices @ turn.T)[0].max())


def slice_between(mesh: trimesh.Trimesh, low: float, high: float) -> NDArray[np.float64]:
    """The corners of the shape between two heights."""
    return mesh.vertices[(mesh.vertices[:, 2] > low) & (mesh.vertices[:, 2] < high)]


def bearing_of(east: float, north: float) -> float:
    return float(np.degrees(np.arctan2(east, north)) % 360)


def blocked(mesh: trimesh.Trimesh, start: tuple[float, float, float], toward: tuple[float, float, float]) -> bool:
    """Whether the shape stands between two points."""
    away = np.array([toward], float) - np.array([start], float)
    face = mesh.ray.intersects_first(np.array([start], float), away)[0]
    if face < 0:
        return False
    normal, corner = mesh.face_normals[face], mesh.triangles[face, 0]
    return bool((corner - np.array(start)) @ normal / (away[0] @ normal) < 1)


def test_pisa_leans_four_degrees_to_the_south() -> None:
    mesh = pisa.tower()
    middles = [slice_between(mesh, height - 4, height + 4).mean(0) for height in (22.0, 46.0)]
    east, north, up = middles[1] - middles[0]
    assert np.degrees(np.arctan2(np.hypot(east, north), up)) == pytest.approx(4.0, abs=0.3)
    assert bearing_of(east, north) == pytest.approx(180.0, abs=3.0)


def test_pisa_has_its_height_width_and_storeys() -> None:
    mesh = build_shape("leaning_tower_of_pisa")
    assert 55.5 < mesh.bounds[1, 2] < 56.8  # 55.9 m on the low side, 56.7 m on the high side
    upright = trimesh.util.concatenate([part for number in range(6) for part in pisa.gallery(number)])
    assert 15.4 < upright.extents[0] < 16.0
    assert pisa.bell_chamber()[0].extents[0] < 0.8 * upright.extents[0]
    assert 1 + pisa.GALLERIES + 1 == 8


def test_the_arc_has_its_size_and_faces_the_champs_elysees() -> None:
    mesh = assemble([*arc.body(), *arc.crown()], arc.FACES_AZIMUTH)
    along, across = np.radians(116.0 + 90.0), np.radians(116.0)
    spans = [np.ptp(mesh.vertices[:, :2] @ [np.sin(angle), np.cos(angle)]) for angle in (along, across)]
    assert spans[0] == pytest.approx(44.8, abs=0.5) and spans[1] == pytest.approx(22.2, abs=0.5)
    assert mesh.bounds[1, 2] == pytest.approx(49.5)


def test_one_sees_through_the_arcs_two_passages_and_nowhere_else() -> None:
    mesh = build_shape("arc_de_triomphe")

    def through(bearing: float, aside: float, height: float) -> bool:
        ahead = 60 * np.array([np.sin(np.radians(bearing)), np.cos(np.radians(bearing))])
        off = aside * np.array([np.cos(np.radians(bearing)), -np.sin(np.radians(bearing))])
        return not blocked(mesh, (*(off - ahead), height), (*(off + ahead), height))

    assert through(116.0, 0.0, 28.9) and not through(116.0, 0.0, 29.5)  # 29.2 m high
    assert through(116.0, 7.1, 10.0) and not through(116.0, 7.6, 10.0)  # 14.6 m wide
    assert through(26.0, 0.0, 18.4) and not through(26.0, 0.0, 19.0)  # 18.7 m
    assert through(26.0, 4.0, 10.0) and not through(26.0, 4.4, 10.0)  # 8.4 m
    assert not through(71.0, 0.0, 10.0)


def test_the_arcs_four_groups_differ() -> None:
    groups = [group(0.0, 0.0) for group in (arc.departure, arc.triumph, arc.resistance, arc.peace)]
    outlines = {tuple(np.concatenate([part.bounds[:, [0, 2]].ravel() for part in group]).round(2)) for group in groups}
    assert len(outlines) == 4
    mesh = build_shape("arc_de_triomphe")
    assert turned_away(mesh, 180.0) > 1.0  # by them the front differs from the back


def test_the_departure_is_on_the_right_seen_from_the_champs_elysees() -> None:
    """The northern pier of the eastern side."""
    made = trimesh.util.concatenate(arc.departure(-arc.PIER_X, arc.FACE_Y + 0.5))
    angle = -np.radians(arc.FACES_AZIMUTH)
    x, y = made.vertices[:, :2].mean(0)
    east, north = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    assert 26 < bearing_of(east, north) < 116


def test_the_monument_is_an_obelisk_unchanged_by_quarter_turns() -> None:
    mesh = build_shape("washington_monument")
    assert turned_away(mesh, 90.0) < 1e-6
    assert turned_away(mesh, 45.0) > 1.0
    assert mesh.bounds[1, 2] == pytest.approx(169.0)
    for height, side in ((0.0, 16.8), (46.0, 14.9), (152.4, 10.5)):
        level = slice_between(mesh, height - 0.01, height + 0.01)
        assert (np.abs(np.abs(level[:, 0]) - side / 2) < 0.02).any(), height


def test_the_needle_is_unchanged_by_thirds_of_a_turn() -> None:
    mesh = build_shape("space_needle")
    assert turned_away(mesh, 120.0) < 1e-6
    assert turned_away(mesh, 180.0) > 1.0
    assert mesh.bounds[1, 2] == pytest.approx(184.4)
    reach = {height: np.hypot(*slice_between(mesh, height - 6, height + 6)[:, :2].T).max() for height in (0, 113, 153)}
    assert reach[153] == pytest.approx(21.0, abs=0.1)
    assert reach[113] < 0.4 * reach[0] < 0.5 * reach[153]  # a waist, below a saucer wider than the foot


def test_stonehenge_opens_to_the_north_east() -> None:
    """A ray from the centre at the height of a man's head over the bluestones leaves between no trilithons there."""
    parts = trimesh.util.concatenate(stonehenge.trilithons(np.random.default_rng(0)))
    angle = -np.radians(stonehenge.FACES_AZIMUTH)
    parts.apply_transform(trimesh.transformations.rotation_matrix(angle, [0, 0, 1]))
    high = parts.vertices[parts.vertices[:, 2] > 2.5]
    bearings = np.degrees(np.arctan2(high[:, 0], high[:, 1])) % 360
    away = np.abs((bearings - 50 + 180) % 360 - 180)
    assert away.min() > 45  # nothing high within 45 degrees of the axis
    tallest = high[high[:, 2].argmax()]
    assert bearing_of(tallest[0], tallest[1]) == pytest.approx(230, abs=25)  # the great trilithon, opposite


def test_stonehenges_circle_is_33_m_wide_and_gapped_in_the_south_west() -> None:
    mesh = build_shape("stonehenge")
    radius = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1])
    assert 16.0 < radius.max() < 16.9
    standing = mesh.vertices[(radius > 14.5) & (mesh.vertices[:, 2] > 3.0)]
    bearings = np.degrees(np.arctan2(standing[:, 0], standing[:, 1])) % 360
    north_east, south_west = (np.abs((bearings - middle + 180) % 360 - 180) < 45 for middle in (50, 230))
    assert north_east.sum() > 3 * max(south_west.sum(), 1)
    assert mesh.bounds[1, 2] == pytest.approx(6.5, abs=0.3)
