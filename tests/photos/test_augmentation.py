"""Augmentation: what it does to images and frame widths, that it never mirrors, and that it follows from the index."""

import pytest
import torch
from torch import Tensor

from gpslift.photos.augmentation import augment, counted_in_latents, draws_for_samples

SIDE = 32


def batch_of(count: int, image: Tensor | None = None, first: int = 0) -> dict[str, Tensor]:
    ramp = torch.linspace(0.2, 0.8, SIDE).expand(3, SIDE, SIDE)  # brighter to the right
    images = (ramp if image is None else image).expand(count, 3, SIDE, SIDE)
    widths = torch.full((count,), 100.0)
    return {"image": images, "frame_width_m": widths, "index": torch.arange(first, first + count)}


def test_strength_zero_changes_nothing() -> None:
    batch = batch_of(8)
    done = augment(batch, 0.0, seed=1)
    torch.testing.assert_close(done["image"], batch["image"], atol=1e-5, rtol=0)
    assert (done["counted"] == 1).all() and (done["frame_width_m"] == 100).all()


def test_pixels_are_moved_exactly_in_bf16_trainings_too() -> None:
    exact = augment(batch_of(4), 1.0, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = augment(batch_of(4), 1.0, seed=1)
    for name in ("image", "counted", "frame_width_m"):
        assert torch.equal(mixed[name], exact[name])


def test_a_sample_is_the_same_in_any_batch() -> None:
    whole, part = augment(batch_of(12), 1.0, seed=1), augment(batch_of(5, first=7), 1.0, seed=1)
    for name in ("image", "counted", "frame_width_m"):
        assert torch.equal(whole[name][7:], part[name])
    assert not torch.equal(augment(batch_of(12), 1.0, seed=2)["image"], whole["image"])


def test_frame_widths_follow_the_crop_by_the_angle_of_a_ramp() -> None:
    """The slope of a ramp, unchanged in colour, grows as the frame is enlarged: slope / slope = width / width."""
    grey = batch_of(200)
    done = augment(grey, 0.5, seed=3)
    shown = done["frame_width_m"] / 100
    assert 0.875 <= shown.min() < 0.89 and 1.06 < shown.max() <= 1.075
    whole = augment(grey | {"image": torch.full((200, 3, SIDE, SIDE), 0.5)}, 0.5, seed=3)
    inner = slice(12, 20)
    both = (done["counted"] * whole["counted"])[:, 0, inner, inner].flatten(1).all(1)
    steps = done["image"][:, :, inner, inner].diff(dim=3).mean((1, 2, 3))
    draws = draws_for_samples(3, range(200))
    plain = both & (draws[:, 9] > 0.5)  # no cut-out there, no blur
    colors = 0.5 * (draws[:, 3:6] * 2 - 1)
    gain = torch.exp(0.2 * colors[:, 0] + 0.2 * colors[:, 1])  # brightness times contrast, both steepen the ramp
    expected = (0.6 / (SIDE - 1)) * shown * gain
    assert plain.sum() > 50
    torch.testing.assert_close(steps[plain], expected[plain], rtol=0.035, atol=0)


def test_nothing_is_ever_mirrored() -> None:
    done = augment(batch_of(300), 1.0, seed=4)
    middle = done["image"][:, :, 10:22]
    right, left = middle[..., SIDE // 2 :].mean((1, 2, 3)), middle[..., : SIDE // 2].mean((1, 2, 3))
    assert (right > left).all()
    upright = augment(batch_of(300, torch.linspace(0.8, 0.2, SIDE)[:, None].expand(3, SIDE, SIDE)), 1.0, seed=4)
    assert (
        upright["image"][:, :, : SIDE // 2].mean((1, 2, 3)) > upright["image"][:, :, SIDE // 2 :].mean((1, 2, 3))
    ).all()


def test_what_is_not_of_the_photo_is_not_counted() -> None:
    done = augment(batch_of(400), 1.0, seed=5)
    counted = done["counted"]
    assert set(counted.unique().tolist()) == {0.0, 1.0}
    draws = draws_for_samples(5, range(400))
    shown, cut = done["frame_width_m"] / 100, draws[:, 0:16][:, 11] < 0.5
    border = torch.cat([counted[..., 0], counted[..., -1], counted[..., 0, :], counted[..., -1, :]], -1)
    assert (border.flatten(1).min(1).values[shown > 1.04] == 0).all()  # wider than the photo: its border is missing
    inside = counted[:, 0, 4:-4, 4:-4].flatten(1).min(1).values
    assert (inside[~cut & (shown < 0.9)] == 1).all()
    assert (inside[cut] == 0).float().mean() > 0.8
    assert counted.mean() > 0.85
    hole = done["image"][cut & (shown < 0.95)][:, :, :, :]
    assert torch.isfinite(hole).all() and hole.min() >= 0 and hole.max() <= 1


def test_unknown_widths_stay_unknown() -> None:
    batch = batch_of(4) | {"frame_width_m": torch.full((4,), torch.nan)}
    assert augment(batch, 1.0, seed=1)["frame_width_m"].isnan().all()


@pytest.mark.parametrize("size", [(8, 8), (4, 4)])
def test_a_latent_value_counts_if_all_its_pixels_do(size: tuple[int, int]) -> None:
    counted = torch.ones(1, 1, SIDE, SIDE)
    counted[..., 5, 9] = 0
    latent = counted_in_latents(counted, size)
    step = SIDE // size[0]
    assert latent.sum() == size[0] * size[1] - 1 and latent[0, 0, 5 // step, 9 // step] == 0
