"""Solids against their textbook volumes and places."""

import numpy as np
import pytest
import trimesh

from gpslift.procedural import solids

RED = (1.0, 0.0, 0.0)


def polygon_share(sides: int) -> float:
    """Area of a regular polygon over that of its circumscribed circle."""
    return sides * np.sin(2 * np.pi / sides) / (2 * np.pi)


@pytest.mark.parametrize(
    ("mesh", "volume"),
    [
        (solids.prism([solids.square(4.0), solids.square(4.0)], [1.0, 3.0], RED), 32.0),
        (solids.prism([solids.square(4.0), solids.square(2.0)], [0.0, 3.0], RED), 3 / 3 * (16 + 4 + 8)),
        (solids.limb((1, 2, 3), (4, 6, 3), 1.0, 1.0, RED, around=16), np.pi * 5 * polygon_share(16)),
        (solids.limb((0, 0, 5), (0, 0, 1), 2.0, 1.0, RED, 64), np.pi * 4 / 3 * (4 + 2 + 1) * polygon_share(64)),
        (solids.block((5, 5, 5), (1, 2, 3), RED, yaw=30.0, pitch=-12.0), 6.0),
        (solids.band(2.0, 3.0, 1.0, 5.0, RED, around=64), np.pi * 4 * (9 - 4) * polygon_share(64)),
        (solids.vault(4.0, 3.0, 6.0, 5.0, RED, around=64), 5 * 4 * 3 - 5 * np.pi * 4 / 2 * polygon_share(128)),
        (solids.prism([solids.rectangle(2.0, 3.0, (5, 5))] * 2, [0.0, 2.0], RED), 12.0),
        (solids.prism([solids.star(11, 44.0, 31.0)] * 2, [0.0, 7.0], RED), 7 * 11 * 44 * 31 * np.sin(np.pi / 11)),
    ],
    ids=["box", "stump", "lying limb", "limb downwards", "block", "band", "vault", "rectangle", "star"],
)
def test_solids_are_closed_and_have_the_right_volume(mesh: trimesh.Trimesh, volume: float) -> None:
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(volume, rel=1e-6)  # positive: the faces look outwards


def test_ball_has_its_half_axes() -> None:
    mesh = solids.ball((1.0, 2.0, 3.0), (2.0, 3.0, 4.0), RED)
    assert mesh.is_watertight
    assert mesh.bounds == pytest.approx(np.array([[-1, -1, -1], [3, 5, 7]]), abs=1e-9)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 24, rel=0.05)


def test_pleats_are_waves_about_the_ellipse() -> None:
    radius = np.hypot(*solids.ellipse(1.0, 1.0, pleats=12, depth=0.1, around=48).T)
    assert radius[0] == pytest.approx(1.1) and radius[2] == pytest.approx(0.9) and radius[1] == pytest.approx(1.0)


def test_yaw_turns_counter_clockwise_and_pitch_tips_about_x() -> None:
    turned = solids.block((0, 0, 0), (10, 1, 1), RED, yaw=90.0)
    assert turned.extents == pytest.approx([1, 10, 1])
    yawed = solids.block((0, 0, 0), (10, 0.001, 0.001), RED, yaw=30.0)
    far = yawed.vertices[yawed.vertices[:, 0].argmax()]
    assert np.degrees(np.arctan2(far[1], far[0])) == pytest.approx(30.0, abs=0.1)
    tipped = solids.block((0, 0, 0), (0.001, 10, 0.001), RED, pitch=30.0)
    assert tipped.vertices[tipped.vertices[:, 1].argmax()][2] == pytest.approx(2.5, abs=0.01)


@pytest.mark.parametrize(("azimuth", "place"), [(0, (0, 5)), (90, (5, 0)), (135, (3.5355, -3.5355)), (270, (-5, 0))])
def test_assembled_front_looks_to_its_azimuth(azimuth: float, place: tuple[float, float]) -> None:
    nose = solids.block((0, 5, 2), (0.1, 0.1, 0.1), RED)  # built towards +y
    mesh = solids.assemble([nose, solids.block((0, 0, 2), (0.1, 0.1, 0.1), (0, 1, 0))], azimuth)
    red = mesh.visual.face_colors[:, 0] == 255
    assert mesh.triangles_center[red].mean(0)[:2] == pytest.approx(place, abs=1e-3)
    assert red.sum() == 12 and len(mesh.faces) == 24


def test_copies_all_round_start_where_the_part_is_and_go_counter_clockwise() -> None:
    part = solids.block((10, 0, 2), (1, 1, 1), RED)
    copies = solids.all_round([part], 4)
    places = [tuple(copy.centroid.round(6) + 0.0) for copy in copies]
    assert places == [(10, 0, 2), (0, 10, 2), (-10, 0, 2), (0, -10, 2)]
    assert solids.moved(part, (1, 2, 3)).centroid == pytest.approx([11, 2, 5])
    assert part.centroid == pytest.approx([10, 0, 2])
