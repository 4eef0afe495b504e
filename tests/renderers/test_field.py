"""Density, colour and normals of the field."""

import math

import pytest
import torch
from torch.nn import functional

from renderers.field import Field
from tests.renderers.scenes import make_renderer


def make_field(rough: bool = False, **changes: object) -> Field:
    """The field of a small renderer; `rough` gives its grid features large enough to shape it."""
    field = make_renderer(**changes).field
    if rough:
        field.grid.table.data.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
    return field


def test_starts_as_a_ball() -> None:
    field = make_field()
    # grid features are near 0, so the head adds a near constant c; at the middle softplus(10 + c), on the blob's rim
    # softplus(c), half a radius further softplus(-5 + c)
    constant = field.density_head(torch.zeros(field.grid.channels, 1)).item()
    points = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, -0.75]])
    expected = [math.log1p(math.exp(raw + constant)) for raw in (10, 0, -5)]
    torch.testing.assert_close(field.density(points), torch.tensor(expected), rtol=1e-2, atol=1e-4)


def test_nothing_outside_the_box() -> None:
    field = make_field(box_min=(-1.0, -1.0, 0.0), box_max=(1.0, 1.0, 0.5))
    inside, outside = torch.tensor([[0.9, -0.9, 0.49]]), torch.tensor([[0.0, 0.0, 0.51], [1.1, 0.0, 0.2]])
    assert field.density(inside).item() > 0
    assert field.density(outside).tolist() == [0.0, 0.0]
    assert field.density_and_color(outside)[0].tolist() == [0.0, 0.0]


def test_cells_are_cubes() -> None:
    # longest side 4 units, finest resolution 32: scale 31
    field = make_field(box_min=(-2.0, -1.0, 0.0), box_max=(2.0, 1.0, 1.0))
    assert field.finest_cell == pytest.approx(4 / 31)
    expected = field.grid(torch.tensor([[0.5, 0.25, 0.25]]))
    torch.testing.assert_close(field.features(torch.tensor([[0.0, 0.0, 1.0]])).T, expected)


def test_one_look_gives_the_same_as_two() -> None:
    field, points = make_field(rough=True), torch.rand(200, 3) * 2 - 1
    density, color = field.density_and_color(points)
    torch.testing.assert_close(density, field.density(points))
    torch.testing.assert_close(color, field.color(points))
    assert density.shape == (200,) and color.shape == (200, 3)
    assert density.min() >= 0 and color.min() >= 0 and color.max() <= 1 and color.std() > 0.01


def test_normals_of_a_ball_point_outwards() -> None:
    points = functional.normalize(torch.randn(100, 3), dim=-1) * 0.4
    normals = make_field().normals(points, epsilon=1e-2)
    assert ((normals * points / 0.4).sum(-1) > 0.999).all()


def test_normals_against_autograd() -> None:
    field = make_field(rough=True).double()
    points = (torch.rand(200, 3, dtype=torch.float64) * 1.6 - 0.8).requires_grad_()
    (slope,) = torch.autograd.grad(field.density(points).sum(), points)
    normals = field.normals(points.detach(), epsilon=1e-5)
    cosine = (normals * functional.normalize(-slope, dim=-1)).sum(-1)
    assert (cosine > 0.9999).float().mean() > 0.98  # all but the few points beside a cell's border or a ReLU's kink


def test_normals_reach_the_parameters_without_second_derivatives() -> None:
    field = make_field(rough=True, engine="numba")
    field.normals(torch.rand(50, 3) - 0.5)[:, 0].sum().backward()
    assert field.grid.table.grad.isfinite().all() and field.grid.table.grad.abs().sum() > 0
    assert field.density_head.output.weight.grad.abs().sum() > 0


def test_normals_where_the_density_is_constant() -> None:
    field = make_field(blob_scale=0.0)
    field.grid.table.data.zero_()
    normals = field.normals(torch.zeros(3, 3))
    normals.sum().backward()
    assert normals.abs().max() == 0
    assert all(value.grad is None or value.grad.isfinite().all() for value in field.parameters())


def test_step_of_the_normals_follows_the_finest_active_level() -> None:
    field = make_field()
    steps = []
    for share in (0.0, 1.0):
        field.grid.update(share, first_levels=2, full_share=0.5)
        steps.append(field.finest_cell)
    # growth (32 / 4)^(1/3) = 2: level 2 of 4 has scale 7, level 4 has 31; the box is 2 units wide
    assert steps == pytest.approx([2 / 7, 2 / 31])


def test_step_of_the_normals_is_no_less_than_what_differences_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    field, asked = make_field(), []
    field.grid.update(1.0, first_levels=2, full_share=0.5)
    monkeypatch.setattr(type(field), "finest_cell", property(lambda _: 2 / 4095))
    monkeypatch.setattr(field, "density", lambda points: asked.append(points) or points.sum(-1))
    field.normals(torch.zeros(1, 3))
    assert asked[0].abs().max() == 2 / 512
