"""Where tourists stand, how they frame, and what their phones tell: measured over many draws."""

import numpy as np
import pytest

from gpslift.geo.landmarks import load_landmark
from gpslift.photos.focal import field_of_view_square
from gpslift.procedural.sites import site_of
from gpslift.procedural.tourists import ACCURACY_TO_SIGMA, Shot, focal_length_35mm, short_side_fov, visit

STATUE = load_landmark("statue_of_liberty")
LOOK_AT = STATUE.look_at_m
ASPECT = 4 / 3


@pytest.fixture(scope="module")
def visits() -> list[list[Shot]]:
    return [list(visit(np.random.default_rng([1, n]), f"V{n}", STATUE, site_of(STATUE), ASPECT)) for n in range(600)]


@pytest.fixture(scope="module")
def shots(visits: list[list[Shot]]) -> list[Shot]:
    return [shot for outing in visits for shot in outing]


def share_fits(share: float, expected: float, count: int) -> bool:
    """Within three standard deviations of a binomial distribution."""
    return abs(share - expected) < 3 * np.sqrt(expected * (1 - expected) / count)


def test_optics_agree_with_the_readers_own() -> None:
    """A 26 mm lens sees 2 atan(21.633 / 26) along the diagonal of a frame; the reader works it out on its own."""
    for focal in (13, 26, 77, 300):
        assert short_side_fov(focal, 4 / 3) == pytest.approx(field_of_view_square(focal, 4000, 3000), rel=1e-6)
        assert focal_length_35mm(short_side_fov(focal, 4 / 3), 4 / 3) == focal
    assert short_side_fov(24, 1.5) == pytest.approx(2 * np.arctan(0.5), abs=1e-5)  # 24 mm lens, 24 mm side


def test_accuracy_is_a_68_percent_radius(shots: list[Shot]) -> None:
    assert pytest.approx(np.sqrt(-2 * np.log(0.32)), abs=1e-4) == ACCURACY_TO_SIGMA
    errors = [np.hypot(*np.subtract(s.measured_position, s.position)[:2]) / s.accuracy_m for s in shots if s.accuracy_m]
    assert share_fits(float(np.mean(np.array(errors) < 1)), 0.68, len(errors))


def test_they_stand_all_round_between_60_and_400_m(shots: list[Shot]) -> None:
    position = np.array([shot.position for shot in shots])
    distance = np.hypot(position[:, 0], position[:, 1])
    assert 60 <= distance.min() < 65 and 380 < distance.max() <= 400
    assert 1.4 <= position[:, 2].min() < 1.5 and 100 < position[:, 2].max() <= 110
    sectors = np.bincount(
        (np.degrees(np.arctan2(position[:, 0], position[:, 1])) % 360 // 30).astype(int), minlength=12
    )
    assert sectors.min() > 0.6 * len(shots) / 12
    on_water = distance > 160
    assert position[on_water][:, 2].min() >= 4  # nobody walks on water


def frame_widths(shots: list[Shot]) -> np.ndarray:
    """Metres that the short side of each shot covers at the landmark, to a whole millimetre of focal length."""
    ranges = np.array([np.linalg.norm(np.subtract(shot.position, LOOK_AT)) for shot in shots])
    return 2 * ranges * np.tan([short_side_fov(shot.focal_35mm, ASPECT) / 2 for shot in shots])


def test_the_landmark_or_its_upper_part_fills_most_of_the_frame(shots: list[Shot]) -> None:
    width = frame_widths(shots)
    close = width < 94
    assert 48 < width.min() < 52 and 119 < width.max() < 127  # 50 to 122 m
    assert share_fits(float(close.mean()), site_of(STATUE).close_share, len(shots))
    above = np.array([[0.0, 0.0, STATUE.aim_rise_m(metres)] for metres in width])
    stray = np.array([np.subtract(shot.aim, LOOK_AT) for shot in shots]) - above
    assert np.abs(stray.mean(0)).max() < 0.25
    assert stray[~close].std() == pytest.approx(0.022 * 108, rel=0.1)
    assert stray[close].std() == pytest.approx(0.022 * 72, rel=0.15)


def test_a_site_without_close_photos_shows_all_of_the_landmark() -> None:
    landmark = load_landmark("washington_monument")
    aims = [
        shot.aim[2] - landmark.look_at_m[2]
        for n in range(100)
        for shot in visit(np.random.default_rng([1, n]), "V", landmark, site_of(landmark), ASPECT)
    ]
    assert abs(np.mean(aims)) < 1.0  # strays of 4 m, 350 photos


def test_what_a_phone_tells_is_one_for_all_of_an_outing(visits: list[list[Shot]]) -> None:
    for tells, share in (
        (lambda shot: shot.altitude_known, 0.80),
        (lambda shot: shot.focal_known, 0.85),
        (lambda shot: shot.accuracy_m is not None, 0.85),
    ):
        told = [{tells(shot) for shot in outing} for outing in visits]
        assert all(len(values) == 1 for values in told)
        assert share_fits(np.mean([True in values for values in told]), share, len(visits))


def test_outings_have_one_to_six_photos_in_the_order_of_time(visits: list[list[Shot]]) -> None:
    assert {len(outing) for outing in visits} == {1, 2, 3, 4, 5, 6}
    for outing in visits:
        times = [shot.time for shot in outing]
        assert times == sorted(times) and len({shot.author for shot in outing}) == 1


def test_draws_follow_from_the_generator_alone() -> None:
    first, again, other = (
        next(iter(visit(np.random.default_rng(seed), "V", STATUE, site_of(STATUE), ASPECT))) for seed in (3, 3, 4)
    )
    assert first.position == again.position and first.time == again.time
    assert first.position != other.position


def test_nobody_takes_a_photo_from_where_the_landmark_is_hidden() -> None:
    """Whoever cannot see it from near tries from farther off, in the same direction; if nowhere, there is no photo."""
    hidden = [
        list(visit(np.random.default_rng([1, n]), "V", STATUE, site_of(STATUE), ASPECT, lambda place: place[0] > 0))
        for n in range(60)
    ]
    assert min(shot.position[0] for outing in hidden for shot in outing) > 0
    assert any(not outing for outing in hidden)
    far = [
        shot
        for n in range(60)
        for shot in visit(
            np.random.default_rng([1, n]), "V", STATUE, site_of(STATUE), ASPECT, lambda p: np.hypot(p[0], p[1]) > 120
        )
    ]
    assert min(np.hypot(*shot.position[:2]) for shot in far) > 120 and len(far) > 150
