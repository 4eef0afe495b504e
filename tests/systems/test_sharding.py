"""Sharing the weights out, by one process that has all parts: what is computed, saved and refused stays the same.

Two processes share them in `test_processes`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.tensor import DTensor

from gpslift.config_checks import check_together
from gpslift.errors import UserError
from gpslift.runs import Run
from gpslift.schema.image_prior import ImagePriorConfig, OptimConfig
from gpslift.schema.lift import LiftConfig
from systems.sharding import parts_like, whole
from tests.systems.tiny_base import base_config
from tests.systems.tiny_prior import Watched, train

MODELS = ("unet", "place_encoder")


@pytest.fixture(autouse=True)
def process_group() -> Iterator[None]:
    """Lightning's process group and its variables go with the test."""
    before = dict(os.environ)
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    os.environ.clear()
    os.environ.update(before)


def finetune(base: Path, photos: Path, output: Path, strategy: str, rank: int = 0, nan: bool = False) -> Run:
    """Four steps on the base model, with much of what there is: gates, micro-batches, the best average, previews."""
    config = base_config(
        base, photos, output, steps=4, accumulate=2, gradient_checkpointing=True, patience=2, held_out_every_steps=1
    )
    config.strategy, config.devices, config.prior.lora_rank, config.skipped_steps = strategy, 1, rank, 0
    config.name, config.data.preservation_images, config.log.preview_every_steps = f"{strategy}_{rank}", 2, 3
    fault = (2, lambda loss: loss * torch.nan) if nan else None
    return train(config, fault)[1]


def weights_of(run: Run) -> dict[str, Any]:
    return {name: load_file(next((run.folder / "prior" / name).glob("*.safetensors"))) for name in MODELS}


@pytest.mark.parametrize("rank", [0, 2])
def test_a_base_model_is_finetuned_alike(base: Path, few_photos: Path, tmp_path: Path, rank: int) -> None:
    if rank:
        pytest.importorskip("peft")
    alone, shared = (finetune(base, few_photos, tmp_path, strategy, rank) for strategy in ("auto", "fsdp"))
    assert all(isinstance(weight, DTensor) for weight in Watched.last.average.shadow_params)
    # saved in half precision; one step changes weights by ten times the tolerance
    torch.testing.assert_close(weights_of(shared), weights_of(alone), rtol=1e-3, atol=1e-4)
    assert [path.name for path in shared.previews.iterdir()] == [path.name for path in alone.previews.iterdir()]


def test_a_loss_that_is_no_number_stops_it_too(base: Path, few_photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"step 3: the loss is nan; lower optim\.lr"):
        finetune(base, few_photos, tmp_path, "fsdp", nan=True)


def test_parts_put_together_are_the_whole(base: Path, few_photos: Path, tmp_path: Path) -> None:
    finetune(base, few_photos, tmp_path, "fsdp")
    weights = [weight for weight in Watched.last.networks.parameters() if weight.requires_grad]
    values = [torch.randn(weight.shape) for weight in weights]
    parts = parts_like(values, weights)
    assert all(part.placements == weight.placements for part, weight in zip(parts, weights, strict=True))
    torch.testing.assert_close(whole({"a": [parts]})["a"][0], values, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ImagePriorConfig(strategy="fsdp", optim=OptimConfig(optimizer="muon")), "optim.optimizer=muon"),
        (ImagePriorConfig(strategy="fsdp", precision="fp16"), "precision=fp16"),
        (LiftConfig(strategy="fsdp"), "a lift has few"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(config: ImagePriorConfig | LiftConfig, said: str) -> None:
    with pytest.raises(UserError, match=f"strategy=fsdp .*{said}"):
        check_together(config)
