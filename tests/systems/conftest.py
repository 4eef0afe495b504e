"""Fixtures of the systems' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import systems.distillation
from tests.systems.settings import settings_kept
from tests.systems.tiny_base import write_base_model


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """`prepare` changes settings of the whole process; other tests get theirs back."""
    with settings_kept():
        yield


@pytest.fixture(autouse=True)
def small_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preview pictures take no time."""
    monkeypatch.setattr(systems.distillation, "PREVIEW_SIZE", 16)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model's folder; not to be written to."""
    return write_base_model(tmp_path_factory.mktemp("stable_diffusion"))
