"""A prior whose training goes on from another one's weights (`prior.start`)."""

from collections.abc import Sequence
from typing import Any

import torch

from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.conditioning.text import lengthened
from gpslift.errors import UserError
from gpslift.priors.loading import load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline

SAME_SETTINGS = (
    *("num_hidden_layers", "num_attention_heads"),
    *("encoder", "harmonics", "frequencies", "scales", "directions", "finest_m"),
)
"""Of the text encoder and of the place encoder: what a prior that is trained on must have as its config says."""


def started(fresh: PlaceDiffusionPipeline, path: str, captions: Sequence[str]) -> PlaceDiffusionPipeline:
    """The prior at `path`, with its own tokenizer and scale of colours, on which its weights depend, to train on.

    fresh: what the config and the photos would make. Of another city its place encoder is taken, as the same metres are
    another place there; of another landmark its scale of frame widths, as that one's photos cover other widths; and
    positions for longer captions. Inputs that none of the photos tells are left out. Raises UserError where the sizes
    differ.
    """
    source = load_prior(path, key="prior.start")
    source.register_modules(text_encoder=lengthened(source.tokenizer, source.text_encoder, captions))
    if source.place_encoder.config.get("city") != fresh.place_encoder.config.get("city"):
        source.register_modules(place_encoder=fresh.place_encoder)
    elif source.place_kind == fresh.place_kind == "azimuth":
        leave_out_untold(source, fresh.place_encoder.inputs)
    _check_same_sizes(source, fresh, path)
    if source.caption != fresh.caption:  # another subject: the weights, with the new one's scale
        fresh.place_encoder.load_state_dict(source.place_encoder.state_dict())
        source.register_modules(place_encoder=fresh.place_encoder)
    source.register_to_config(caption=fresh.caption)
    return source


def leave_out_untold(prior: PlaceDiffusionPipeline, told: Sequence[str]) -> None:
    """Takes those inputs out of a landmark's compact prior that are not among `told`.

    What their nulls, which are all that would ever be said of them, add to the time embedding becomes part of its bias.
    """
    encoder, unet = prior.place_encoder, prior.unet
    kept = torch.tensor([name in told for name in encoder.inputs])
    if kept.all():
        return
    layer = unet.class_embedding.linear_1
    heard = torch.ones(layer.in_features, dtype=torch.bool)
    heard[: encoder.pooled_width] = kept.repeat_interleave(encoder.config["width"])
    with torch.no_grad():
        nowhere = encoder.complete({}, 1, unet.device)
        nulls = encoder.pool(encoder(nowhere))[0, ~heard[: encoder.pooled_width]]
        first = {
            "class_embedding.linear_1.weight": layer.weight[:, heard],
            "class_embedding.linear_1.bias": layer.bias + layer.weight[:, ~heard] @ nulls,
        }
    inputs = {"frame_width": "frame_width_m" in told, "elevation": "elevation_deg" in told}
    fewer = LandmarkPlaceEncoder.from_config({**encoder.config, **inputs})
    fewer.load_state_dict({name: encoder.state_dict()[name] for name in fewer.state_dict()})
    narrower = type(unet).from_config({**unet.config, "projection_class_embeddings_input_dim": int(heard.sum())})
    narrower.load_state_dict(unet.state_dict() | first)
    prior.register_modules(place_encoder=fewer, unet=narrower)


def _check_same_sizes(source: PlaceDiffusionPipeline, fresh: PlaceDiffusionPipeline, path: str) -> None:
    """Raises UserError for a start that the config and the photos do not fit."""
    remedy = "set backbone.* and place.* as it was trained with, or leave out prior.start"
    for name in ("unet", "vae", "place_encoder"):
        if _sizes(source.networks[name]) != _sizes(fresh.networks[name]):
            raise UserError(
                f"prior.start={path}: its {name} has other sizes, or inputs, than this config and these photos make; "
                f"{remedy}"
            )
    for name in ("text_encoder", "place_encoder"):
        if unlike := _unlike(source.networks[name].config, fresh.networks[name].config):
            raise UserError(f"prior.start={path}: its {name} has {unlike}; {remedy}")
    if source.image_size != fresh.image_size:
        size = source.image_size
        raise UserError(f"prior.start={path} makes images of {size} x {size} pixels; set backbone.image_size={size}")
    prediction = source.scheduler.config.prediction_type
    if prediction != fresh.scheduler.config.prediction_type:
        raise UserError(f"prior.start={path} was trained with another target; set backbone.prediction={prediction}")


def _sizes(network: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}


def _unlike(source: Any, fresh: Any) -> str:
    """Settings that change no weight's size and differ all the same: '' or what the source has, in words."""
    pairs = ((name, getattr(source, name, None), getattr(fresh, name, None)) for name in SAME_SETTINGS)
    return ", ".join(f"{name}={own}, this config {other}" for name, own, other in pairs if own != other)
