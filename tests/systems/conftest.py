"""Fixtures of the systems' tests."""

from collections.abc import Iterator

import pytest

from tests.systems.settings import settings_kept


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """`prepare` changes settings of the whole process; other tests get theirs back."""
    with settings_kept():
        yield
