"""The optimiser of a prior's training, as its config names it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gpslift.errors import UserError
from gpslift.priors.finetuning import NEEDED
from gpslift.priors.muon import MuonAdamW
from gpslift.schema.image_prior import OptimConfig

BETAS = (0.9, 0.99)


def make_optimizer(networks: Mapping[str, nn.Module], optim: OptimConfig, dtype: torch.dtype) -> torch.optim.Optimizer:
    """The optimiser of all weights that need gradients.

    dtype: number format of Muon's orthogonalisation. networks: of a prior; `place_encoder` may have a learning rate of
    its own. Raises UserError for adamw8bit where bitsandbytes is missing or finds no library of its own.
    """
    if optim.optimizer == "muon":
        quiet = ("text_encoder", "place_encoder") if optim.encoder_lr else ()
        still = [p for name in quiet for p in networks[name].parameters() if p.requires_grad]
        others = [network for name, network in networks.items() if name not in quiet]
        rates = (optim.lr, optim.matrix_lr, optim.weight_decay)
        return MuonAdamW(others, *rates, BETAS, dtype=dtype, still=still, still_lr=optim.encoder_lr)
    settings: dict[str, Any] = {"lr": optim.lr, "betas": BETAS, "weight_decay": optim.weight_decay}
    groups = _groups(networks, optim)
    if optim.optimizer == "adamw8bit":
        return adamw8bit()(groups, **settings)
    # one kernel, on a GPU: else it would hold a copy of all second moments
    optimizer: Any = torch.optim.AdamW(groups, fused=groups[0]["params"][0].is_cuda, **settings)
    # Such a kernel can divide gradients by the scale of fp16 itself. Lightning then refuses to clip them, in bf16, too.
    optimizer._step_supports_amp_scaling = False
    return optimizer


def _groups(networks: Mapping[str, nn.Module], optim: OptimConfig) -> list[dict[str, Any]]:
    """One group, or one of the place encoder beside it where that learns at another rate."""
    trained = {name: [p for p in network.parameters() if p.requires_grad] for name, network in networks.items()}
    if not optim.place_lr:
        return [{"params": [parameter for parameters in trained.values() for parameter in parameters]}]
    place = trained.pop("place_encoder")
    others = [parameter for parameters in trained.values() for parameter in parameters]
    return [{"params": others}, {"params": place, "lr": optim.place_lr}]


def adamw8bit() -> Any:
    """bitsandbytes' AdamW, whose moments take 8 bits each instead of 32. Raises UserError where there is none."""
    try:
        from bitsandbytes.optim import AdamW8bit
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(
            f"optim.optimizer=adamw8bit needs the package bitsandbytes ({error}); {NEEDED}, "
            "or set optim.optimizer=adamw"
        ) from error
    return AdamW8bit
