"""Regularisers against numbers worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from renderers.losses import distortion_loss, entropy_loss, opacity_loss, orientation_loss, sparsity_loss
from renderers.volume import render_weights


def test_orientation() -> None:
    weights = torch.tensor([0.5, 0.25, 1.0])
    directions = torch.tensor([[0.0, 1.0, 0.0]] * 3)
    normals = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.6, 0.8], [0.0, -1.0, 0.0]])  # away, partly away, towards
    # (0.5 * 1 + 0.25 * 0.36 + 1 * 0) / 2 rays
    assert float(orientation_loss(weights, normals, directions, rays=2)) == pytest.approx(0.295)


def test_orientation_turns_normals_and_leaves_weights() -> None:
    weights, normals = torch.ones(1, requires_grad=True), torch.tensor([[0.0, 0.6, 0.8]], requires_grad=True)
    orientation_loss(weights, normals, torch.tensor([[0.0, 1.0, 0.0]]), rays=1).backward()
    assert weights.grad is None and normals.grad[0, 1] == pytest.approx(1.2)


def test_opacity() -> None:
    # sqrt(0 + 0.01) = 0.1; sqrt(0.99 + 0.01) = 1
    assert float(opacity_loss(torch.tensor([0.0, math.sqrt(0.99)]))) == pytest.approx(0.55)


def test_sparsity() -> None:
    # 1 - exp(-ln 2) = 1/2; 1 - exp(0) = 0
    assert float(sparsity_loss(torch.tensor([2 * math.log(2), 0.0]), 0.5)) == pytest.approx(0.25)


def test_entropy() -> None:
    assert float(entropy_loss(torch.tensor([0.5]))) == pytest.approx(math.log(2))
    assert float(entropy_loss(torch.tensor([0.0, 1.0]))) < 2e-3
    opacity = torch.tensor([0.0, 0.3, 0.7, 1.0], requires_grad=True)
    entropy_loss(opacity).backward()
    assert opacity.grad.isfinite().all() and opacity.grad[1] > 0 > opacity.grad[2]


@pytest.mark.parametrize("undecided", [0.3, 0.4, 0.7])
def test_entropy_parts_clear_from_solid_where_it_is_told_to(undecided: float) -> None:
    assert float(entropy_loss(torch.tensor([undecided]), undecided)) == pytest.approx(math.log(2), rel=1e-5)
    assert float(entropy_loss(torch.tensor([0.0, 1.0]), undecided)) < 0.05 * math.log(2)
    opacity = torch.tensor([0.0, undecided - 0.02, undecided + 0.02, 1.0], requires_grad=True)
    entropy_loss(opacity, undecided).backward()
    assert opacity.grad is not None and opacity.grad.isfinite().all()
    assert opacity.grad[1] > 0 > opacity.grad[2]


def double_sum(weights: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Mip-NeRF 360's equation 15 as it is written, of one ray [S]."""
    middle = (start + end) / 2
    pairs = weights[:, None] * weights[None] * (middle[:, None] - middle[None]).abs()
    return pairs.sum() + (weights**2 * (end - start)).sum() / 3


def test_distortion_by_hand() -> None:
    # two intervals of length 1, middles 0.5 and 2.5: 2 * 0.5 * 0.25 * 2 + (0.25 + 0.0625) / 3
    weights = torch.tensor([[0.5, 0.25, 0.0]])
    start, end = torch.tensor([[0.0, 2.0, 0.0]]), torch.tensor([[1.0, 3.0, 0.0]])  # the third is padding
    assert float(distortion_loss(weights, start, end, rays=1)) == pytest.approx(0.5 + 0.3125 / 3)
    assert float(distortion_loss(weights, start, end, rays=2)) == pytest.approx(0.25 + 0.3125 / 6)


def test_distortion_is_the_double_sum_over_each_ray() -> None:
    edges = 5 + torch.rand(4, 21, dtype=torch.float64).cumsum(-1)
    weights = torch.rand(4, 20, dtype=torch.float64).requires_grad_()
    rows = [double_sum(weights[row], edges[row, :-1], edges[row, 1:]) for row in range(4)]
    found = distortion_loss(weights, edges[:, :-1], edges[:, 1:], rays=4)
    torch.testing.assert_close(found, torch.stack(rows).mean())
    assert torch.autograd.gradcheck(lambda w: distortion_loss(w, edges[:, :-1], edges[:, 1:], rays=4), weights)


def test_distortion_draws_weight_together() -> None:
    """A ray through haze: gradient descent on distortion, at a given opacity, leaves one short stretch of it."""
    edges = torch.linspace(0, 1, 33)[None]
    density = torch.full((1, 32), 2.0).requires_grad_()
    optimizer = torch.optim.Adam([density], lr=0.2)

    def weights() -> Tensor:
        return render_weights(density.clamp_min(0), edges.diff())

    def spread() -> float:
        share = weights().detach() / weights().detach().sum()
        middle = (edges[:, 1:] + edges[:, :-1]) / 2
        return float((share * (middle - (share * middle).sum()) ** 2).sum().sqrt())

    before = spread()
    for _ in range(200):
        loss = distortion_loss(weights(), edges[:, :-1], edges[:, 1:], rays=1) + (weights().sum() - 0.8) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert before > 0.2 and spread() < 0.05
    assert float(weights().detach().sum()) == pytest.approx(0.8, abs=0.1)
