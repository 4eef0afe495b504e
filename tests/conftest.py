"""Fixtures that several folders share."""

from pathlib import Path

import pytest

from gpslift.procedural.dataset import Recipe, take_photos_of_visits


@pytest.fixture(scope="session")
def few_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of about thirty embedded photos of the Statue of Liberty, with their tags."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "photos").mkdir()
    take_photos_of_visits(Recipe("statue_of_liberty", "statue_of_liberty", 30, seed=5), folder, range(9))
    return folder / "photos"
