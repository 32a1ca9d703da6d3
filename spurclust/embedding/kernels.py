"""The compiled kernels of the embedding.

Every kernel of t-SNE works on a range of rows, releases the GIL and writes only these rows. So
threads can share the rows, and the bits of a row do not depend on their number. Each kernel is
compiled for one signature and cached on disk.
"""

import numpy as np
from numba import types

from spurclust.parallel import kernel

ORDER = 6
"""Number of nodes along each axis to which a point contributes: those of a quintic B-spline."""

BEFORE = 2
"""Number of them before the cell of the point."""

N_STEPS, EXAGGERATION, LEARNING_RATE, MOMENTUM, MAX_STEP = 250, 1.5, 0.1, 0.8, 0.25
"""The descent of new points (Policar et al. 2023)."""


@kernel(
    types.void(
        *(
            # The arrays of a loaded forest may be mapped from a read-only file.
            types.Array(dtype, ndim, "C", readonly=True)
            for dtype, ndim in (
                (types.float32, 2),
                (types.int64, 1),
                (types.int32, 1),
                (types.float64, 1),
                (types.int32, 2),
                (types.boolean, 1),
                (types.float64, 2),
            )
        ),
        types.float64[:, ::1],
    ),
    fastmath=frozenset(),
)
def add_shares(  # type: ignore[no-untyped-def]
    rows, roots, features, thresholds, children, missing_left, shares, out
):
    """Add the shares of the classes in the leaf of each row, tree after tree."""
    for tree in range(roots.shape[0]):
        for i in range(rows.shape[0]):
            node = roots[tree]
            while features[node] >= 0:
                value = rows[i, features[node]]
                left = missing_left[node] if np.isnan(value) else value <= thresholds[node]
                node = children[node, 0] if left else children[node, 1]
            for k in range(out.shape[1]):
                out[i, k] += shares[node, k]


@kernel(
    types.void(
        types.Array(types.float32, 2, "C", readonly=True),
        types.Array(types.float64, 2, "C", readonly=True),
        types.Array(types.float64, 1, "C", readonly=True),
        types.float32[:, ::1],
    ),
    fastmath=frozenset(),
)
def interpolate_shares(rows, quantiles, references, out):  # type: ignore[no-untyped-def]
    """Transform as QuantileTransformer does; it takes the mean of both ends of equal quantiles."""
    n = references.shape[0]
    for k in range(rows.shape[1]):
        column = quantiles[k]
        for i in range(rows.shape[0]):
            value = np.float64(rows[i, k])
            low, left = 0, n
            while left > 0:
                half = (left + 1) // 2
                low += half if column[low + half - 1] < value else 0
                left -= half
            if low == n or value == column[n - 1]:
                share = 1.0
            elif low == 0:
                share = 0.0
            elif value == column[low]:
                high = low
                while column[high + 1] == value:
                    high += 1
                share = 0.5 * (references[low] + references[high])
            else:
                slope = (references[low] - references[low - 1]) / (column[low] - column[low - 1])
                from_below = references[low - 1] + slope * (value - column[low - 1])
                from_above = references[low] - slope * (column[low] - value)
                share = 0.5 * (from_below + from_above)
            out[i, k] = share


@kernel("void(float32[::1], int32[::1], float32, int64)")
def replace_farthest(heap_d, heap_i, distance, index):  # type: ignore[no-untyped-def]
    """Replace the farthest reference of a heap by a nearer one."""
    # The nearest of a query are a max-heap by (distance, index), so that ties go to the lower
    # index. The farthest leaves, and the nearer one sinks to its node.
    k = heap_d.shape[0]
    node = 0
    child = 1
    while child < k:
        if child + 1 < k and (
            heap_d[child + 1] > heap_d[child]
            or (heap_d[child + 1] == heap_d[child] and heap_i[child + 1] > heap_i[child])
        ):
            child += 1
        if heap_d[child] < distance or (heap_d[child] == distance and heap_i[child] < index):
            break
        heap_d[node] = heap_d[child]
        heap_i[node] = heap_i[child]
        node = child
        child = 2 * node + 1
    heap_d[node] = distance
    heap_i[node] = index


@kernel(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1], float32[::1],"
    " float32[::1], int64, int64, int64, float32[:, ::1], int32[:, ::1])"
)
def keep_nearest(  # type: ignore[no-untyped-def]
    products, queries, references, query_norms, norms, limits, start, low, skip, distances, indices
):
    """Update the nearest references of some queries from a block of their products."""
    # A product gives the distance up to rounding, so the norms are lowered by the error bound.
    # Pairs that pass are summed again, always in the same order.
    n = products.shape[1]
    passing = np.empty(n + 1, np.int64)
    for i in range(products.shape[0]):
        heap_d = distances[start + i]
        heap_i = indices[start + i]
        query = queries[start + i]
        norm = query_norms[start + i]
        row = products[i]
        own = start + i - low if skip else -1
        limit = min(heap_d[0], limits[start + i]) - norm
        count = 0
        for j in range(n):
            passing[count] = j
            count += 1 if norms[low + j] - np.float32(2) * row[j] <= limit else 0
        for c in range(count):
            j = passing[c]
            bound = norms[low + j] - np.float32(2) * row[j] + norm
            if bound > heap_d[0] or j == own:
                continue
            reference = references[low + j]
            distance = np.float32(0)
            for f in range(query.shape[0]):
                difference = query[f] - reference[f]
                distance += difference * difference
            if distance >= heap_d[0]:
                continue
            replace_farthest(heap_d, heap_i, distance, low + j)


@kernel(
    "void(float32[::1], float32[::1], int64, int64, float32[:, ::1], float64[::1])",
)
def repel_by_all(x, y, start, stop, repulsion, sums):  # type: ignore[no-untyped-def]
    """Sum over all pairs of some points: the normalization and the unnormalized repulsion."""
    for i in range(start, stop):
        xi = x[i]
        yi = y[i]
        total = np.float32(0)
        fx = np.float32(0)
        fy = np.float32(0)
        for j in range(x.shape[0]):
            dx = xi - x[j]
            dy = yi - y[j]
            q = np.float32(1) / (np.float32(1) + dx * dx + dy * dy)
            total += q
            q *= q
            fx += q * dx
            fy += q * dy
        repulsion[0, i] = fx
        repulsion[1, i] = fy
        sums[i] = total


@kernel(
    "void(float32[::1], float32[::1], int64[::1], int32[::1], float32[::1], float32, int64, int64,"
    " float32[:, ::1])"
)
def attract(x, y, starts, neighbors, affinities, exaggeration, start, stop, attraction):  # type: ignore[no-untyped-def]
    """Sum the attraction of some points to their neighbors."""
    for i in range(start, stop):
        fx = np.float32(0)
        fy = np.float32(0)
        for k in range(starts[i], starts[i + 1]):
            dx = x[i] - x[neighbors[k]]
            dy = y[i] - y[neighbors[k]]
            q = affinities[k] / (np.float32(1) + dx * dx + dy * dy)
            fx += q * dx
            fy += q * dy
        attraction[0, i] = fx * exaggeration
        attraction[1, i] = fy * exaggeration


@kernel(
    "void(float32[::1], float32[::1], int64[::1], int32[::1], float32[::1], int64, int64,"
    " float64[::1])"
)
def divergence_terms(x, y, starts, neighbors, affinities, start, stop, terms):  # type: ignore[no-untyped-def]
    """Compute each point's sum of p log(p / unnormalized q)."""
    for i in range(start, stop):
        term = 0.0
        for k in range(starts[i], starts[i + 1]):
            p = np.float64(affinities[k])
            dx = x[i] - x[neighbors[k]]
            dy = y[i] - y[neighbors[k]]
            if p > 0:
                term += p * np.log(p * (1.0 + dx * dx + dy * dy))
        terms[i] = term


@kernel("void(float32, float32[::1], float32[::1])")
def spline_weights(t, weights, slopes):  # type: ignore[no-untyped-def]
    """Compute the weights of the nodes around a position in its cell, and their derivatives."""
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
    """Spread each point's unit over the nodes around it; `density` is nodes per unit length."""
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
    """Read the field and half of its fall at some points; points outside read it at the edge."""
    # The field is the sum of 1 / (1 + distance^2) over all its points. Half of its fall is their
    # unnormalized repulsion.
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


@kernel(
    "void(float32[::1], float32[::1], int32[:, ::1], float32[:, ::1], float32, float32, float32,"
    " float32[:, ::1], int64, int64, float32[:, ::1])"
)
def place_rows(  # type: ignore[no-untyped-def]
    x, y, neighbors, affinities, left, bottom, density, field, start, stop, placed
):
    """Minimize each new point's own divergence among the fitted points, from its start."""
    n = stop - start
    px = np.empty(n, np.float32)
    py = np.empty(n, np.float32)
    points_x = np.empty(n, np.float64)
    points_y = np.empty(n, np.float64)
    velocity_x = np.empty(n, np.float64)
    velocity_y = np.empty(n, np.float64)
    repulsion = np.empty((2, n), np.float32)
    sums = np.empty(n, np.float64)
    for i in range(n):
        points_x[i] = placed[start + i, 0]
        points_y[i] = placed[start + i, 1]
        velocity_x[i] = 0
        velocity_y[i] = 0
    for _ in range(N_STEPS):
        for i in range(n):
            px[i] = np.float32(points_x[i])
            py[i] = np.float32(points_y[i])
        read_field(px, py, left, bottom, density, field, 0, n, repulsion, sums)
        for i in range(n):
            fx = np.float32(0)
            fy = np.float32(0)
            for k in range(neighbors.shape[1]):
                j = neighbors[start + i, k]
                dx = px[i] - x[j]
                dy = py[i] - y[j]
                p = affinities[start + i, k] / (np.float32(1) + dx * dx + dy * dy)
                fx += p * dx
                fy += p * dy
            gx = EXAGGERATION * fx - repulsion[0, i] / sums[i]
            gy = EXAGGERATION * fy - repulsion[1, i] / sums[i]
            norm = np.sqrt(gx * gx + gy * gy)
            if norm > MAX_STEP:
                gx *= MAX_STEP / norm
                gy *= MAX_STEP / norm
            velocity_x[i] = MOMENTUM * velocity_x[i] - LEARNING_RATE * gx
            velocity_y[i] = MOMENTUM * velocity_y[i] - LEARNING_RATE * gy
            points_x[i] += velocity_x[i]
            points_y[i] += velocity_y[i]
    for i in range(n):
        placed[start + i, 0] = np.float32(points_x[i])
        placed[start + i, 1] = np.float32(points_y[i])
