"""One noise for all pictures, or one each."""

import torch

from gpslift.guidance.objectives import build_objective
from gpslift.schema.lift import GuidanceConfig
from tests.guidance.analytic_prior import AnalyticPrior
from tests.guidance.test_objectives import SIZE, gray_by_azimuth


def noises(one_noise: bool, first: int) -> torch.Tensor:
    """The noise of the global samples `first` and `first + 1`."""
    config = GuidanceConfig(objective="sds", one_noise=one_noise)
    objective = build_objective(config, AnalyticPrior(gray_by_azimuth, SIZE), steps=10, seed=1)  # type: ignore[arg-type]
    return objective.guidance.noised(torch.zeros(2, 3, SIZE, SIZE), torch.tensor(40), first)[1]  # type: ignore[attr-defined]


def test_one_noise_is_the_same_on_every_picture_of_every_step() -> None:
    first, later = noises(True, 0), noises(True, 6)
    assert torch.equal(first[0], first[1]) and torch.equal(first, later)


def test_else_each_sample_has_its_own() -> None:
    first, later = noises(False, 0), noises(False, 6)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], later[0])
    shared = first[0] - first[0].mean((1, 2), keepdim=True)  # sample 0's
    torch.testing.assert_close(shared, noises(True, 6)[1])


def test_the_one_noise_makes_pictures_neither_darker_nor_brighter() -> None:
    torch.testing.assert_close(noises(True, 0).mean((2, 3)), torch.zeros(2, 3))
    assert (noises(False, 0).mean((2, 3)).abs() > 1e-3).all()
