"""The base model that is finetuned: a Stable Diffusion folder or hub id, with what is missing in it named."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors import SafetensorError
from transformers import AutoTokenizer, CLIPTextModel

from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.storage import names

FILES: dict[str, tuple[tuple[str, ...], ...]] = {
    "unet": (
        ("config.json",),
        ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json"),
    ),
    "vae": (
        ("config.json",),
        ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json"),
    ),
    "text_encoder": (("config.json",), ("model.safetensors", "model.safetensors.index.json")),
    "tokenizer": (("tokenizer.json", "vocab.json"), ("tokenizer.json", "merges.txt")),
    "scheduler": (("scheduler_config.json",),),
}
"""Of each part, the files that it needs; of several in one group one is enough."""


@dataclass(frozen=True)
class BaseModel:
    """The parts of a latent text-to-image model, as diffusers and transformers load them."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any


def load_base_model(base: str) -> BaseModel:
    """The model in a folder or of a hub id. Raises UserError that names what is missing, or what cannot be read."""
    folder = resolve_path(base)
    if folder.is_dir():
        if missing := missing_files(folder):
            raise UserError(
                f"prior.base={base} is not a whole Stable Diffusion folder: {', '.join(missing)} missing "
                f"(it holds {names(folder)}); weights must be safetensors, without a variant such as fp16 in their name"
            )
        source = str(folder)
    elif Path(base).expanduser().is_absolute() or base.startswith((".", "~")) or base.count("/") > 1:
        raise UserError(f"prior.base={base}: there is no such folder; give one, or a hub id such as owner/name")
    else:
        source = base
    try:
        return BaseModel(
            unet=UNet2DConditionModel.from_pretrained(source, subfolder="unet", use_safetensors=True),
            vae=AutoencoderKL.from_pretrained(source, subfolder="vae", use_safetensors=True),
            text_encoder=CLIPTextModel.from_pretrained(source, subfolder="text_encoder", use_safetensors=True),
            tokenizer=AutoTokenizer.from_pretrained(source, subfolder="tokenizer"),
            scheduler=DDIMScheduler.from_pretrained(source, subfolder="scheduler"),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise UserError(f"prior.base={base} is not a Stable Diffusion folder or reachable hub id: {error}") from error


def missing_files(folder: Path) -> list[str]:
    """What a Stable Diffusion folder lacks: parts (`vae/`), or their files (`unet/config.json`)."""
    missing = []
    for part, groups in FILES.items():
        if not (folder / part).is_dir():
            missing.append(f"{part}/")
            continue
        lacking = [group[0] for group in groups if not any((folder / part / name).is_file() for name in group)]
        missing += [f"{part}/{name}" for name in dict.fromkeys(lacking)]
    return missing
