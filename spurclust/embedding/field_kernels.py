"""The compiled kernels between points and a lattice: quintic B-splines, 6 x 6 nodes a point."""

import numpy as np

from spurclust.compilation import kernel

ORDER = 6
"""Nodes on which a point lies along each axis: those of a quintic B-spline."""

BEFORE = 2
"""How many of them lie before the cell of the point."""


@kernel("void(float32, float32[::1], float32[::1])")
def spline_weights(t, weights, slopes):  # type: ignore[no-untyped-def]
    """Compute the weights of the nodes at a place in its cell, and their derivatives."""
    weights[0] = np.float32(1) - t
    weights[1] = t
    for k in range(3, ORDER + 1):
        share = np.float32(1) / np.float32(k - 1)
        if k == ORDER:
            slopes[0] = -weights[0]
            for j in range(1, ORDER - 1):
                slopes[j] = weights[j - 1] - weights[j]
            slopes[ORDER - 1] = weights[ORDER - 2]
        weights[k - 1] = share * t * weights[k - 2]
        for j in range(1, k - 1):
            left = (t + np.float32(j)) * weights[k - 2 - j]
            weights[k - 1 - j] = share * (left + (np.float32(k - j) - t) * weights[k - 1 - j])
        weights[0] = share * (np.float32(1) - t) * weights[0]


@kernel("void(float32[::1], float32[::1], float32, float32, float32, float32[:, ::1])")
def spread(x, y, left, bottom, density, grid):  # type: ignore[no-untyped-def]
    """Lay every point as a unit on the nodes around it; `density` is nodes per unit length."""
    wx = np.empty(ORDER, np.float32)
    wy = np.empty(ORDER, np.float32)
    slopes = np.empty(ORDER, np.float32)
    grid[:] = 0
    for i in range(x.shape[0]):
        u = (x[i] - left) * density
        v = (y[i] - bottom) * density
        column = int(u)
        row = int(v)
        spline_weights(u - np.float32(column), wx, slopes)
        spline_weights(v - np.float32(row), wy, slopes)
        for k in range(ORDER):
            for j in range(ORDER):
                grid[row - BEFORE + k, column - BEFORE + j] += wy[k] * wx[j]


@kernel(
    "void(float32[::1], float32[::1], float32, float32, float32, float32[:, ::1], int64, int64,"
    " float32[:, ::1], float64[::1])"
)
def read_field(x, y, left, bottom, density, grid, start, stop, repulsion, sums):  # type: ignore[no-untyped-def]
    """Read the field, and half of its fall, at some points; one outside is read at the edge.

    The field is the sum of 1 / (1 + distance^2) over all points that make it, and half of its
    fall their unnormalised repulsion.
    """
    wx = np.empty(ORDER, np.float32)
    wy = np.empty(ORDER, np.float32)
    dx = np.empty(ORDER, np.float32)
    dy = np.empty(ORDER, np.float32)
    first = np.float32(BEFORE)
    right = np.float32(grid.shape[1] - ORDER + BEFORE)
    top = np.float32(grid.shape[0] - ORDER + BEFORE)
    for i in range(start, stop):
        u = min(max((x[i] - left) * density, first), right)
        v = min(max((y[i] - bottom) * density, first), top)
        column = int(u)
        row = int(v)
        spline_weights(u - np.float32(column), wx, dx)
        spline_weights(v - np.float32(row), wy, dy)
        value = np.float32(0)
        along_x = np.float32(0)
        along_y = np.float32(0)
        for k in range(ORDER):
            total = np.float32(0)
            slope = np.float32(0)
            for j in range(ORDER):
                node = grid[row - BEFORE + k, column - BEFORE + j]
                total += wx[j] * node
                slope += dx[j] * node
            value += wy[k] * total
            along_x += wy[k] * slope
            along_y += dy[k] * total
        sums[i] = value
        repulsion[0, i] = np.float32(-0.5) * along_x * density
        repulsion[1, i] = np.float32(-0.5) * along_y * density
