"""The judge learns sides from pictures that show them, keeps what it learnt, and never flips a photo."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gpslift.errors import UserError
from systems.angle_classifier import evaluate, train_angle_classifier
from systems.photo_classifier import augment, predict


def dials(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [count, 3, 64, 64] of a bright hand on a dial, and the azimuths it points to."""
    rng = np.random.default_rng(seed)
    azimuth = rng.uniform(0, 360, count).astype(np.float32)
    angle = np.deg2rad(azimuth)[:, None, None]
    y, x = np.mgrid[31.5:-32.5:-1, -31.5:32.5]
    along, across = x * np.sin(angle) + y * np.cos(angle), x * np.cos(angle) - y * np.sin(angle)
    hand = (along > 0) & (along < 26) & (np.abs(across) < 5)
    pictures = np.where(hand, 200, 40)[:, None] + rng.normal(0, 8, (count, 3, 64, 64))
    return pictures.clip(0, 255).astype(np.uint8), azimuth


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    path = tmp_path_factory.mktemp("judge") / "new" / "angle.safetensors"
    return train_angle_classifier(*dials(384, 0), seed=1, epochs=6, cache_path=path), path


def test_judge_learns_the_sides(trained: tuple[torch.nn.Module, Path]) -> None:
    accuracy = evaluate(trained[0], *dials(128, 1))
    assert accuracy.exact > 0.5 and accuracy.within_one > 0.9 and accuracy.count == 128


def test_float_images_are_judged_as_bytes_are(trained: tuple[torch.nn.Module, Path]) -> None:
    images, _ = dials(16, 2)
    assert torch.equal(predict(trained[0], images), predict(trained[0], torch.from_numpy(images) / 255))


def test_judge_is_kept_for_the_same_photos_only(
    trained: tuple[torch.nn.Module, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    judge, path = trained
    again = train_angle_classifier(*dials(384, 0), seed=1, epochs=6, cache_path=path)
    assert capsys.readouterr().out == ""
    for name, value in judge.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    train_angle_classifier(*dials(128, 0), seed=1, epochs=1, cache_path=path)
    assert "judge of azimuths: 2 steps" in capsys.readouterr().out


def test_broken_cache_is_trained_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "angle.safetensors"
    path.write_bytes(b"broken")
    train_angle_classifier(*dials(128, 0), epochs=1, cache_path=path)
    assert "cannot be read" in caplog.text
    assert path.stat().st_size > 100_000


def test_training_is_repeatable_and_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    one, other = (train_angle_classifier(*dials(128, 0), seed=3, epochs=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(UserError, match=r"only 71 photos for the judges.*data\.judge_share"):
        train_angle_classifier(*dials(71, 0))


def test_augmentation_shifts_but_never_flips() -> None:
    ramp = torch.linspace(0.2, 0.8, 64).expand(256, 3, 64, 64)  # brighter to the right
    shown = augment(ramp)
    assert (shown[..., 40] > shown[..., 20]).all()
    upright = augment(ramp.transpose(2, 3))
    assert (upright[..., 40, :] > upright[..., 20, :]).all()
    assert len({round(float(value), 4) for value in shown[:, 0, 30, 30]}) > 100
    assert shown.min() >= 0 and shown.max() <= 1
