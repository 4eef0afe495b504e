"""Pictures from a prior: which prior, which framing, which files, and that they follow from the seed."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.config import load_config, save_config
from gpslift.errors import UserError
from gpslift.priors import loading
from gpslift.priors.compact import build_compact_prior
from gpslift.priors.loading import load_cameras, save_prior
from gpslift.runs import start_run
from gpslift.schema.image_prior import BackboneConfig, ImagePriorConfig
from systems.sampling.common import prior_path, trained_config
from systems.sampling.job import sample
from systems.sampling.landmark import Framing, draw_framing
from tests.priors.conftest import CAMERAS, tiny_prior


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior") / "prior"
    save_prior(tiny_prior(), folder, CAMERAS, "card")
    return folder


@pytest.fixture
def prior(original: Path, tmp_path: Path) -> Path:
    """A prior outside any run."""
    return shutil.copytree(original, tmp_path / "anywhere")


@pytest.fixture
def config(tmp_path: Path, prior: Path) -> ImagePriorConfig:
    config = ImagePriorConfig(name="towers", output=str(tmp_path / "out"), device="cpu", precision="32")
    config.prior.path = str(prior)
    config.sample.azimuth, config.sample.steps = [0.0, 90.0], 2
    return config


def test_its_photos_are_its_runs_but_lie_where_one_says(config: ImagePriorConfig, tmp_path: Path) -> None:
    its, path = ImagePriorConfig(landmark="stonehenge"), tmp_path / "run" / "prior"
    its.data.photos, its.data.cache, its.data.test_share = "/then/photos", "/then/cache", 0.3
    path.mkdir(parents=True)
    save_config(its, path.parent / "config.yaml")
    assert trained_config(config, path) == its
    config.data.cache, config.data.test_share = "/now/cache", 0.1
    found = trained_config(config, path)
    assert (found.data.photos, found.data.cache, found.data.test_share) == ("/then/photos", "/now/cache", 0.3)
    assert found.landmark == "stonehenge"


def pictures(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def only_call(samples: Path) -> Path:
    """The folder of the one call that made pictures there."""
    (folder,) = samples.iterdir()
    return folder


def test_one_named_picture_each_and_a_grid(config: ImagePriorConfig, capsys: pytest.CaptureFixture[str]) -> None:
    config.sample.images = 3
    sample(config)
    folder = only_call(Path(config.output) / "towers" / "samples")
    found = pictures(folder)
    assert load_config(folder / "config.yaml") == config
    assert len(found) == 7 and found["grid.png"].shape == (3 * (128 + 18), 2 * 128, 3)
    framings = [draw_framing(config, load_cameras(config.prior.path), number) for number in range(3)]
    for number, framing in enumerate(framings):
        for column, azimuth in enumerate(("000", "090"), 1):
            framed = f"width_{framing.frame_width_m:g}m_elevation_{framing.elevation_deg:g}"
            assert found[f"{2 * number + column:03}_azimuth_{azimuth}_{framed}_{number + 1}.png"].shape == (16, 16, 3)
    printed = capsys.readouterr().out
    assert f"prior: {config.prior.path} (prior.path)" in printed
    assert f"frame width {framings[0].frame_width_m:g} m (drawn from the training photos' cameras)" in printed
    assert "6 pictures" in printed and "grid.png" in printed


def test_width_and_elevation_are_drawn_together_and_what_is_set_is_kept(config: ImagePriorConfig) -> None:
    cameras = load_cameras(config.prior.path)
    drawn = {(f.frame_width_m, f.elevation_deg) for f in (draw_framing(config, cameras, n) for n in range(30))}
    assert drawn == {(100.0, 3.0), (110.0, -8.0)}  # never one photo's width with another's elevation
    config.sample.frame_width_m, config.sample.elevation_deg = 77.0, 12.0
    assert draw_framing(config, cameras, 0) == Framing(77.0, 12.0)


def test_what_is_set_is_said_and_named(config: ImagePriorConfig, capsys: pytest.CaptureFixture[str]) -> None:
    config.sample.frame_width_m, config.sample.elevation_deg, config.sample.azimuth = (
        77.0,
        -12.5,
        [-90.0, 270.0, 12.5, 12.51],
    )
    config.sample.output = str(Path(config.output) / "here")
    sample(config)
    names = set(pictures(Path(config.output) / "here"))
    assert names == {
        "001_azimuth_270_width_77m_elevation_-12.5_1.png",  # -90 and 270 are one side
        "002_azimuth_12.5_width_77m_elevation_-12.5_1.png",
        "003_azimuth_12.51_width_77m_elevation_-12.5_1.png",
        "grid.png",
    }
    printed = capsys.readouterr().out
    assert "frame width 77 m (sample.frame_width_m), elevation -12.5 degrees (sample.elevation_deg)" in printed


def test_a_call_leaves_the_pictures_of_the_one_before(config: ImagePriorConfig) -> None:
    config.sample.azimuth = [0.0]
    for config.seed in (0, 1):
        sample(config)
    folders = sorted((Path(config.output) / "towers" / "samples").iterdir())
    one, other = (pictures(folder)["grid.png"] for folder in folders)
    assert not np.array_equal(one, other)


def run_of(config: ImagePriorConfig, **changes: Any) -> dict[str, np.ndarray]:
    for name, value in changes.items():
        setattr(config.sample, name, value)
    folder = Path(config.output) / str(len(list(Path(config.output).glob("*"))))
    config.sample.output = str(folder)
    sample(config)
    found = pictures(folder)
    del found["grid.png"]
    return {name.partition("_")[2]: image for name, image in found.items()}


def test_pictures_follow_from_the_seed_whatever_is_asked_for_beside_them(config: ImagePriorConfig) -> None:
    first, more = run_of(config), run_of(config, azimuth=[45.0, 90.0], images=2)
    (shared,) = set(first) & set(more)
    assert shared.startswith("azimuth_090") and shared.endswith("_1.png")
    assert np.abs(first[shared].astype(int) - more[shared]).max() <= 1  # another batch size may round otherwise
    config.seed = 1
    other = run_of(config, azimuth=[90.0], images=1)
    assert not any(np.array_equal(image, first[shared]) for image in other.values())


def test_azimuth_prompt_scales_and_steps_have_an_effect(config: ImagePriorConfig) -> None:
    config.sample.azimuth, config.sample.frame_width_m, config.sample.elevation_deg = [0.0], 100.0, 3.0
    (before,) = run_of(config).values()
    changes: list[dict[str, Any]] = [
        {"azimuth": [180.0]}, {"frame_width_m": 50.0}, {"elevation_deg": 60.0}, {"prompt": "A tower at night"},
        {"guidance_scale_text": 9.0}, {"guidance_scale_place": 9.0}, {"steps": 3},
    ]  # fmt: skip
    for change in changes:
        kept = {name: getattr(config.sample, name) for name in change}
        (after,) = run_of(config, **change).values()
        assert not np.array_equal(before, after), change
        run_of(config, **kept)


def test_the_default_scales_need_two_calls_a_step() -> None:
    assert ImagePriorConfig().sample.guidance_scale_text == ImagePriorConfig().sample.guidance_scale_place


def test_the_last_finished_run_comes_before_the_shipped_prior(
    config: ImagePriorConfig, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config.prior.path = ""
    monkeypatch.setattr(loading, "SHIPPED", "shipped")
    with pytest.raises(
        UserError, match=r"no prior: no finished run named 'towers' .*statue_of_liberty; train one with --train"
    ):
        prior_path(config)
    shipped = tmp_path / "shipped" / "statue_of_liberty"
    shutil.copytree(original, shipped)
    assert prior_path(config) == (Path("shipped/statue_of_liberty"), "shipped")
    runs = [start_run(config, notify=lambda line: None) for _ in range(3)]
    for run in runs[:2]:  # the last one is still at work
        shutil.copytree(original, run.folder / "prior")
    assert prior_path(config) == (runs[1].folder / "prior", "the last finished run of this config")
    sample(config)
    assert (only_call(runs[1].folder / "samples") / "grid.png").is_file()


def test_a_prior_of_another_landmark_says_so_and_makes_pictures(
    config: ImagePriorConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    sample(config)
    said = "note: the prior is of 'A photo of a tower', but landmark=statue_of_liberty is 'A photo of the Statue of"
    assert said in capsys.readouterr().out
    assert "grid.png" in pictures(only_call(Path(config.output) / "towers" / "samples"))


def test_a_landmark_of_ones_own_that_is_not_there_stops_no_picture(
    config: ImagePriorConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config.landmark = "nowhere/landmark.yaml"
    sample(config)
    assert "2 pictures" in capsys.readouterr().out


def test_no_azimuths_are_refused(config: ImagePriorConfig) -> None:
    config.sample.azimuth = []
    with pytest.raises(UserError, match=r"sample\.azimuth is empty"):
        sample(config)


def test_a_prior_that_hears_azimuth_alone_says_so(
    config: ImagePriorConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = LandmarkPlaceEncoder(width=32, frame_width=False, elevation=False)
    backbone = BackboneConfig(image_size=16, fold=2, channels=[32, 32], token_dim=32)
    deaf = build_compact_prior(backbone, encoder, ["x"], "x", (0, 0, 0), (1, 1, 1))
    save_prior(deaf, tmp_path / "deaf", CAMERAS, "card")
    config.prior.path, config.sample.azimuth = str(tmp_path / "deaf"), [7.0]
    assert set(run_of(config)) == {"azimuth_007_1.png"}
    assert "frame width not heard by this prior, elevation not heard by this prior" in capsys.readouterr().out
