"""What those who finetune expect: adapters, checkpointed gradients, 8-bit optimiser, remedies for too little memory."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import load_config, save_config
from gpslift.errors import UserError
from gpslift.priors.base_model import load_base_model
from gpslift.priors.finetuning import add_lora, merge_lora, prepare_networks
from gpslift.priors.loading import load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig, OptimConfig
from systems.memory import prior_remedies
from systems.optimizers import make_optimizer
from systems.prior_system import ImagePriorSystem
from tests.systems.tiny_base import base_config, noise_photos, prior_on
from tests.systems.tiny_prior import Watched, digits, train

BATCH = [(row, row) for row in range(4)]


def step_gradients(system: ImagePriorSystem) -> dict[str, Tensor]:
    """Gradients of one training step, by parameter."""
    batch = noise_photos()[BATCH]
    place = {name: batch[name] for name in system.prior.place_encoder.inputs}
    system.denoising_loss(batch, batch["caption"], place).backward()
    return {name: p.grad for name, p in system.networks.named_parameters() if p.grad is not None}


def open_gates(prior: PlaceDiffusionPipeline) -> PlaceDiffusionPipeline:
    torch.nn.init.constant_(prior.place_encoder.gate, 0.5)
    return prior


def test_checkpointed_gradients_are_the_same(base: Path, tmp_path: Path) -> None:
    found = []
    for checkpointing in (False, True):
        config = base_config(base, tmp_path, tmp_path, gradient_checkpointing=checkpointing)
        system = ImagePriorSystem(open_gates(prior_on(base, config)), config, tmp_path)
        assert system.prior.unet.is_gradient_checkpointing == checkpointing
        found.append(step_gradients(system))
    assert found[0].keys() == found[1].keys() and any("gate" in name for name in found[0])
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-5, atol=1e-8, msg=name)


def test_min_snr_weights_of_a_prior_that_predicts_noise(base: Path, tmp_path: Path) -> None:
    """Hang et al. 2023, for noise: min(snr, gamma) / snr, with the snr of the base model's own schedule."""
    config = base_config(base, tmp_path, tmp_path, min_snr_gamma=5.0)
    system = ImagePriorSystem(prior_on(base, config), config, tmp_path)
    assert system.prior.scheduler.config.prediction_type == "epsilon"
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    for timestep in (10, 400, 900):
        snr = float(kept[timestep] / (1 - kept[timestep]))
        clean = noise = torch.zeros(2, 4, 8, 8)
        found = system.denoising_loss.weighted_error(noise + 3.0, clean, noise, torch.full((2,), timestep))
        assert float(found) == pytest.approx(9.0 * min(snr, 5.0) / snr, rel=1e-3)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_warms_up_and_falls(base: Path, few_photos: Path, tmp_path: Path, schedule: str) -> None:
    system, _ = train(base_config(base, few_photos, tmp_path, steps=8, lr=1e-3, warmup_steps=4, schedule=schedule))
    configured, rates = system.configure_optimizers(), []
    for _ in range(8):
        rates.append(configured["optimizer"].param_groups[0]["lr"])
        configured["optimizer"].step()
        configured["lr_scheduler"]["scheduler"].step()
    falling = [(1 + math.cos(math.pi * done / 4)) / 2 if schedule == "cosine" else 1 for done in range(4)]
    assert configured["lr_scheduler"]["interval"] == "step"
    assert rates == pytest.approx([1e-3 * share for share in (0, 0.25, 0.5, 0.75, *falling)])


def test_held_out_losses_and_previews_are_of_the_averaged_weights(base: Path, few_photos: Path, tmp_path: Path) -> None:
    system, _ = train(base_config(base, few_photos, tmp_path, lr=1e-2))
    trained = [weight.detach().clone() for weight in system._trained()]
    with system.averaged():
        assert digits(list(system._trained())) == digits(system.average.shadow_params) != digits(trained)
    assert digits(list(system._trained())) == digits(trained)


def test_the_place_encoder_may_learn_at_a_rate_of_its_own(base: Path) -> None:
    prior = prior_on(base)
    one = make_optimizer(prior.networks, OptimConfig(lr=1e-3), torch.float32)
    two = make_optimizer(prior.networks, OptimConfig(lr=1e-3, place_lr=1e-2), torch.float32)
    assert [group["lr"] for group in one.param_groups] == [1e-3]
    assert [group["lr"] for group in two.param_groups] == [1e-3, 1e-2]
    assert prior.place_encoder.gate is two.param_groups[1]["params"][0]
    assert sum(len(group["params"]) for group in two.param_groups) == len(one.param_groups[0]["params"])


def test_adapters_without_peft_are_refused_with_a_remedy(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unet = prior_on(base).unet
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        UserError, match=r"prior\.lora_rank=4 needs the package peft; .*pip install -e '\.\[finetune\]'"
    ):
        add_lora(unet, 4)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optim.optimizer=adamw8bit", "needs the package bitsandbytes"),
        ("prior.lora_rank=4", "needs the package peft"),
        ("log.trackers=wandb", "names wandb, which is not installed"),
        ("precision=fp16", "precision=fp16 needs a GPU"),
        ("prior.base=/nowhere/model", "prior.base=/nowhere/model: there is no such folder"),
        ("backbone.image_size=18", "backbone.image_size=18 must be a multiple of 4"),
    ],
)
def test_what_is_missing_is_said_before_photos_are_read(
    base: Path, few_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, said: str
) -> None:
    for package in ("bitsandbytes", "bitsandbytes.optim", "peft", "wandb"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("systems.image_prior.PhotoDataModule", lambda *_: pytest.fail("photos were read"))
    saved = tmp_path / "config.yaml"
    save_config(base_config(base, few_photos, tmp_path), saved)
    config = load_config(saved, [override])
    assert isinstance(config, ImagePriorConfig)
    with pytest.raises(UserError, match=said):
        train(config)


def test_adapters_change_nothing_at_first_train_alone_and_merge_exactly(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    config = base_config(base, tmp_path, tmp_path)
    config.prior.lora_rank = 2
    prior = prior_on(base, config)
    noisy, text = torch.randn(1, 4, 8, 8), torch.randn(1, 78, 32)
    with torch.no_grad():
        plain = prior.unet(noisy, 500, text).sample
        names = set(prior.unet.state_dict())
        prepare_networks(prior, config)
        assert torch.equal(prior.unet(noisy, 500, text).sample, plain)
        trained = [name for name, p in prior.unet.named_parameters() if p.requires_grad]
        assert trained and all("lora_" in name for name in trained)
        for name, parameter in prior.unet.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        adapted = prior.unet(noisy, 500, text).sample
        merge_lora(prior.unet)
        assert set(prior.unet.state_dict()) == names
        assert not torch.allclose(adapted, plain, atol=1e-3)
        torch.testing.assert_close(prior.unet(noisy, 500, text).sample, adapted, rtol=1e-4, atol=1e-5)


def test_a_run_with_adapters_resumes_exactly_and_is_saved_merged(base: Path, few_photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")

    def config(name: str, steps: int, resume: str = "") -> Any:
        made = base_config(base, few_photos, tmp_path, steps=steps, schedule="constant")
        made.name, made.resume, made.prior.lora_rank = name, resume, 2
        made.log.checkpoint_every_steps = 2
        return made

    whole, run = train(config("whole", 4))
    train(config("halves", 2))
    halves, _ = train(config("halves", 4, "last"))
    assert digits(whole.average.state_dict()) == digits(halves.average.state_dict())
    assert len(whole.average.shadow_params) < len(list(whole.networks.parameters()))
    kept = torch.load(checkpoints_of(run.checkpoints)[-1], weights_only=True)["state_dict"]
    assert kept and all("lora" in name or "place_encoder" in name for name in kept), kept.keys()
    saved = load_file(run.folder / "prior" / "unet" / "diffusion_pytorch_model.safetensors")
    before = UNet2DConditionModel.from_pretrained(base, subfolder="unet").state_dict()
    assert saved.keys() == before.keys()
    changed = {name.rpartition(".")[0] for name in saved if not torch.equal(saved[name], before[name].half())}
    assert changed and all(name.rpartition(".")[2] in ("to_q", "to_k", "to_v", "0") for name in changed), changed
    images = load_prior(str(run.folder)).sample({"azimuth_deg": [0.0]}, 1, num_inference_steps=2)
    assert images.isfinite().all()


def test_without_bitsandbytes_there_is_a_remedy(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks, optim = prior_on(base).networks, OptimConfig(optimizer="adamw8bit")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(UserError, match=r"optim\.optimizer=adamw8bit needs the package bitsandbytes"):
        make_optimizer(networks, optim, torch.float32)


def test_moments_in_8_bits_train_alike_and_resume_exactly(base: Path, few_photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")

    def config(name: str, steps: int = 4, resume: str = "", optimizer: str = "adamw8bit") -> Any:
        made = base_config(base, few_photos, tmp_path, steps=steps, schedule="constant", optimizer=optimizer)
        made.name, made.resume, made.log.checkpoint_every_steps = name, resume, 2
        return made

    usual, _ = train(config("usual", optimizer="adamw"))
    whole, _ = train(config("whole"))
    train(config("halves", 2))
    halves, _ = train(config("halves", 4, "last"))
    assert digits(whole.average.state_dict()) == digits(halves.average.state_dict())
    states = whole.trainer.optimizers[0].state.items()
    assert {state["state1"].dtype for weight, state in states if weight.numel() >= 4096} == {torch.uint8}
    before = prior_on(base, config("new")).unet.parameters()
    for start, eight, all_bits in zip(
        before, whole.prior.unet.parameters(), usual.prior.unet.parameters(), strict=True
    ):
        assert (eight - all_bits).norm() < 0.1 * (all_bits - start).norm() + 1e-6


def test_too_little_memory_names_the_settings_that_take_less(base: Path, few_photos: Path, tmp_path: Path) -> None:
    def run_out(loss: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore")

    with pytest.raises(UserError) as caught:
        train(base_config(base, few_photos, tmp_path), (1, run_out))
    message = str(caught.value)
    for wanted in (
        "raise optim.accumulate (now 1) or lower optim.batch_size (8)",
        "optim.gradient_checkpointing=yes",
        "optim.optimizer=adamw8bit",
        "prior.lora_rank=16",
        "backbone.image_size (now 16)",
        "Tried to allocate 20.00 GiB",
    ):
        assert wanted in message
    assert "more" not in message
    assert Watched.last.global_step == 1


def test_what_is_set_already_is_no_remedy(base: Path, tmp_path: Path) -> None:
    config = base_config(base, tmp_path, tmp_path, gradient_checkpointing=True, optimizer="adamw8bit", accumulate=8)
    config.prior.lora_rank, config.precision = 4, "bf16"
    assert prior_remedies(config) == "lower backbone.image_size (now 16)"


def test_several_processes_may_share_the_weights_out(base: Path, tmp_path: Path) -> None:
    config = base_config(base, tmp_path, tmp_path)
    assert "strategy=fsdp" not in prior_remedies(config)
    config.devices = 2
    assert "set strategy=fsdp" in prior_remedies(config)
    config.strategy = "fsdp"
    assert "set strategy=fsdp" not in prior_remedies(config)


def test_latents_are_never_clipped_whatever_sampler_a_base_model_names(base: Path) -> None:
    """The tiny base's scheduler says nothing of clipping, as those of Euler and DPM++ do."""
    assert "clip_sample" not in json.loads((base / "scheduler" / "scheduler_config.json").read_text())
    assert load_base_model(str(base)).scheduler.config.clip_sample is False
