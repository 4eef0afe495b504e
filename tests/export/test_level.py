"""The level is found without truth, and refused where there is nothing to find."""

from typing import Any

import numpy as np
import pytest
import torch

from gpslift.errors import UserError
from gpslift.export.level import choose_level
from gpslift.export.surface import extract_surface, sample_grid

BOX = ((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))


@pytest.mark.parametrize("inside", [30.0, 3000.0])
def test_chosen_level_gives_the_ball_that_renders_opaque(solid_field: Any, inside: float) -> None:
    field = solid_field([[0.0, 0.0, 1.0]], [0.6], inside)
    grid = sample_grid(field.density, *BOX, 64)
    choice = choose_level(grid, field.render, *BOX)
    radius = np.linalg.norm(extract_surface(grid, choice.level).vertices - [0, 0, 1], axis=1).mean()
    # where a ray past the middle at distance r is half opaque: log 2 = integral of the density along it
    along = torch.linspace(-1, 1, 4001)
    offsets = torch.linspace(0.4, 1.0, 601)
    points = torch.stack([offsets[:, None].expand(-1, 4001), along.expand(601, -1), torch.ones(601, 4001)], -1)
    depth = field.density(points.reshape(-1, 3)).reshape(601, 4001).mean(1) * 2
    expected = float(offsets[(depth > np.log(2)).nonzero().max()])
    assert radius == pytest.approx(expected, abs=0.02)
    assert f"{choice.level:.4g}" in choice.explanation and "agree best" in choice.explanation


def test_table_is_in_order_and_holds_the_best(solid_field: Any) -> None:
    field = solid_field([[0.0, 0.0, 1.0]], [0.6])
    choice = choose_level(sample_grid(field.density, *BOX, 32), field.render, *BOX)
    levels = [level for level, _ in choice.table]
    assert levels == sorted(levels) and len(levels) >= 12
    assert choice.level == max(choice.table, key=lambda row: row[1])[0]


def test_flat_field_is_refused(solid_field: Any) -> None:
    field = solid_field([[0.0, 0.0, 1.0]], [0.6])
    grid = sample_grid(lambda points: torch.zeros(len(points)), *BOX, 16)
    with pytest.raises(UserError, match="flat"):
        choose_level(grid, field.render, *BOX)


def test_haze_that_is_nowhere_opaque_is_refused(solid_field: Any) -> None:
    haze = solid_field([[0.0, 0.0, 1.0]], [0.6], inside=0.01)
    with pytest.raises(UserError, match=r"half opaque, .*\(densities run from \S+ to 0\.01 .*lower losses\.sparsity"):
        choose_level(sample_grid(haze.density, *BOX, 16), haze.render, *BOX)
