"""Guidance formulas with numbers worked out by hand."""

import pytest
import torch

from gpslift.priors.composition import (
    Scales,
    compose_branches,
    compose_jointly,
    compose_text_and_place,
    perpendicular,
    rescaled,
)

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
    assert torch.equal(compose_branches([WHOLE], Scales(1.0, 1.0)), WHOLE)
    assert torch.equal(compose_branches([NOTHING, WHOLE], Scales(3.0, 3.0)), compose_jointly(NOTHING, WHOLE, 3.0))
    whole = compose_text_and_place(NOTHING, TEXT, WHOLE, 2.0, 5.0)
    assert torch.equal(compose_branches([NOTHING, TEXT, WHOLE], Scales(2.0, 5.0)), whole)


def test_the_perpendicular_part_by_hand() -> None:
    """Of (3, 4) along (2, 0) is 3, so that (0, 4) is left; of (1, 1) across (0, 5) is (1, 0). Row by row."""
    vector, other = torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    assert perpendicular(vector, other).tolist() == [[0.0, 4.0], [1.0, 0.0]]
    assert torch.equal(perpendicular(vector, 0 * other), vector)


def test_perp_neg_by_hand() -> None:
    """Nothing (1, 1), condition (3, 1), negative (4, 5): of (3, 4) only (0, 4) is perpendicular to (2, 0).

    Guided by 3: (7, 1); less 3 x 0.5 x (0, 4): (7, -5). The part of the negative along the condition stays.
    """
    nothing, condition, negative = (torch.tensor([row]) for row in ([1.0, 1.0], [3.0, 1.0], [4.0, 5.0]))
    guided = compose_branches([negative, nothing, condition], Scales(3.0, 3.0, perp_neg=0.5))
    assert guided.tolist() == [[7.0, -5.0]]
    text = torch.tensor([[2.0, 1.0]])
    apart = compose_branches([negative, nothing, text, condition], Scales(3.0, 2.0, perp_neg=0.5))
    assert apart.tolist() == [[1 + 3 * 1 + 2 * 1, 1 - 6.0]]


def test_rescaling_brings_back_the_unguided_spread_by_hand() -> None:
    """Rows (-4, 4) and (-2, 2): twice the spread; half of the way back is 3/4. The second row has its own factor."""
    guided = torch.tensor([[-4.0, 4.0], [10.0, 20.0]])
    condition = torch.tensor([[-2.0, 2.0], [0.0, 30.0]])
    assert torch.allclose(rescaled(guided, condition, 1.0), torch.tensor([[-2.0, 2.0], [30.0, 60.0]]))
    assert torch.allclose(rescaled(guided, condition, 0.5), torch.tensor([[-3.0, 3.0], [20.0, 40.0]]))
    composed = compose_branches([torch.zeros(1, 2), condition[:1]], Scales(2.0, 2.0, rescale=0.5))
    assert torch.allclose(composed, torch.tensor([[-3.0, 3.0]]))


def test_without_guidance_there_is_nothing_to_rescale() -> None:
    assert torch.equal(compose_branches([WHOLE], Scales(1.0, 1.0, rescale=0.7)), WHOLE)
