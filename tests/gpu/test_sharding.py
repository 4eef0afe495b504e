"""Weights shared out over GPUs; by one of them, which has all parts."""

from pathlib import Path

import pytest
import torch

from tests.systems.tiny_prior import STEPS, tiny_config, train

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or not torch.distributed.is_nccl_available(), reason="no GPU, or no nccl"
)


def test_a_prior_whose_weights_are_shared_out(few_photos: Path, tmp_path: Path) -> None:
    config = tiny_config(few_photos, tmp_path, optimizer="adamw", patience=2)
    config.device, config.devices, config.strategy = "cuda", 1, "fsdp"
    system, run = train(config)
    assert system.trainer.global_step == STEPS and system.shared
    assert (run.folder / "prior" / "model_index.json").is_file()
