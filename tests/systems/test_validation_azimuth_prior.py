"""A prior is judged by photos that it never saw: one that shows the asked side passes, one that does not fails."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import systems.validation.azimuth_prior as validation
import systems.validation.common as common
from gpslift.errors import UserError
from gpslift.geo.landmarks import load_landmark
from gpslift.photos.dataset import PhotoSet
from gpslift.schema.image_prior import ImagePriorConfig
from tests.photos.sets import landmark_set


def dials(azimuth_deg: torch.Tensor, seed: int) -> torch.Tensor:
    """Pictures [N, 3, 32, 32] in [0, 1] of a bright hand on a dial that points to the azimuth."""
    angle = torch.deg2rad(azimuth_deg)[:, None, None]
    y, x = torch.meshgrid(torch.linspace(1, -1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    along, across = x * angle.sin() + y * angle.cos(), x * angle.cos() - y * angle.sin()
    hand = ((along > 0) & (along < 0.8) & (across.abs() < 0.18)).float()
    noise = torch.randn(len(azimuth_deg), 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return (0.2 + 0.6 * hand[:, None] + 0.03 * noise).clamp(0, 1)


class DialPrior:
    """Shows the asked azimuth plus `turned`, and remembers what it was asked."""

    image_size, place_kind = 32, "azimuth"

    def __init__(self, turned: float = 0.0, landmark: str = "statue_of_liberty") -> None:
        self.turned, self.asked, self.caption = turned, [], load_landmark(landmark).caption

    def set_progress_bar_config(self, **_: Any) -> None:
        """As of a pipeline: dials are drawn at once."""

    def sample(self, place: dict[str, torch.Tensor], count: int, **settings: Any) -> torch.Tensor:
        self.asked.append((place, settings))
        return dials(place["azimuth_deg"] + self.turned, len(self.asked))


class DialPhotos:
    """A data module of dials."""

    def __init__(self, *_: Any) -> None:
        pass

    def photos(self, part: str) -> PhotoSet:
        count, seed = {"generator": (100, 1), "judges": (360, 2), "test": (100, 3)}[part]
        azimuth = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * 360
        images = (255 * dials(azimuth, seed + 10)).to(torch.uint8).numpy()
        return landmark_set(images, azimuth.numpy(), caption="a dial")


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the validation of a given prior with a small judge, on dials; gives figures and config."""
    train, cache = validation.train_angle_classifier, tmp_path / "cache"
    monkeypatch.setattr(common, "prior_path", lambda config: (tmp_path, "a test's"))
    monkeypatch.setattr(validation, "PhotoDataModule", DialPhotos)
    cameras = {"range_m": [100.0, 200.0], "elevation_deg": [3.0, 9.0], "frame_width_m": [70.0, 140.0]}
    table = {name: torch.tensor(values) for name, values in cameras.items()}
    monkeypatch.setattr(validation, "load_cameras", lambda path: table)
    monkeypatch.setattr(validation, "train_angle_classifier", lambda *a, **k: train(*a, **{**k, "epochs": 8}))
    config = ImagePriorConfig(name="dial", output=str(tmp_path), precision="32", device="cpu")
    config.data.cache = str(cache)

    def run(prior: DialPrior, config: ImagePriorConfig = config) -> validation.PriorFigures:
        monkeypatch.setattr(common, "load_prior", lambda path, device: prior)
        return validation.validate_azimuth_prior(config)

    run.config = config  # type: ignore[attr-defined]
    return run


def test_right_prior_passes_and_turned_prior_fails(
    judged: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prior = DialPrior()
    figures = judged(prior)
    assert figures.accuracy.count == 360 and figures.accuracy.within_one > 0.85
    assert figures.ceiling.within_one > 0.85 and figures.ceiling.count == 100
    assert judged(DialPrior(turned=90.0)).accuracy.within_one < 0.05
    folder = tmp_path / "dial" / "validation"
    assert json.loads((folder / "validation.json").read_text(encoding="utf-8"))["accuracy"]["within_one"] < 0.05
    assert (folder / "validation.png").stat().st_size > 0
    printed = capsys.readouterr().out
    assert "angle accuracy of the prior" in printed and "ceiling" in printed and "nearest training photo" in printed
    place, settings = prior.asked[0]
    pairs = set(zip(place["frame_width_m"].tolist(), place["elevation_deg"].tolist(), strict=True))
    assert pairs == {(70.0, 3.0), (140.0, 9.0)}  # framed as the training photos, jointly
    assert settings["guidance_scale_place"] == judged.config.sample.guidance_scale_place


def test_a_prior_of_another_landmark_is_not_judged(judged: Any) -> None:
    with pytest.raises(UserError, match=r"of 'A photo of Stonehenge', but landmark=statue_of_liberty is .*; set"):
        judged(DialPrior(landmark="stonehenge"))


def test_given_framing_is_used(judged: Any) -> None:
    prior = DialPrior()
    images, azimuth = validation.sample_bins(
        prior,  # type: ignore[arg-type]
        replace(judged.config, sample=replace(judged.config.sample, frame_width_m=99.0, elevation_deg=0.0)),
        Path("anywhere"),
    )
    assert images.shape == (360, 3, 32, 32)
    assert azimuth[:11].tolist() == [5.0] * 10 + [15.0]
    assert {*prior.asked[0][0]["frame_width_m"].tolist()} == {99.0}
    assert {*prior.asked[0][0]["elevation_deg"].tolist()} == {0.0}
