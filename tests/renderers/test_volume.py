"""Volume rendering against numbers by hand, nerfacc's batched functions, and finite differences."""

import math

import nerfacc
import pytest
import torch

from renderers.samples import Padding, Samples
from renderers.volume import expected_depth, intersect_box, interval_opacity, render_weights, transmittance

UNIT_BOX = torch.zeros(3), torch.ones(3)


def test_weights_by_hand() -> None:
    # optical depths ln 2, ln 4, 0: alpha 1/2, 3/4, 0; transmittance 1, 1/2, 1/8; weights 1/2, 3/8, 0
    density = torch.tensor([[math.log(2), 2 * math.log(4), 0.0]])
    length = torch.tensor([[1.0, 0.5, 1.0]])
    torch.testing.assert_close(interval_opacity(density, length), torch.tensor([[0.5, 0.75, 0.0]]))
    torch.testing.assert_close(transmittance(density, length), torch.tensor([[1.0, 0.5, 0.125]]))
    torch.testing.assert_close(render_weights(density, length), torch.tensor([[0.5, 0.375, 0.0]]))


def test_thin_interval_before_a_very_dense_one() -> None:
    # a running sum minus itself would lose 0.1 beside 1e7
    weights = render_weights(torch.tensor([0.1, 1e7, 1.0]), torch.ones(3))
    torch.testing.assert_close(weights, torch.tensor([1 - math.exp(-0.1), math.exp(-0.1), 0.0]))


def test_weights_against_nerfacc() -> None:
    density = torch.rand(20, 30) * 20
    edges = torch.cat([torch.zeros(20, 1), torch.rand(20, 30).cumsum(-1)], -1)
    start, end = edges[:, :-1], edges[:, 1:]
    weights, light, alpha = nerfacc.render_weight_from_density(start, end, density)
    torch.testing.assert_close(render_weights(density, end - start), weights)
    torch.testing.assert_close(transmittance(density, end - start), light)
    torch.testing.assert_close(interval_opacity(density, end - start), alpha)


def test_accumulation_against_nerfacc() -> None:
    weights, colors, distance = torch.rand(5, 8) / 8, torch.rand(5, 8, 3), torch.rand(5, 8).cumsum(-1)
    padding = Padding.of(torch.arange(5).repeat_interleave(8))
    found = padding.sum(weights.flatten() * colors.flatten(0, 1).T, 5).T
    torch.testing.assert_close(found, nerfacc.accumulate_along_rays(weights, colors))
    opacity = padding.sum(weights.flatten(), 5)
    depth = expected_depth(padding.sum((weights * distance).flatten(), 5), opacity)
    expected = nerfacc.accumulate_along_rays(weights, distance[..., None]) / nerfacc.accumulate_along_rays(weights)
    torch.testing.assert_close(depth, expected[:, 0])


def test_gradients_against_finite_differences() -> None:
    density = (torch.rand(3, 5, dtype=torch.float64) * 3).requires_grad_()
    length = torch.rand(3, 5, dtype=torch.float64)
    color = torch.rand(3, 5, 3, dtype=torch.float64, requires_grad=True)

    def rendered(density: torch.Tensor, color: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weights = render_weights(density, length)
        depth = expected_depth((weights * length.cumsum(-1)).sum(-1), weights.sum(-1))
        return (weights[..., None] * color).sum(1), depth

    assert torch.autograd.gradcheck(rendered, (density, color))


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e6, 1e20])
def test_gradients_stay_finite(value: float) -> None:
    density = torch.full((2, 4), value, requires_grad=True)
    weights = render_weights(density, torch.ones(2, 4))
    (weights.sum() + expected_depth(weights.sum(-1), weights.sum(-1)).sum()).backward()
    assert weights.isfinite().all() and density.grad.isfinite().all()


@pytest.mark.parametrize(
    ("origin", "direction", "near", "far"),
    [
        ((-1.0, 0.5, 0.5), (1.0, 0.0, 0.0), 1.0, 2.0),  # straight through, two directions exactly 0
        ((0.25, 0.5, 0.5), (0.0, 0.0, -1.0), 0.0, 0.5),  # from inside, downwards
        ((-1.0, 0.0, 0.5), (1.0, 0.0, 0.0), 1.0, 2.0),  # along a face
        ((-1.0, -1.0, 0.5), (math.sqrt(0.5), math.sqrt(0.5), 0.0), math.sqrt(2), 2 * math.sqrt(2)),  # diagonal
    ],
)
def test_box_by_hand(origin: tuple, direction: tuple, near: float, far: float) -> None:
    found = intersect_box(torch.tensor([origin]), torch.tensor([direction]), *UNIT_BOX)
    torch.testing.assert_close(torch.cat(found), torch.tensor([near, far]))


@pytest.mark.parametrize(
    ("origin", "direction"),
    [((-1.0, 0.5, 0.5), (-1.0, 0.0, 0.0)), ((-1.0, 2.0, 0.5), (1.0, 0.0, 0.0)), ((2.0, 2.0, 2.0), (0.0, 0.0, 1.0))],
)
def test_rays_that_miss_the_box_have_no_length(origin: tuple, direction: tuple) -> None:
    near, far = intersect_box(torch.tensor([origin]), torch.tensor([direction]), *UNIT_BOX)
    assert torch.equal(near, far) and near.isfinite().all()


def test_padding_by_hand() -> None:
    padding = Padding.of(torch.tensor([1, 1, 4, 6, 6, 6]))
    values = torch.arange(1.0, 7.0)
    table = padding.pad(values)
    assert table.tolist() == [[1, 2, 0], [3, 0, 0], [4, 5, 6]]
    assert torch.equal(padding.unpad(table), values)
    assert padding.sum(values, 8).tolist() == [0, 3, 0, 0, 3, 0, 15, 0]
    assert padding.sum(torch.stack([values, 2 * values]), 8)[1].tolist() == [0, 6, 0, 0, 6, 0, 30, 0]


def test_padding_of_nothing() -> None:
    padding = Padding.of(torch.zeros(0, dtype=torch.int64))
    assert padding.pad(torch.zeros(0)).shape == (0, 0)
    assert padding.sum(torch.zeros(3, 0), 4).tolist() == [[0] * 4] * 3


def test_samples_by_hand() -> None:
    samples = Samples(torch.tensor([0, 1]), torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    origins, directions = torch.tensor([[0.0, 0, 0], [1, 1, 1]]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    assert samples.points(origins, directions).tolist() == [[1.5, 0, 0], [1, 1, 4]]
    assert samples.length.tolist() == [1, 2]
    assert len(samples[torch.tensor([True, False])]) == 1
