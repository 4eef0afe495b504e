"""The z-buffer, against pixels counted by hand."""

import numpy as np

from gpslift.metrics.raster import rasterise


def test_triangle_covers_the_pixel_centres_inside_it() -> None:
    screen = np.array([[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 4.0, 1.0]])
    covered = np.isfinite(rasterise(screen, np.array([[0, 1, 2]]), 4, 5))
    # centres (x + .5, y + .5) with x + y + 1 <= 4
    expected = [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]]
    np.testing.assert_array_equal(covered, np.array(expected, bool))


def test_winding_does_not_matter() -> None:
    screen = np.array([[0.0, 0.0, 1.0], [4.0, 0.0, 2.0], [0.0, 4.0, 3.0]])
    one, other = (rasterise(screen, np.array([face]), 4, 4) for face in ([0, 1, 2], [0, 2, 1]))
    np.testing.assert_allclose(one, other)


def test_nearness_is_linear_and_the_nearest_stays() -> None:
    screen = np.array([[-9.0, -9.0, 0.0], [31.0, -9.0, 40.0], [-9.0, 31.0, 0.0], [0, 0, 5], [9, 0, 5], [0, 9, 5]])
    buffer = rasterise(screen, np.array([[0, 1, 2], [3, 4, 5]]), 1, 3)
    np.testing.assert_allclose(buffer, [[9.5, 10.5, 11.5]])  # x + 9, nearer than 5 everywhere
    swapped = rasterise(screen * [1, 1, -1], np.array([[0, 1, 2], [3, 4, 5]]), 1, 3)
    np.testing.assert_allclose(swapped, [[-5, -5, -5]], rtol=1e-9)


def test_triangle_without_a_finite_nearness_is_left_out() -> None:
    screen = np.array([[0.0, 0.0, np.nan], [4.0, 0.0, 1.0], [0.0, 4.0, 1.0]])
    assert not np.isfinite(rasterise(screen, np.array([[0, 1, 2]]), 4, 4)).any()


def test_two_triangles_leave_no_gap_between_them() -> None:
    screen = np.array([[0.0, 0.0, 1.0], [7.0, 1.0, 1.0], [8.0, 8.0, 1.0], [1.0, 7.0, 1.0]])
    whole = np.isfinite(rasterise(screen, np.array([[0, 1, 2], [0, 2, 3]]), 8, 8))
    assert all(whole[index, index] for index in range(8))
