"""Condition dropout, so that guidance has unconditional predictions to compare with (paper, section 3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gpslift.conditioning.place import Place


def draw_condition_dropout(
    count: int, text: float, place: float, both: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Masks [count] of dropped texts and of dropped places: `text` of them lose the text alone, `place` the place
    alone, `both` lose both (chances that sum to at most 1)."""
    draw = torch.rand(count, generator=generator)
    lost_both = draw < both
    lost_text = (draw >= both) & (draw < both + text)
    lost_place = (draw >= both + text) & (draw < both + text + place)
    return lost_text | lost_both, lost_place | lost_both


def drop_text(captions: Sequence[str], dropped: Tensor) -> list[str]:
    """Captions with the dropped ones empty."""
    return ["" if gone else caption for caption, gone in zip(captions, dropped.tolist(), strict=True)]


def drop_place(place: Place, dropped: Tensor, chance_of_input: dict[str, float], generator: torch.Generator) -> Place:
    """Places with the dropped ones null, and single inputs hidden each with a chance of its own.

    chance_of_input: for example {"frame_width_m": 0.1}; inputs that it does not name are never hidden alone.
    """
    kept = {}
    for name, values in place.items():
        hidden = torch.rand(len(values), generator=generator) < chance_of_input.get(name, 0.0)
        kept[name] = values.masked_fill((dropped | hidden).to(values.device), torch.nan)
    return kept
