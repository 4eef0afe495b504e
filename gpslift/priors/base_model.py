"""The base model that is finetuned: a Stable Diffusion folder or hub id, with what is missing in it named."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors import SafetensorError
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel

from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.priors.folders import HALF, cut_files, half_alone, missing_files
from gpslift.storage import names


@dataclass(frozen=True)
class BaseModel:
    """The parts of a latent text-to-image model, as diffusers and transformers load them."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any


def check_base_model(base: str, side: int) -> None:
    """Raises UserError where the model is not there, or cannot make images of `side` pixels. Reads no weights."""
    source = _source(base, "prior.base")
    with _readable(base, "prior.base"):
        unet = UNet2DConditionModel.load_config(source, subfolder="unet")
        vae = AutoencoderKL.load_config(source, subfolder="vae")
        text = CLIPTextConfig.from_pretrained(source, subfolder="text_encoder")
        check_kind(base, unet, vae, text.hidden_size)
        check_image_size(base, side, unet, vae)


def check_kind(
    base: str, unet: Mapping[str, Any], vae: Mapping[str, Any], text_width: int, key: str = "prior.base"
) -> None:
    """Raises UserError for a model that makes images of more than text and noise, such as an inpainting one, or whose
    U-Net listens to more than one text encoder, as SDXL's.

    unet, vae: the parts' configs. key: of the config, that `base` is the value of.
    """
    problem = ""
    if unet["in_channels"] != vae["latent_channels"]:
        problem = f"its U-Net takes {unet['in_channels']} channels, its VAE makes {vae['latent_channels']}"
    elif unet.get("addition_embed_type") is not None:
        problem = f"its U-Net asks for more than text (addition_embed_type={unet['addition_embed_type']})"
    elif unet["cross_attention_dim"] != text_width:
        problem = f"its U-Net listens to {unet['cross_attention_dim']} channels, its text encoder gives {text_width}"
    if problem:
        raise UserError(f"{key}={base}: {problem}; give a text-to-image model of Stable Diffusion 1 or 2")


def load_base_model(base: str, key: str = "prior.base") -> BaseModel:
    """The model in a folder or of a hub id. Raises UserError that names what is missing, or what cannot be read.

    key: of the config, that `base` is the value of.
    """
    source = _source(base, key)
    with _readable(base, key):
        model = BaseModel(
            unet=UNet2DConditionModel.from_pretrained(source, **_weights_of(source, "unet")),
            vae=AutoencoderKL.from_pretrained(source, **_weights_of(source, "vae")),
            # in single precision, as diffusers loads the others: transformers keeps what the file has
            text_encoder=CLIPTextModel.from_pretrained(source, **_weights_of(source, "text_encoder")).float(),
            tokenizer=AutoTokenizer.from_pretrained(source, subfolder="tokenizer"),
            # latents reach beyond 1; a folder with another sampler's settings says nothing of clipping, DDIM's default
            scheduler=DDIMScheduler.from_pretrained(source, subfolder="scheduler", clip_sample=False),
        )
    tokens, known = len(model.tokenizer), model.text_encoder.config.vocab_size
    if tokens > known:
        raise UserError(
            f"{key}={base}: its tokenizer has {tokens} tokens, its text_encoder {known}; they are of different models"
        )
    return model


def _weights_of(source: str, part: str) -> dict[str, Any]:
    """Which of a part's files to read. In half precision they are taken where there are no others."""
    return {"subfolder": part, "use_safetensors": True, "variant": HALF if half_alone(Path(source) / part) else None}


def _source(base: str, key: str) -> str:
    """What diffusers takes for `base`: the path of a whole folder, or a hub id. Raises UserError for neither."""
    folder = resolve_path(base)
    if folder.is_dir():
        check_folder(folder, f"{key}={base}")
        return str(folder)
    if is_hub_id(base):
        return base
    raise UserError(f"{key}={base}: there is no such folder; give one, or a hub id such as owner/name")


@contextmanager
def _readable(base: str, key: str) -> Iterator[None]:
    """Turns what diffusers and transformers raise of a model that cannot be read into a UserError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"{key}={base} is not a Stable Diffusion folder or reachable hub id; where the hub cannot be reached, copy "
            f"the model's folder to this computer and set {key}=<that folder>: {error}"
        ) from error


def check_image_size(base: str, side: int, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Raises UserError where the model `base` cannot make images of `side` pixels. unet, vae: its parts' configs.

    Below a quarter of the size that it was trained at, it knows nothing of what it sees.
    """
    folded = 2 ** (len(vae["block_out_channels"]) - 1)
    unit = folded * 2 ** (len(unet["block_out_channels"]) - 1)
    if side % unit:
        nearest = max(round(side / unit), 1) * unit
        raise UserError(f"backbone.image_size={side} must be a multiple of {unit} for {base}; {nearest} is nearest")
    own = unet["sample_size"] * folded
    if side * 4 < own:
        raise UserError(
            f"backbone.image_size={side} is less than a quarter of the {own} pixels that {base} was made for; set "
            f"backbone.image_size={own}, or {own // 2}, which takes less memory"
        )


def is_hub_id(base: str) -> bool:
    """Whether it looks like a hub id (`owner/name`), and not like the path of a folder."""
    return not (Path(base).expanduser().is_absolute() or base.startswith((".", "~")) or base.count("/") > 1)


def check_folder(folder: Path, named: str) -> None:
    """Raises UserError with what a Stable Diffusion folder lacks, or what of it was only half downloaded."""
    if missing := missing_files(folder, variant=True):
        raise UserError(
            f"{named} is not a whole Stable Diffusion folder: {', '.join(missing)} missing "
            f"(it holds {names(folder)}); weights must be safetensors: of .bin files, "
            "StableDiffusionPipeline.from_pretrained(<folder>).save_pretrained(<another>) makes some"
        )
    if cut := cut_files(folder):
        raise UserError(f"{named} was only half downloaded: {', '.join(cut)}; download these files again")
