"""A plain text-to-image model in a prior's place: told the text alone, it makes the same of every side."""

import torch
from huggingface_hub import hf_hub_download

from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.config import resolve_path
from gpslift.priors.base_model import check_kind, is_hub_id, load_base_model
from gpslift.priors.gated_attention import cross_attention_layers
from gpslift.priors.loading import frozen
from gpslift.priors.pipeline import PlaceDiffusionPipeline


def is_plain_model(path: str) -> bool:
    """Whether `path` is a diffusers folder without a place encoder, or the hub id of one."""
    folder = resolve_path(path)
    if not folder.is_dir():
        return is_hub_id(path) and not _on_hub(path, "place_encoder/config.json")
    return (folder / "model_index.json").is_file() and not (folder / "place_encoder").is_dir()


def _on_hub(repository: str, file: str) -> bool:
    """Whether the hub has the file, or this computer a download of it."""
    try:
        return bool(hf_hub_download(repository, file))
    except (OSError, ValueError):
        return False


def load_plain_model(path: str, caption: str, device: torch.device | str) -> PlaceDiffusionPipeline:
    """The model in a folder or of a hub id as a frozen prior with this caption, whose place encoder is new and unheard.

    Its gates are shut: every place gives the model's own answer, exactly. Raises UserError for what cannot be loaded.
    """
    base = load_base_model(path, key="prior.path")
    check_kind(path, base.unet.config, base.vae.config, base.text_encoder.config.hidden_size, "prior.path")
    layers = len(cross_attention_layers(base.unet))
    encoder = LandmarkPlaceEncoder(width=base.unet.config.cross_attention_dim, gates=layers)
    side = base.unet.config.sample_size * 2 ** (len(base.vae.config.block_out_channels) - 1)
    pipeline = PlaceDiffusionPipeline(
        base.vae, base.text_encoder, base.tokenizer, base.unet, encoder, base.scheduler, side, caption
    )
    return frozen(pipeline, device, torch.float32)
