"""Random numbers as functions of their key."""

import numpy as np
import pytest
import torch

from gpslift.randomness import generator_for, independent_for_samples, normal_for_samples, uniform_for_samples


def test_a_key_always_gives_the_same_numbers_and_another_key_others() -> None:
    first, again, other, longer = (
        torch.rand(4, generator=generator_for(*key)) for key in ((0, "a", 1), (0, "a", 1), (0, "a", 2), (0, "a", 1, 0))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, longer)


def test_numbers_are_the_same_on_every_machine() -> None:
    """PyTorch's CPU generator is a Mersenne Twister; its seed here comes from a hash that is fixed, unlike hash()."""
    assert generator_for(0, "noise", 5).initial_seed() == generator_for(0, "noise", 5).initial_seed()
    assert generator_for(0, "noise").initial_seed() == 3170233027294799018


def test_each_sample_has_its_own_noise_whatever_the_batch() -> None:
    whole = normal_for_samples(3, "noise", range(10), (2, 5))
    parts = [normal_for_samples(3, "noise", rows, (2, 5)) for rows in (range(0, 4), range(4, 10))]
    assert torch.equal(whole, torch.cat(parts)) and whole.shape == (10, 2, 5)
    many = normal_for_samples(3, "noise", range(2000), (5,))
    assert abs(float(many.mean())) < 3 / 100 and float(many.std()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("start", [0, 12345, 10_000_000])
def test_timesteps_spread_evenly_over_any_run(start: int) -> None:
    drawn = uniform_for_samples(0, "timestep", range(start, start + 64))
    assert torch.equal(drawn[10:20], uniform_for_samples(0, "timestep", range(start + 10, start + 20)))
    assert (drawn >= 0).all() and (drawn < 1).all()
    gaps = np.diff(np.sort(drawn.numpy()), append=drawn.min() + 1)
    assert gaps.max() < 2.7 / 64  # the golden ratio's three gaps: none above phi squared over the count
    assert not torch.equal(drawn, uniform_for_samples(1, "timestep", range(start, start + 64)))


def test_independent_numbers_follow_from_their_own_index_and_fill_the_interval() -> None:
    drawn = independent_for_samples(0, "timestep", range(100))
    assert torch.equal(drawn[10:20], independent_for_samples(0, "timestep", range(10, 20)))
    assert 0 <= drawn.min() < 0.1 and 0.9 < drawn.max() < 1
    assert not torch.equal(drawn, independent_for_samples(0, "azimuth", range(100)))
