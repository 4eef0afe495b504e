"""The cameras of a lift: where they stand, what they show, and what the prior is told of them."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gpslift.cameras import Cameras, camera_azimuth
from gpslift.geo.geodesy import EYE_HEIGHT_M
from gpslift.geo.landmarks import load_landmark
from gpslift.guidance.viewpoints import ViewpointSampler, assumed_cameras

LANDMARK = load_landmark("statue_of_liberty")
TABLE = {
    "range_m": torch.tensor([100.0, 200.0, 300.0]),
    "elevation_deg": torch.tensor([-10.0, 5.0, 30.0]),
    "frame_width_m": torch.tensor([95.0, 120.0, 150.0]),
}
SAMPLER = ViewpointSampler(LANDMARK, TABLE, (0.0, 360.0), even_elevation=0.0, aim_jitter=0.0, place="true", seed=3)


def turned(azimuth_deg: Tensor, other_deg: Tensor) -> Tensor:
    """The angles between two bearings, degrees in [0, 180]."""
    return ((azimuth_deg - other_deg + 180) % 360 - 180).abs()


def project(cameras: Cameras, points: Tensor) -> Tensor:
    """Points [B, N, 3] to [B, N, 2]: -1 to 1 from the left to the right, and from the lower to the upper edge."""
    local = torch.einsum("bji,bnj->bni", cameras.camera_to_world[:, :3, :3], points - cameras.positions[:, None])
    half = -local[..., 2] * torch.tan(cameras.fov_y / 2)[:, None]
    return local[..., :2] / half[..., None]


def test_the_azimuth_told_is_the_cameras_own() -> None:
    views = SAMPLER.draw(0, 64, 8)
    assert turned(camera_azimuth(views.cameras.positions), views.place["azimuth_deg"]).max() < 1e-3
    assert (views.place["azimuth_deg"] >= 0).all() and (views.place["azimuth_deg"] < 360).all()


def test_negative_limits_are_told_as_bearings() -> None:
    told = replace(SAMPLER, azimuth=(-30.0, 30.0)).draw(0, 40, 8).place["azimuth_deg"]
    assert turned(told, torch.tensor(0.0)).max() <= 30.001
    assert (told > 180).any() and (told >= 0).all()


def test_every_side_is_seen_equally_often() -> None:
    azimuth = SAMPLER.draw(0, 360, 8).place["azimuth_deg"]
    counts = torch.histc(azimuth, bins=36, min=0, max=360)
    assert counts.min() >= 9 and counts.max() <= 11  # by chance alone, 10 a bin would come with a spread of 3


def test_elevations_are_evened_out_as_far_as_asked() -> None:
    """Of 1000 photos 900 are from the ground, 99 from above, one has a wrong altitude: shares as the rule has them.

    Weights of the bins: 900^(1 - e), 99^(1 - e), and 1 * 10^-e for the rare one, as if it held a hundredth.
    """
    elevation = torch.cat([torch.full((900,), -10.0), torch.full((99,), 20.0), torch.full((1,), 80.0)])
    table = {"range_m": torch.full((1000,), 200.0), "elevation_deg": elevation, "frame_width_m": elevation.abs() + 80}
    expected = {0.0: (0.9, 0.099), 0.5: (30 / 40.266, 9.950 / 40.266), 1.0: (1 / 2.1, 1 / 2.1)}
    for even, (ground, above) in expected.items():
        drawn = replace(SAMPLER, table=table, even_elevation=even).draw(0, 2000, 8).place["elevation_deg"]
        shares = [float((drawn == value).float().mean()) for value in (-10.0, 20.0)]
        assert shares == pytest.approx([ground, above], abs=0.035)  # three standard deviations of 2000 draws


def test_a_batch_looks_from_all_round() -> None:
    for first in range(0, 40, 4):
        azimuth = SAMPLER.draw(first, 4, 8).place["azimuth_deg"].sort().values
        gaps = torch.diff(azimuth, append=azimuth[:1] + 360)
        assert gaps.max() < 180


def test_dropped_hides_the_azimuth_alone() -> None:
    views, hidden = SAMPLER.draw(5, 8, 8), replace(SAMPLER, place="dropped").draw(5, 8, 8)
    assert hidden.place["azimuth_deg"].isnan().all()
    assert torch.equal(hidden.place["frame_width_m"], views.place["frame_width_m"])
    assert torch.equal(hidden.cameras.camera_to_world, views.cameras.camera_to_world)


def test_shuffled_tells_azimuths_that_have_nothing_to_do_with_the_cameras() -> None:
    views = replace(SAMPLER, place="shuffled").draw(0, 200, 8)
    told, true = views.place["azimuth_deg"], camera_azimuth(views.cameras.positions)
    assert 80 < turned(told, true).mean() < 100  # 90 for independent bearings
    assert torch.equal(views.cameras.camera_to_world, SAMPLER.draw(0, 200, 8).cameras.camera_to_world)
    assert torch.equal(told[7:9], replace(SAMPLER, place="shuffled").draw(7, 2, 8).place["azimuth_deg"])


def test_rows_of_the_table_stay_together() -> None:
    views = SAMPLER.draw(0, 100, 8)
    look_at = torch.tensor(LANDMARK.look_at)
    range_m = (views.cameras.positions - look_at).norm(dim=-1) * LANDMARK.half_extent_m
    rows = {
        (round(float(r)), round(float(e)), round(float(w)))
        for r, e, w in zip(range_m, views.place["elevation_deg"], views.place["frame_width_m"], strict=True)
    }
    assert rows == {(100, -10, 95), (200, 5, 120), (300, 30, 150)}


def test_no_camera_is_below_eye_height() -> None:
    low = {name: values.clone() for name, values in TABLE.items()}
    low["elevation_deg"] = torch.tensor([-89.0, -40.0, -20.0])
    views = replace(SAMPLER, table=low).draw(0, 50, 8)
    height_m = views.cameras.positions[:, 2] * LANDMARK.half_extent_m
    torch.testing.assert_close(height_m, torch.full((50,), EYE_HEIGHT_M), atol=1e-3, rtol=0)
    assert turned(camera_azimuth(views.cameras.positions), views.place["azimuth_deg"]).max() < 1e-3
    drop = LANDMARK.look_at_m[2] - EYE_HEIGHT_M
    told = {round(float(elevation), 2) for elevation in views.place["elevation_deg"]}
    assert told == {round(-math.degrees(math.asin(drop / range_m)), 2) for range_m in (100, 200, 300)}


def test_samples_are_drawn_by_their_global_index() -> None:
    jittered = replace(SAMPLER, aim_jitter=0.1)
    whole, parts = jittered.draw(10, 6, 8), [jittered.draw(10, 4, 8), jittered.draw(14, 2, 8)]
    assert torch.equal(whole.cameras.camera_to_world, torch.cat([part.cameras.camera_to_world for part in parts]))
    assert torch.equal(whole.cameras.fov_y, torch.cat([part.cameras.fov_y for part in parts]))
    for name, values in whole.place.items():
        assert torch.equal(values, torch.cat([part.place[name] for part in parts]))


def test_another_seed_draws_other_cameras() -> None:
    assert not torch.equal(SAMPLER.draw(0, 4, 8).cameras.fov_y, replace(SAMPLER, seed=4).draw(0, 4, 8).cameras.fov_y)


def test_the_frame_covers_the_metres_that_the_prior_is_told() -> None:
    views = SAMPLER.draw(0, 12, 8)
    right, up = views.cameras.camera_to_world[:, None, :3, 0], views.cameras.camera_to_world[:, None, :3, 1]
    half = views.place["frame_width_m"][:, None, None] / 2 / LANDMARK.half_extent_m
    look_at = torch.tensor(LANDMARK.look_at)
    edges = torch.cat([look_at - half * right, look_at + half * right, look_at + half * up], 1)
    expected = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).expand(12, 3, 2)
    torch.testing.assert_close(project(views.cameras, edges), expected, atol=1e-4, rtol=0)
    assert (views.cameras.height, views.cameras.width) == (8, 8)


def test_narrow_frames_have_the_top_of_the_landmark_in_them() -> None:
    """Of a frame of 50 m the landmark's upper end lies 3 % of the frame above the edge, seen from its own height."""
    level = math.degrees(math.asin((LANDMARK.aim_rise_m(50.0)) / 300.0))
    close = {"range_m": [300.0], "elevation_deg": [level], "frame_width_m": [50.0]}
    table = {name: torch.tensor(values) for name, values in close.items()}
    views = replace(SAMPLER, table=table).draw(0, 12, 8)
    top = torch.tensor([0.0, 0.0, LANDMARK.height_m]) / LANDMARK.half_extent_m
    expected = torch.tensor([0.0, 1.06]).expand(12, 2)
    torch.testing.assert_close(project(views.cameras, top.expand(12, 1, 3))[:, 0], expected, atol=5e-3, rtol=0)
    assert turned(camera_azimuth(views.cameras.positions), views.place["azimuth_deg"]).max() < 1e-3


def test_where_no_frame_holds_the_whole_landmark_all_are_taken() -> None:
    assert SAMPLER.of_the_whole().table["frame_width_m"].tolist() == TABLE["frame_width_m"].tolist()
    close = replace(SAMPLER, table={**TABLE, "frame_width_m": torch.tensor([50.0, 60.0, 95.0])})
    assert close.of_the_whole().table == {name: column[2:] for name, column in close.table.items()}
    closer = replace(SAMPLER, table={**TABLE, "frame_width_m": torch.full((3,), 50.0)})
    assert closer.of_the_whole() is closer


def test_aim_strays_by_its_share_of_the_frame() -> None:
    views = replace(SAMPLER, aim_jitter=0.05).draw(0, 400, 8)
    middle = project(views.cameras, torch.tensor(LANDMARK.look_at).expand(400, 1, 3))[:, 0]
    # a standard deviation of 0.05 frame widths is 0.1 of the half width that runs from 0 to 1
    assert middle.std(0).tolist() == pytest.approx([0.1, 0.1], rel=0.15)
    assert middle.mean(0).abs().max() < 0.02
    assert torch.equal(views.cameras.positions, SAMPLER.draw(0, 400, 8).cameras.positions)


def test_text_alone_tells_nothing_of_the_place() -> None:
    views, silent = SAMPLER.draw(5, 8, 8), replace(SAMPLER, place="text").draw(5, 8, 8)
    assert silent.place.keys() == views.place.keys()
    assert all(values.isnan().all() for values in silent.place.values())
    assert torch.equal(silent.cameras.camera_to_world, views.cameras.camera_to_world)


def test_assumed_cameras_see_the_whole_landmark_from_outside_its_box() -> None:
    table = assumed_cameras(LANDMARK)
    assert {len(column) for column in table.values()} == {60}
    unit = LANDMARK.half_extent_m
    assert table["range_m"].min() == 2 * unit and table["frame_width_m"].min() >= 2.2 * unit - 1e-3
    assert table["elevation_deg"].min() == -10 and table["elevation_deg"].max() == 30
