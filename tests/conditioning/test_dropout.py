"""Condition dropout: rates over many draws, and what is dropped."""

import math

import pytest
import torch

from gpslift.conditioning.dropout import draw_condition_dropout, draw_input_dropout, drop_place, drop_text

COUNT = 40_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fits(mask: torch.Tensor, chance: float) -> bool:
    """Within three standard deviations of a binomial distribution."""
    return abs(float(mask.float().mean()) - chance) < 3 * math.sqrt(chance * (1 - chance) / len(mask)) + 1e-12


@pytest.mark.parametrize("chances", [(0.05, 0.05, 0.05), (0.1, 0.3, 0.2), (0.0, 0.0, 0.0), (0.5, 0.3, 0.2)])
def test_rates(chances: tuple[float, float, float]) -> None:
    text, place, both = chances
    no_text, no_place = draw_condition_dropout(COUNT, text, place, both, generator())
    assert fits(no_text & ~no_place, text)
    assert fits(no_place & ~no_text, place)
    assert fits(no_text & no_place, both)


def test_single_inputs_are_hidden_at_their_own_rates_and_apart() -> None:
    hidden = draw_input_dropout(COUNT, ["azimuth_deg", "a", "b"], {"a": 0.1, "b": 0.4}, generator())
    assert not hidden["azimuth_deg"].any()
    assert fits(hidden["a"], 0.1) and fits(hidden["b"], 0.4) and fits(hidden["a"] & hidden["b"], 0.04)


def test_draws_follow_from_the_generator() -> None:
    first, again, other = (draw_condition_dropout(100, 0.2, 0.2, 0.2, generator(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_dropped_text_is_empty_and_dropped_places_are_unknown() -> None:
    assert drop_text(["a", "b", "c"], torch.tensor([False, True, False])) == ["a", "", "c"]
    place = {"azimuth_deg": torch.tensor([1.0, 2.0]), "elevation_deg": torch.tensor([3.0, float("nan")])}
    gone = {"azimuth_deg": torch.tensor([False, True]), "elevation_deg": torch.tensor([False, False])}
    left = drop_place(place, gone)
    assert left["azimuth_deg"][0] == 1 and left["azimuth_deg"][1].isnan()
    assert left["elevation_deg"][0] == 3 and left["elevation_deg"][1].isnan()
    assert place["azimuth_deg"][1] == 2  # the given place is as it was
