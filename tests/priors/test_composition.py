"""Guidance formulas with numbers worked out by hand."""

import pytest
import torch

from gpslift.priors.composition import compose_branches, compose_jointly, compose_text_and_place

NOTHING, TEXT, WHOLE = (torch.tensor(values) for values in ([1.0, -2.0], [3.0, 0.0], [4.0, 5.0]))


def test_text_then_place_by_hand() -> None:
    """1 + 3.5 (3 - 1) + 7.5 (4 - 3) = 15.5; -2 + 3.5 (0 + 2) + 7.5 (5 - 0) = 42.5: the paper's scales."""
    assert compose_text_and_place(NOTHING, TEXT, WHOLE, 3.5, 7.5).tolist() == pytest.approx([15.5, 42.5])


def test_jointly_by_hand() -> None:
    assert compose_jointly(NOTHING, WHOLE, 2.0).tolist() == pytest.approx([7, 12])


def test_scale_1_is_the_condition_and_scale_0_is_nothing() -> None:
    assert torch.equal(compose_text_and_place(NOTHING, TEXT, WHOLE, 1.0, 1.0), WHOLE)
    assert torch.equal(compose_text_and_place(NOTHING, TEXT, WHOLE, 1.0, 0.0), TEXT)
    assert torch.equal(compose_text_and_place(NOTHING, TEXT, WHOLE, 0.0, 0.0), NOTHING)
    assert torch.equal(compose_jointly(NOTHING, WHOLE, 1.0), WHOLE)


@pytest.mark.parametrize("scale", [0.5, 2.0, 7.5])
def test_equal_scales_are_the_joint_form(scale: float) -> None:
    assert torch.allclose(
        compose_text_and_place(NOTHING, TEXT, WHOLE, scale, scale), compose_jointly(NOTHING, WHOLE, scale)
    )


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_text_at_scale_1_is_guidance_from_the_text(scale: float) -> None:
    assert torch.allclose(compose_text_and_place(NOTHING, TEXT, WHOLE, 1.0, scale), compose_jointly(TEXT, WHOLE, scale))


def test_one_to_three_branches_are_composed_as_they_are_made() -> None:
    assert torch.equal(compose_branches([WHOLE], 1.0, 1.0), WHOLE)
    assert torch.equal(compose_branches([NOTHING, WHOLE], 3.0, 3.0), compose_jointly(NOTHING, WHOLE, 3.0))
    whole = compose_text_and_place(NOTHING, TEXT, WHOLE, 2.0, 5.0)
    assert torch.equal(compose_branches([NOTHING, TEXT, WHOLE], 2.0, 5.0), whole)
