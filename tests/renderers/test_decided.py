"""Undecided pictures shown more solid: by hand."""

import math

import pytest
import torch

from renderers.decided import DRAWN_TO_HALF, decided, decidedness, sharpened
from renderers.render import Render

BETWEEN = (0.5, 0.7)


def render_of(opacity: torch.Tensor, own: float, behind: float) -> Render:
    """Pictures of one colour before another."""
    seen, nothing = opacity[..., None].expand(*opacity.shape, 3), torch.zeros(0)
    background = torch.full_like(seen, behind)
    return Render(
        color=seen * own + (1 - seen) * background, opacity=opacity, depth=opacity, background=background, normal=None,
        samples=None, density=nothing, weights=nothing, sampled_normals=None,  # type: ignore[arg-type]
    )  # fmt: skip


def test_decidedness_is_the_mean_opacity_of_what_is_there() -> None:
    opacity = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.3], [0.3, 0.3]], [[0.2, 0.6], [0.0, 0.0]]])
    expected = torch.tensor([1.0, 0.3, (0.04 + 0.36) / 0.8])
    torch.testing.assert_close(decidedness(opacity).flatten(), expected)
    assert decidedness(torch.zeros(1, 2, 2)).item() == 0  # nothing is there


def test_only_undecided_pictures_are_sharpened() -> None:
    thin, solid = torch.full((1, 4, 4), 0.01), torch.full((1, 4, 4), 0.01)
    thin[:, :, 1], thin[:, :, 2] = 0.45, 0.2
    solid[:, :, 1], solid[:, :, 2] = 0.95, 0.2
    both = sharpened(torch.cat([thin, solid]), BETWEEN)
    assert torch.equal(both[1], solid[0])
    assert (both[0, :, 1] > 0.55).all() and (both[0, :, 2] < 0.2).all() and (both[0, :, 0] < 0.001).all()


@pytest.mark.parametrize(("opacity", "expected"), [(DRAWN_TO_HALF, 0.5), (0.2, 0.1773), (0.45, 0.6977)])
def test_odds_are_squared_in_a_wholly_undecided_picture(opacity: float, expected: float) -> None:
    # 0.2: odds 0.25, of the middle's 0.5385: (0.25 / 0.5385)^2 = 0.2156, and 0.2156 / 1.2156 = 0.1773
    picture = torch.full((1, 3, 3), opacity)
    torch.testing.assert_close(sharpened(picture, BETWEEN), torch.full((1, 3, 3), expected), atol=1e-4, rtol=0)


def test_halfway_it_is_sharpened_by_half() -> None:
    picture = torch.full((1, 3, 3), 0.6)  # of decidedness 0.6, in the middle of BETWEEN
    odds, half = 0.6 / 0.4, DRAWN_TO_HALF / (1 - DRAWN_TO_HALF)
    expected = odds**1.5 / half / (1 + odds**1.5 / half)
    torch.testing.assert_close(sharpened(picture, BETWEEN), torch.full((1, 3, 3), expected))


def test_never_means_never() -> None:
    picture = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(sharpened(picture, (0.0, 0.0)), picture)
    render = render_of(picture, 0.9, 0.2)
    assert decided(render, (0.0, 0.0)) is render


def test_things_keep_their_colour_and_what_is_behind_them_its_own() -> None:
    opacity = torch.full((1, 4, 4), 0.001)
    opacity[:, :, 1] = 0.45
    shown = decided(render_of(opacity, 0.9, 0.2), BETWEEN)
    expected = render_of(sharpened(opacity, BETWEEN), 0.9, 0.2)
    torch.testing.assert_close(shown.color, expected.color)
    assert torch.equal(shown.opacity, expected.opacity)


def test_gradients_go_through_how_much_is_sharpened() -> None:
    opacity = torch.full((1, 3, 3), 0.6, requires_grad=True)  # between: sharpened by half
    sharpened(opacity, BETWEEN).sum().backward()
    shown = float(sharpened(opacity.detach(), BETWEEN)[0, 0, 0])
    own = 1.5 / (0.6 * 0.4)  # odds to the power of 1.5, by hand
    share = -1 / (BETWEEN[1] - BETWEEN[0])  # all pixels together are as decided as they are opaque
    through_share = share * (math.log(0.6 / 0.4) - 2 * math.log(0.35 / 0.65))
    expected = shown * (1 - shown) * (own + through_share)
    torch.testing.assert_close(opacity.grad, torch.full((1, 3, 3), expected))
