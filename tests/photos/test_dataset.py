"""Cached pixels, and the order in which photos are drawn: a pure function of seed and step."""

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.photos.dataset import StepSampler, drawn_photo, load_photo_set, spread_draws
from gpslift.photos.images import load_square
from gpslift.photos.manifest import build_manifest
from gpslift.schema.image_prior import DataConfig

RingWriter = Callable[..., list[Path]]


def take(sampler: StepSampler, count: int) -> list[tuple[int, int]]:
    return [draw for batch in islice(sampler, count) for draw in batch]


def test_each_photo_once_an_epoch_and_no_remainder() -> None:
    rows = [row for _, row in take(StepSampler(10, 4, seed=3), 15)]
    epochs = np.array(rows).reshape(6, 10)
    for epoch in epochs:
        assert sorted(epoch) == list(range(10))
    assert not np.array_equal(epochs[0], epochs[1])
    assert rows != [row for _, row in take(StepSampler(10, 4, seed=4), 15)]


def test_a_spread_over_photos_by_hand() -> None:
    assert spread_draws(9, 3, 4) == [(0, 0), (4, 4), (8, 8)]
    assert spread_draws(2, 3, 5) == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert spread_draws(2, 3, 3) == [(0, 0), (1, 1)]


def test_a_resumed_run_draws_what_an_uninterrupted_one_does() -> None:
    whole = take(StepSampler(23, 6, seed=1, accumulate=2), 2 * 20)
    resumed = take(StepSampler(23, 6, seed=1, accumulate=2, start_step=13), 2 * 7)
    assert resumed == whole[13 * 6 :]
    assert [index for index, _ in whole] == list(range(120))


def test_ranks_together_draw_what_one_does() -> None:
    one = take(StepSampler(23, 12, seed=1), 5)
    ranks = [list(islice(StepSampler(23, 12, 1, accumulate=2, rank=rank, world_size=3), 10)) for rank in range(3)]
    for step in range(5):
        together = {draw for rank in ranks for batch in rank[2 * step : 2 * step + 2] for draw in batch}
        assert together == set(one[step * 12 : step * 12 + 12])
    assert all(len(batch) == 2 for rank in ranks for batch in rank)


def test_draws_are_a_pure_function() -> None:
    assert [drawn_photo(index, 7, 5) for index in range(7)] == [drawn_photo(index, 7, 5) for index in range(7)]
    assert sorted(drawn_photo(index, 7, 5) for index in range(7, 14)) == list(range(7))


def test_bad_sizes_are_told() -> None:
    with pytest.raises(UserError, match=r"optim\.batch_size=10 must be a multiple of optim\.accumulate=4"):
        StepSampler(10, 10, 0, accumulate=4)
    with pytest.raises(UserError, match="no photos in the part"):
        StepSampler(0, 10, 0)


def test_a_batch(landmark: Landmark, data: DataConfig, folder: Path, write_ring: RingWriter) -> None:
    write_ring(36)
    manifest = build_manifest(landmark, data)
    photos = load_photo_set(manifest, "generator", 16, Path(data.cache))
    assert len(photos) == len(manifest.rows("generator"))
    batch = photos[[(40, 3), (41, 0)]]
    row = manifest.rows("generator")[3]
    expected = load_square(folder / manifest.table["path"][int(row)].as_py(), 16, 1.0)
    torch.testing.assert_close(batch["image"][0], torch.from_numpy(expected).float() / 255)
    assert batch["image"].shape == (2, 3, 16, 16) and batch["image"].dtype == torch.float32
    assert batch["azimuth_deg"][0].item() == pytest.approx(manifest.column("azimuth_deg")[row], abs=1e-4)
    assert batch["azimuth_deg"].dtype == torch.float32 and batch["azimuth_deg"].max() < 360
    assert torch.isnan(batch["elevation_deg"]).all() and not torch.isnan(batch["frame_width_m"]).any()
    assert batch["index"].tolist() == [40, 41] and batch["photo"].tolist() == [3, 0]
    assert batch["caption"] == ["A photo of the Statue of Liberty"] * 2
    assert photos.pixels(slice(0, 3)).shape == (3, 3, 16, 16)


def test_pixels_are_decoded_once_and_a_damaged_cache_is_made_again(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ring(8)
    manifest = build_manifest(landmark, data)
    first = np.array(load_photo_set(manifest, "generator", 16, Path(data.cache)).images)
    monkeypatch.setattr("gpslift.photos.dataset.load_square", lambda *_, **__: pytest.fail("a photo was decoded again"))
    np.testing.assert_array_equal(load_photo_set(manifest, "test", 16, Path(data.cache)).images, first)
    monkeypatch.undo()
    (cached,) = (Path(data.cache) / "pixels").iterdir()
    cached.write_bytes(cached.read_bytes()[:500])
    np.testing.assert_array_equal(load_photo_set(manifest, "generator", 16, Path(data.cache)).images, first)


def test_pixels_follow_what_is_in_the_files_not_where_they_lie(
    landmark: Landmark, data: DataConfig, folder: Path, write_ring: RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_ring(8)
    first = np.array(load_photo_set(build_manifest(landmark, data), "generator", 16, Path(data.cache)).images)
    moved = folder.rename(folder.with_name("moved"))
    os.utime(moved / paths[0].name, (1, 1))
    there = replace(data, photos=str(moved))
    monkeypatch.setattr("gpslift.photos.dataset.load_square", lambda *_, **__: pytest.fail("a photo was decoded again"))
    again = load_photo_set(build_manifest(landmark, there), "generator", 16, Path(data.cache))
    np.testing.assert_array_equal(again.images, first)
    monkeypatch.undo()
    one = moved / paths[0].name
    with Image.open(one) as image:
        ImageOps.invert(image).save(one, exif=image.getexif())
    changed = load_photo_set(build_manifest(landmark, there), "generator", 16, Path(data.cache)).images
    assert not np.array_equal(changed[0], first[0])
    np.testing.assert_array_equal(changed[1:], first[1:])


def test_a_photo_that_vanished_is_named_and_leaves_no_half_cache(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter
) -> None:
    paths = write_ring(8)
    manifest = build_manifest(landmark, data)
    paths[5].unlink()
    with pytest.raises(UserError, match=r"ring_0005\.jpg: there is no such file"):
        load_photo_set(manifest, "generator", 16, Path(data.cache))
    assert list((Path(data.cache) / "pixels").iterdir()) == []


def test_a_loaders_worker_is_sent_the_pixels_file_and_not_its_content(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter
) -> None:
    write_ring(36)
    photos = load_photo_set(build_manifest(landmark, data), "generator", 64, Path(data.cache))
    sent = pickle.dumps(photos)
    assert len(sent) < photos.images.nbytes / 10
    received = pickle.loads(sent)
    assert isinstance(received.images, np.memmap)
    assert torch.equal(received[[(40, 3), (41, 0)]]["image"], photos[[(40, 3), (41, 0)]]["image"])
