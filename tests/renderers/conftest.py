"""Fixtures of the renderer's tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """Every test draws the same numbers, whichever run before it."""
    torch.manual_seed(0)
