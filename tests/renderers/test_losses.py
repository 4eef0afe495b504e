"""Regularisers against numbers worked out by hand."""

import math

import pytest
import torch

from renderers.losses import entropy_loss, opacity_loss, orientation_loss, sparsity_loss


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
