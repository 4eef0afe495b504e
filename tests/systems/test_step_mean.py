"""Figures of steps that are cut into micro-batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from systems.prior_system import ImagePriorSystem
from systems.step_mean import StepMean
from tests.systems.leavings import rows_of
from tests.systems.tiny_prior import tiny_config, train


def test_the_mean_is_of_one_step() -> None:
    mean, value = StepMean(), torch.tensor(2.0, requires_grad=True)
    assert [float(mean(value * factor, 7)) for factor in (1, 2, 6)] == [2.0, 3.0, 6.0]
    assert float(mean(value, 8)) == 2.0 and not mean(value, 8).requires_grad


def test_metrics_hold_the_mean_over_micro_batches(
    few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: dict[int, list[float]] = {}
    training_step = ImagePriorSystem.training_step

    def watched(system: ImagePriorSystem, batch: dict[str, Any], batch_idx: int) -> Tensor:
        loss = training_step(system, batch, batch_idx)
        losses.setdefault(system.global_step + 1, []).append(float(loss))
        return loss

    monkeypatch.setattr(ImagePriorSystem, "training_step", watched)
    _, run = train(tiny_config(few_photos, tmp_path, "cut", steps=3, accumulate=4))
    assert {len(each) for each in losses.values()} == {4}
    logged = {int(row["step"]): float(row["loss"]) for row in rows_of(run)}
    assert logged == pytest.approx({step: sum(each) / 4 for step, each in losses.items()}, rel=1e-4)
