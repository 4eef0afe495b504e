"""How a base model is finetuned: which weights train, low-rank adaptation, gradient checkpointing."""

from typing import Any

from diffusers import ModelMixin
from torch import nn

from gpslift.errors import UserError
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig

ATTENTION_PROJECTIONS = ["to_q", "to_k", "to_v", "to_out.0"]
NEEDED = "the finetune extra has it: pip install -e '.[finetune]'"


def prepare_networks(prior: PlaceDiffusionPipeline, config: ImagePriorConfig) -> None:
    """Marks the weights that train with requires_grad, after adding the adapters that the config asks for.

    The U-Net (or, with prior.lora_rank, its adapters alone) and the place encoder train; the text encoder only where
    it is new, in a compact prior. Raises UserError where a package is missing.
    """
    trained = {"unet", "place_encoder"} | ({"text_encoder"} if config.prior.base == "compact" else set())
    for name, network in prior.networks.items():
        network.requires_grad_(name in trained)
    if config.prior.lora_rank:
        prior.unet.requires_grad_(False)
        add_lora(prior.unet, config.prior.lora_rank)
    if config.optim.gradient_checkpointing:
        prior.unet.enable_gradient_checkpointing()


def add_lora(unet: Any, rank: int) -> None:
    """Adapters of this rank beside the U-Net's attention projections; they alone train, and at first change nothing."""
    unet.add_adapter(lora_config(rank))


def lora_config(rank: int) -> Any:
    """What peft is told of the adapters. Raises UserError without peft."""
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise UserError(f"prior.lora_rank={rank} needs the package peft; {NEEDED}") from error
    return LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=ATTENTION_PROJECTIONS)


def merge_lora(unet: Any) -> None:
    """Adds the adapters to the weights beside which they stand, and removes them: loading needs no peft."""
    if getattr(unet, "peft_config", None):
        unet.fuse_lora()
        unet.unload_lora()


def is_trained(network: ModelMixin | nn.Module) -> bool:
    """Whether any of its weights train."""
    return any(parameter.requires_grad for parameter in network.parameters())
