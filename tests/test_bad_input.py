"""Bad input from end to end: one line that names the thing and the remedy, and exit code 2.

What each part says of bad input is tested beside it: keys in test_config.py and test_launch.py, photos in
photos/test_manifest.py, checkpoints and full disks in systems/test_running.py, priors in systems/test_lift.py. Here is
what only a whole command shows: that it reaches the user.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import launch
from tests.systems.settings import settings_kept

LIFT, PRIOR = "configs/statue_of_liberty.yaml", "configs/angle2img_statue_of_liberty.yaml"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Jobs change settings of the whole process; other tests get theirs back."""
    monkeypatch.chdir(tmp_path)
    with settings_kept():
        yield


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command line that has to be refused; gives the line that says why."""

    def run(*arguments: str) -> str:
        assert launch.main([*arguments, f"output={tmp_path / 'outputs'}", "threads=1"]) == 2
        (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
        return line

    return run


def test_a_folder_without_usable_photos(refused: Callable[..., str], tmp_path: Path) -> None:
    photos, cache = tmp_path / "photos", f"data.cache={tmp_path / 'cache'}"
    train = ("--config", PRIOR, "--train", f"data.photos={photos}", cache)
    assert "there is no folder" in refused(*train)
    photos.mkdir()
    assert "no photos in" in refused(*train)
    Image.new("RGB", (32, 32)).save(photos / "plain.jpg")
    said = refused(*train)
    assert "none of the 1 photos" in said and "EXIF GPS tags are needed" in said


@pytest.mark.parametrize("mode", ["--sample", "--validate"])
def test_a_prior_that_is_not_there(refused: Callable[..., str], mode: str) -> None:
    said = refused("--config", PRIOR, mode, "prior.path=nowhere")
    assert "prior.path=nowhere: there is no such folder" in said


def test_a_prior_to_start_from_that_is_not_there(refused: Callable[..., str]) -> None:
    """Before photos are made, which takes minutes."""
    said = refused("--config", PRIOR, "--train", "prior.start=nowhere")
    assert "prior.start=nowhere: there is no such folder" in said


@pytest.mark.parametrize("mode", ["--export", "--validate"])
def test_a_lift_that_is_not_there(refused: Callable[..., str], mode: str) -> None:
    assert "no run folder nowhere" in refused("--config", LIFT, mode, "export.run=nowhere")
    assert "no run named 'statue_of_liberty'" in refused("--config", LIFT, mode)


def test_a_folder_that_is_no_run(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert "is not a run folder: it has no config.yaml" in refused("--config", LIFT, "--export", "export.run=photos")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("config", [LIFT, PRIOR])
def test_a_gpu_that_is_not_there(refused: Callable[..., str], config: str) -> None:
    assert "device=cuda, but this PyTorch finds no CUDA GPU" in refused("--config", config, "device=cuda")


def test_a_landmark_that_is_not_known(refused: Callable[..., str]) -> None:
    assert "unknown landmark 'colossus'" in refused("--config", LIFT, "landmark=colossus")
