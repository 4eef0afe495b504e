"""The regularisers' weights and schedules, by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gpslift.schema.lift import LossConfig
from renderers.losses import distortion_loss, entropy_loss, opacity_loss, sparsity_loss
from renderers.samples import Samples
from systems.regularisers import Regularisers, grown

STEP, SPAN = 0.1, 2.0


def a_render() -> Any:
    """Two rays, the first of three samples, the second of one."""
    start = torch.tensor([1.0, 1.1, 1.5, 2.0])
    samples = Samples(torch.tensor([0, 0, 0, 1]), start, start + STEP)
    return SimpleNamespace(
        opacity=torch.tensor([[[0.25, 0.75]]]),
        density=torch.tensor([0.5, 2.0, 1.0, 3.0]),
        weights=torch.tensor([0.1, 0.05, 0.1, 0.75]),
        samples=samples,
        sampled_normals=None,
    )


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.25, 0.0), (0.5, 0.5), (0.75, 1.0), (1.0, 1.0)])
def test_a_ramp(share: float, expected: float) -> None:
    assert grown((0.25, 0.75), share) == pytest.approx(expected)


def test_a_ramp_of_no_length_is_a_step() -> None:
    assert [grown((0.5, 0.5), share) for share in (0.49, 0.5, 0.51)] == [0.0, 0.0, 1.0]
    assert grown((0.0, 0.0), 0.01) == 1.0


def test_each_grows_by_its_own_ramp_or_by_the_common_one() -> None:
    losses = LossConfig(opacity=2.0, sparsity=3.0, entropy=5.0, orientation=0.0, distortion=7.0)
    losses.ramp, losses.entropy_ramp, losses.distortion_ramp = [0.0, 1.0], [0.5, 0.75], [0.0, 0.2]
    regularisers, render = Regularisers(losses, step_length=STEP, span=SPAN), a_render()
    names = ("opacity", "sparsity", "entropy", "distortion", "orientation")
    assert [regularisers.weight(name, 0.5) for name in names] == pytest.approx([1.0, 1.5, 0.0, 7.0, 0.0])
    opacity, sparsity = opacity_loss(render.opacity), sparsity_loss(render.density, STEP)
    entropy = entropy_loss(render.opacity, losses.undecided)
    start = torch.tensor([[1.0, 1.1, 1.5], [2.0, 0.0, 0.0]]) / SPAN
    length = torch.tensor([[STEP, STEP, STEP], [STEP, 0.0, 0.0]]) / SPAN
    weights = torch.tensor([[0.1, 0.05, 0.1], [0.75, 0.0, 0.0]])
    distortion = distortion_loss(weights, start, start + length, rays=2)
    half, figures = regularisers(render, 0.5)
    torch.testing.assert_close(half, opacity + 1.5 * sparsity + 7 * distortion)
    each = {"loss_opacity": opacity, "loss_sparsity": 1.5 * sparsity, "loss_distortion": 7 * distortion}
    torch.testing.assert_close(figures, each)  # what they add up from, to log
    whole, _ = regularisers(render, 1.0)
    torch.testing.assert_close(whole, 2 * opacity + 3 * sparsity + 5 * entropy + 7 * distortion)


def test_without_samples_and_without_weights_there_is_nothing() -> None:
    render = a_render()
    none = LossConfig(orientation=0.0, opacity=0.0, sparsity=0.0, entropy=0.0)
    assert float(Regularisers(none, step_length=STEP, span=SPAN)(render, 1.0)[0]) == 0
    empty = torch.zeros(0)
    render.density = render.weights = empty
    render.samples = Samples(torch.zeros(0, dtype=torch.int64), empty, empty)
    some = LossConfig(orientation=0.0, opacity=0.0, sparsity=1.0, entropy=0.0, distortion=1.0)
    assert float(Regularisers(some, step_length=STEP, span=SPAN)(render, 1.0)[0]) == 0


def test_orientation_needs_normals() -> None:
    regularisers = Regularisers(LossConfig(orientation=1.0), step_length=STEP, span=SPAN)
    with pytest.raises(ValueError, match="ask for normals"):
        regularisers(a_render(), 1.0)


def test_sparsity_counts_by_this_processs_share_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr("systems.regularisers.share_of_mean", lambda count, device: counts.append(count) or 0.5)
    regularisers, render = Regularisers(LossConfig(), step_length=STEP, span=SPAN), a_render()
    torch.testing.assert_close(regularisers.sparsity(render), 0.5 * sparsity_loss(render.density, STEP))
    assert counts == [4]
