"""Making a closed triangle mesh two-manifold again: an edge collapse can press two sheets of a surface onto one edge.

Half-edge h = 3 f + i runs from corner i of face f to the next. In a closed mesh with consistent winding every edge has
as many half-edges one way as the other, so that they can be paired and the sheets taken apart (Guéziec et al. 2001).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Vertices = NDArray[np.float64]
Indices = NDArray[np.int64]
PULL = 0.01


def separate_sheets(vertices: Vertices, faces: Indices) -> tuple[Vertices, Indices]:
    """The same surface with exactly two faces at every edge: vertices [V, 3], faces [F, 3], slightly more or fewer.

    Faces that lie back to back cancel. Vertices where sheets touch are doubled and pulled apart by 1 % of their faces'
    size; where two sheets share an edge and both its ends, midpoints set them apart. ValueError if the mesh is not
    closed or its winding is not consistent.
    """
    faces = _without_back_to_back(np.asarray(faces, np.int64))
    vertices, faces = _split_vertices(np.asarray(vertices, np.float64), faces)
    while len(crowded := _crowded_pairs(faces)):
        vertices, faces = _insert_midpoints(vertices, faces, crowded)
    return _pull_apart(vertices, faces), faces


def _without_back_to_back(faces: Indices) -> Indices:
    """Of faces with the same corners, as many as one winding has more than the other."""
    first = faces.argmin(1)
    turned = np.take_along_axis(faces, (first[:, None] + np.arange(3)) % 3, 1)
    sign = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    corners, group = np.unique(np.sort(faces, 1), axis=0, return_inverse=True)
    surplus = np.bincount(group, sign, minlength=len(corners)).astype(int)
    keep = np.zeros(len(faces), bool)
    for winding in (1, -1):
        own = np.flatnonzero(sign == winding)
        keep[own] = _rank_in_group(group[own]) < winding * surplus[group[own]]
    return faces[keep]


def _rank_in_group(group: Indices) -> Indices:
    """How many earlier entries have the same value, for each entry."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    start = np.searchsorted(ordered, ordered)
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - start
    return rank


def _paired_half_edges(faces: Indices) -> tuple[Indices, Indices]:
    """Half-edges one way and, at the same place, one the other way of the same edge."""
    start, end = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    low, high = np.minimum(start, end), np.maximum(start, end)
    one, other = (
        way[np.lexsort((high[way], low[way]))] for way in (np.flatnonzero(start < end), np.flatnonzero(start > end))
    )
    if len(one) != len(other) or (low[one] != low[other]).any() or (high[one] != high[other]).any():
        raise ValueError("the mesh is not closed, or its winding is not consistent")
    return one, other


def _next(half_edge: Indices) -> Indices:
    return half_edge - half_edge % 3 + (half_edge + 1) % 3


def _split_vertices(vertices: Vertices, faces: Indices) -> tuple[Vertices, Indices]:
    """One vertex for each fan of faces that hang together by paired half-edges."""
    one, other = _paired_half_edges(faces)
    joined = np.concatenate([one, _next(one)]), np.concatenate([_next(other), other])
    count = faces.size
    fans = connected_components(coo_array((np.ones(len(joined[0]), bool), joined), shape=(count, count)), False)[1]
    fan_of_corner, first = np.unique(fans, return_index=True)
    return vertices[faces.reshape(-1)[first]], np.searchsorted(fan_of_corner, fans).reshape(-1, 3)


def _crowded_pairs(faces: Indices) -> Indices:
    """Pairs [P, 2] of half-edges on edges that have more than one pair, at most one pair for each face."""
    one, other = _paired_half_edges(faces)
    edges = np.sort(np.column_stack([faces.reshape(-1)[one], faces.reshape(-1)[_next(one)]]), 1)
    _, group, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    pairs = np.column_stack([one, other])[count[group] > 1]
    earliest = np.full(len(faces), len(pairs))
    np.minimum.at(earliest, pairs // 3, np.arange(len(pairs))[:, None])
    return pairs[(earliest[pairs // 3] == np.arange(len(pairs))[:, None]).all(1)]


def _insert_midpoints(vertices: Vertices, faces: Indices, pairs: Indices) -> tuple[Vertices, Indices]:
    """Both faces of each pair are cut in two at a new vertex in the middle of their edge."""
    flat, faces = faces.reshape(-1), faces.copy()
    middle = (vertices[flat[pairs[:, 0]]] + vertices[flat[_next(pairs[:, 0])]]) / 2
    new = len(vertices) + np.arange(len(pairs))
    halves = []
    for half_edge in pairs.T:
        end, apex = flat[_next(half_edge)], flat[_next(_next(half_edge))]
        halves.append(np.column_stack([new, end, apex]))
        faces.reshape(-1)[_next(half_edge)] = new
    return np.concatenate([vertices, middle]), np.concatenate([faces, *halves])


def _pull_apart(vertices: Vertices, faces: Indices) -> Vertices:
    """Vertices that share their place with another are moved towards the middle of their own faces."""
    _, place, count = np.unique(vertices, axis=0, return_inverse=True, return_counts=True)
    centers = np.repeat(vertices[faces].mean(1), 3, axis=0)
    corners = faces.reshape(-1)
    around = np.bincount(corners, minlength=len(vertices))
    sums = [np.bincount(corners, centers[:, axis], minlength=len(vertices)) for axis in range(3)]
    middle = np.column_stack(sums) / np.maximum(around, 1)[:, None]
    return np.where((count[place] > 1)[:, None], (1 - PULL) * vertices + PULL * middle, vertices)
