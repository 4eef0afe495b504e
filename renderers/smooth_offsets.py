"""Offsets of a mesh's vertices that stay smooth: the way in which a shape follows pictures without crumpling."""

from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_array, csc_array, eye_array
from scipy.sparse.linalg import splu
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class SmoothOffsets(nn.Module):
    """Offsets [V, 3] = (I + smoothness L)^-1 latent, with L = D - A the mesh's Laplacian (Nicolet et al. 2021, eq. 12).

    "Large Steps in Inverse Rendering of Geometry": a gradient at one vertex moves its surroundings too, ever less with
    distance, so that steps may be large and no penalty has to be weighed. Zero at the start. The system is factored
    once, on the CPU, and solved there.
    """

    def __init__(self, faces: Tensor, vertices: int, smoothness: float) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(vertices, 3))
        self.solver = splu(csc_array(eye_array(vertices) + smoothness * laplacian(faces.cpu().numpy(), vertices)))

    def forward(self) -> Tensor:
        """The offsets [V, 3]."""
        return Solve.apply(self.latent, self.solver)


def laplacian(faces: np.ndarray, vertices: int) -> Any:
    """L = D - A [V, V], sparse: 1 off the diagonal, negated, for every edge of `faces` [F, 3]."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.unique(np.sort(edges, 1), axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    linked = coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(vertices, vertices))
    degree = np.bincount(both[:, 0], minlength=vertices).astype(float)
    numbers = np.arange(vertices)
    return coo_array((degree, (numbers, numbers)), shape=(vertices, vertices)) - linked


class Solve(torch.autograd.Function):
    """x of M x = b for a symmetric M that is factored already; its gradient by b is another such solution."""

    @staticmethod
    def forward(ctx: Any, right: Tensor, solver: Any) -> Tensor:
        ctx.solver = solver
        return solve(right, solver)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return solve(upstream, ctx.solver), None


def solve(right: Tensor, solver: Any) -> Tensor:
    """The solution [V, C] for right sides [V, C], on their device and of their type."""
    return torch.from_numpy(solver.solve(right.detach().double().cpu().numpy())).to(right)
