"""Fixtures that several folders share."""

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: one thread each, and in the programs they start
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from gpslift.geo.landmarks import load_landmark
from gpslift.procedural.dataset import Recipe, take_photos_of_visits


@pytest.fixture(scope="session")
def few_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of about thirty embedded photos of the Statue of Liberty, with their tags."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "photos").mkdir()
    take_photos_of_visits(Recipe(load_landmark("statue_of_liberty"), "statue_of_liberty", 30, seed=5), folder, range(9))
    return folder / "photos"


@pytest.fixture(scope="session")
def odd_photos() -> Path:
    path = Path(__file__).resolve().parents[2] / "shared" / "photos"
    if not path.is_dir():
        pytest.skip("the collection of real photos is not beside this checkout")
    return path


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub can be reached."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
