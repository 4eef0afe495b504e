"""Where a prior looks: cross-attention maps of text tokens and place tokens (paper, section 4.5).

    images, maps = attention_maps(prior, {"azimuth_deg": [0.0, 90.0]}, 2, guidance_scale_place=3.0)
    maps[0].named()   # of the first image: [("photo", [S, S]), ..., ("azimuth", [S, S])]

The U-Net's attention layers are listened to, not replaced: images are bit for bit those made without listening.
A layer's probabilities are its softmax over all tokens. A processor that attends otherwise (with a gate of its own for
the place, for example) says so by a method `probabilities(attention, hidden, tokens) -> [B, heads, Q, L + T]`, which is
asked instead.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gpslift.conditioning.place import PlaceEncoder
from gpslift.priors.pipeline import PlaceDiffusionPipeline

RESOLUTIONS = 2
"""How many of the coarsest cross-attention resolutions count, where there are as many."""
INPUT_NAMES = {
    "azimuth_deg": "azimuth",
    "frame_width_m": "frame width",
    "elevation_deg": "elevation",
    "east_m": "longitude",
    "north_m": "latitude",
}


@dataclass(frozen=True)
class TokenGroup:
    """Tokens that are shown as one, such as the pieces of a word. kind: 'text' or 'place'."""

    name: str
    kind: str
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class AttentionMaps:
    """Of one image: how much of each pixel's attention goes to each token, [L + T, S, S]; at a pixel they sum to 1.

    groups: the words and place tokens. Special tokens, which draw most of the attention, are in no group.
    """

    probabilities: Tensor
    groups: list[TokenGroup]

    def named(self) -> list[tuple[str, Tensor]]:
        """Each group's name and its map [S, S], the sum of its tokens'."""
        return [(group.name, self.probabilities[list(group.tokens)].sum(0)) for group in self.groups]


def attention_maps(
    prior: PlaceDiffusionPipeline,
    place: dict[str, Any],
    count: int,
    prompt: str | Sequence[str] | None = None,
    **settings: Any,
) -> tuple[Tensor, list[AttentionMaps]]:
    """Images [count, 3, S, S] in [0, 1] and the maps of each. Arguments are those of `PlaceDiffusionPipeline.sample`.

    Maps are means over heads, steps, and the coarsest two resolutions at which the U-Net attends to tokens (a compact
    one attends at one alone), of the branch that is told both text and place.
    """
    with listening(prior.unet, count) as heard:
        images = prior.sample(place, count, prompt=prompt, **settings)
    texts = [prompt or prior.caption] * count if prompt is None or isinstance(prompt, str) else list(prompt)
    return images, maps_of(prior, heard, texts)


class Heard:
    """Sums of attention probabilities, by resolution; only the coarsest RESOLUTIONS are kept. count: of the images."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sums: dict[int, Tensor] = {}  # by the side of the map: [count, L + T, side, side]

    def add(self, attention: Attention, hidden: Tensor, tokens: Tensor) -> None:
        """One call of one layer. The last `count` rows are the branch that is told text and place."""
        hidden, tokens = hidden[-self.count :], tokens[-self.count :]
        side = int(hidden.shape[1] ** 0.5)
        finer = sorted({*self.sums, side})[RESOLUTIONS:]
        for size in finer:
            self.sums.pop(size, None)
        if side in finer:
            return
        mean = probabilities_of(attention, hidden, tokens).mean(1)  # [count, side^2, L + T]
        maps = mean.transpose(1, 2).unflatten(2, (side, side)).cpu()
        self.sums[side] = self.sums[side] + maps if side in self.sums else maps

    def maps(self, size: int) -> Tensor:
        """Maps [count, L + T, size, size]: each resolution counts as much as the other."""
        if not self.sums:
            raise ValueError("nothing was heard: the U-Net has no cross-attention, or was not called")
        each = [sums / sums.sum(1, keepdim=True) for sums in self.sums.values()]
        enlarged = [interpolate(maps, (size, size), mode="bilinear", align_corners=False) for maps in each]
        return torch.stack(enlarged).mean(0)


def maps_of(prior: PlaceDiffusionPipeline, heard: Heard, texts: Sequence[str]) -> list[AttentionMaps]:
    """The maps of each of the images that were heard being made, with these texts."""
    probabilities = heard.maps(prior.image_size)
    length = probabilities.shape[1] - prior.place_encoder.tokens
    placed = place_groups(prior.place_encoder, length)
    return [
        AttentionMaps(maps, [*text_groups(prior.tokenizer, text), *placed])
        for maps, text in zip(probabilities, texts, strict=True)
    ]


@contextmanager
def listening(unet: nn.Module, count: int) -> Iterator[Heard]:
    """Within it, all calls of the U-Net's cross-attention are heard; afterwards, on errors too, none is."""
    heard = Heard(count)

    def hear(attention: nn.Module, args: tuple[Any, ...], settings: dict[str, Any]) -> None:
        given = dict(zip(("hidden_states", "encoder_hidden_states"), args, strict=False)) | settings
        if given.get("encoder_hidden_states") is not None:
            heard.add(attention, given["hidden_states"], given["encoder_hidden_states"])

    layers = [layer for layer in unet.modules() if isinstance(layer, Attention)]
    handles = [layer.register_forward_pre_hook(hear, with_kwargs=True) for layer in layers]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def probabilities_of(attention: Attention, hidden: Tensor, tokens: Tensor) -> Tensor:
    """How a layer attends [B, heads, Q, L + T]: from Q queries `hidden` [B, Q, C] to tokens [B, L + T, D]; float32.

    softmax(query key^T / sqrt(channels of a head)), unless the layer's processor knows better.
    """
    if own := getattr(attention.processor, "probabilities", None):
        result: Tensor = own(attention, hidden, tokens)
        return result.float()
    if attention.group_norm is not None:
        hidden = attention.group_norm(hidden.transpose(1, 2)).transpose(1, 2)
    if attention.norm_cross:
        tokens = attention.norm_encoder_hidden_states(tokens)
    query, key = (
        values.unflatten(2, (attention.heads, -1)).transpose(1, 2)
        for values in (attention.to_q(hidden), attention.to_k(tokens))
    )
    if attention.norm_q is not None:
        query = attention.norm_q(query)
    if attention.norm_k is not None:
        key = attention.norm_k(key)
    with torch.autocast(query.device.type, enabled=False):  # bf16 would leave two digits of a score
        return (query.float() @ key.float().transpose(2, 3) * attention.scale).softmax(-1)


def text_groups(tokenizer: Any, text: str) -> list[TokenGroup]:
    """The words of a text and their tokens' positions, in order. What is cut off at the token limit is left out.

    Works for tokenizers that mark where a word begins (byte-level ones) and for those that mark its end (CLIP's).
    """
    encoded = tokenizer(text, truncation=True, return_offsets_mapping=tokenizer.is_fast)
    numbers = encoded.input_ids
    special, ended = set(tokenizer.all_special_ids), True
    words: list[list[int]] = []
    pieces = tokenizer.convert_ids_to_tokens(numbers)
    for position, (number, piece) in enumerate(zip(numbers, pieces, strict=True)):
        if number in special:
            ended = True
            continue
        if ended or piece.startswith("Ġ"):
            words.append([])
        words[-1].append(position)
        ended = piece.endswith("</w>")
    if tokenizer.is_fast:  # the text's own letters; a byte-level tokenizer's pieces spell others than ASCII in bytes
        at = encoded.offset_mapping
        names = [text[at[word[0]][0] : at[word[-1]][1]] for word in words]
    else:
        names = [tokenizer.decode([numbers[position] for position in word]) for word in words]
    return [TokenGroup(name.strip(), "text", tuple(word)) for name, word in zip(names, words, strict=True)]


def place_groups(encoder: PlaceEncoder, first: int) -> list[TokenGroup]:
    """A place encoder's tokens, from position `first` on: what each tells, or the wavelength that it tells it by."""
    waves = getattr(encoder, "wavelengths", None)
    if waves is not None and encoder.config["encoder"] == "multiscale":
        names = [_length(metres) for metres in waves]
    else:
        names = [INPUT_NAMES.get(name, name) for name in encoder.inputs]
    if len(names) != encoder.tokens:
        names = [f"place {number}" for number in range(1, encoder.tokens + 1)]
    return [TokenGroup(name, "place", (position,)) for position, name in enumerate(names, first)]


def _length(metres: float) -> str:
    """A length with two digits that count: '20 m', '8.6 km'."""
    rounded = float(np.format_float_positional(metres, precision=2, fractional=False))
    return f"{rounded / 1000:g} km" if rounded >= 1000 else f"{rounded:g} m"
