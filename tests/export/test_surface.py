"""Sampling a density function and cutting its surface, against shapes of known size."""

import math

import numpy as np
import pytest
import torch

from gpslift.errors import UserError
from gpslift.export.surface import DensityGrid, extract_surface, sample_grid


def ball_density(points: torch.Tensor) -> torch.Tensor:
    """60 (0.5 - r), 0 outside: the surface at level 15 is the sphere of radius 0.25."""
    return torch.relu(60 * (0.5 - points.norm(dim=-1)))


def test_grid_nodes_reach_both_faces_and_hold_the_density_there() -> None:
    grid = sample_grid(lambda points: points @ torch.tensor([1.0, 10.0, 100.0]), (-1, 0, 0), (1, 1, 0.5), 8, chunk=7)
    assert grid.values.shape == (9, 5, 3)
    np.testing.assert_allclose(grid.spacing, 0.25)
    np.testing.assert_allclose(grid.values[0, 0, 0], -1.0)
    np.testing.assert_allclose(grid.values[8, 4, 2], 1 + 10 + 50)
    np.testing.assert_allclose(grid.values[3, 2, 1], -0.25 + 5 + 25)


def test_coarser_grid_keeps_positions() -> None:
    grid = sample_grid(lambda points: points[:, 0], (0, 0, 0), (1, 1, 1), 8).coarser(5)
    assert grid.values.shape == (5, 5, 5)
    np.testing.assert_allclose(grid.values[:, 0, 0], grid.lower[0] + grid.spacing[0] * np.arange(5))


def test_sphere_has_its_radius_and_outward_normals() -> None:
    mesh = extract_surface(sample_grid(ball_density, (-1, -1, -1), (1, 1, 1), 64), 15.0)
    assert mesh.is_watertight and mesh.is_winding_consistent
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.25, atol=2e-3)
    assert mesh.volume == pytest.approx(4 / 3 * math.pi * 0.25**3, rel=0.02)


def test_box_face_closes_what_it_cuts() -> None:
    mesh = extract_surface(sample_grid(ball_density, (-1, -1, 0), (1, 1, 1), 64), 15.0)
    assert mesh.is_watertight
    assert mesh.bounds[0, 2] == pytest.approx(0, abs=1e-4)
    assert mesh.volume == pytest.approx(2 / 3 * math.pi * 0.25**3, rel=0.02)


def test_rough_field_gives_a_watertight_mesh() -> None:
    noise = np.random.default_rng(0).random((24, 24, 24)).astype(np.float32)
    mesh = extract_surface(DensityGrid(noise, np.zeros(3), np.ones(3) / 23), 0.5)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert 0.4 < mesh.volume < 0.6


def test_full_box_is_a_box() -> None:
    values = np.full((5, 5, 5), 2.0, np.float32)
    values[2, 2, 2] = 3.0
    mesh = extract_surface(DensityGrid(values, np.zeros(3), np.ones(3) / 4), 1.0)
    np.testing.assert_allclose(mesh.bounds, [[0, 0, 0], [1, 1, 1]], atol=1e-3)
    assert mesh.volume == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_flat_field_is_refused_with_its_range(value: float) -> None:
    grid = DensityGrid(np.full((4, 4, 4), value, np.float32), np.zeros(3), np.ones(3))
    with pytest.raises(UserError, match=rf"flat \(densities run from {value:.4g} to {value:.4g} .*train longer"):
        extract_surface(grid, 1.0)


def test_level_above_the_field_is_refused_with_the_range() -> None:
    grid = sample_grid(ball_density, (-1, -1, -1), (1, 1, 1), 16)
    with pytest.raises(UserError, match=r"level 31: the density runs from 0 to 30; set export\.level"):
        extract_surface(grid, 31.0)


def test_field_with_nan_is_refused() -> None:
    def broken(points: torch.Tensor) -> torch.Tensor:
        return torch.where(points[:, 0] > 0, float("nan"), 1.0)

    with pytest.raises(UserError, match=r"not finite at 44\.4 % of the grid.*earlier checkpoint"):
        sample_grid(broken, (-1, -1, -1), (1, 1, 1), 8)
