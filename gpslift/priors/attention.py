"""Where a prior looks: cross-attention maps of text tokens and place tokens (as in the paper).

    images, maps = attention_maps(prior, {"azimuth_deg": [0.0, 90.0]}, 2, guidance_scale_place=3.0)
    maps[0].named()   # of the first image: [("photo", [S, S]), ..., ("azimuth", [S, S])]

Images are bit for bit those made without (see `gpslift.priors.listening`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from gpslift.conditioning.place import PlaceEncoder
from gpslift.priors.condition import texts_of
from gpslift.priors.listening import RESOLUTIONS, Heard, listening
from gpslift.priors.pipeline import PlaceDiffusionPipeline

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
    resolutions: int = RESOLUTIONS,
    **settings: Any,
) -> tuple[Tensor, list[AttentionMaps]]:
    """Images [count, 3, S, S] in [0, 1] and the maps of each. Arguments are those of `PlaceDiffusionPipeline.sample`.

    Maps are means over heads, steps, and the coarsest `resolutions` at which the U-Net attends to tokens (a compact one
    attends at one alone), of the branch that is told both text and place.
    """
    with listening(prior.unet, count, resolutions) as heard:
        images = prior.sample(place, count, prompt=prompt, **settings)
    return images, maps_of(prior, heard, texts_of(prompt, count, prior.caption))


def maps_of(prior: PlaceDiffusionPipeline, heard: Heard, texts: Sequence[str]) -> list[AttentionMaps]:
    """The maps of each of the images that were heard being made, with these texts."""
    probabilities = heard.maps(prior.image_size)
    length = probabilities.shape[1] - prior.place_encoder.tokens
    placed = place_groups(prior.place_encoder, length)
    return [
        AttentionMaps(maps, [*text_groups(prior.tokenizer, text), *placed])
        for maps, text in zip(probabilities, texts, strict=True)
    ]


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
