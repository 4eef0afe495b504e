"""Condition dropout, so that guidance has unconditional predictions to compare with (paper, section 3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gpslift.conditioning.place import Place


def draw_condition_dropout(
    count: int, text: float, place: float, both: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Masks [count] of dropped texts and of dropped places.

    text, place, both: chances that the text alone, the place alone, or both are dropped; they sum to at most 1.
    """
    draw = torch.rand(count, generator=generator)
    lost_both = draw < both
    lost_text = (draw >= both) & (draw < both + text)
    lost_place = (draw >= both + text) & (draw < both + text + place)
    return lost_text | lost_both, lost_place | lost_both


def drop_text(captions: Sequence[str], dropped: Tensor) -> list[str]:
    """Captions with the dropped ones empty."""
    return ["" if gone else caption for caption, gone in zip(captions, dropped.tolist(), strict=True)]


def draw_input_dropout(
    count: int, inputs: Sequence[str], chance_of_input: dict[str, float], generator: torch.Generator
) -> dict[str, Tensor]:
    """Masks [count] of single inputs to hide, each drawn with a chance of its own.

    chance_of_input: for example {"frame_width_m": 0.1}; inputs that it does not name are never hidden alone.
    """
    return {name: torch.rand(count, generator=generator) < chance_of_input.get(name, 0.0) for name in inputs}


def drop_place(place: Place, dropped: dict[str, Tensor]) -> Place:
    """Places with the inputs that `dropped` [B] marks unknown."""
    return {name: values.masked_fill(dropped[name].to(values.device), torch.nan) for name, values in place.items()}
