"""The compiled kernels of t-SNE: neighbours, affinities, gradients, out-of-sample placing.

Every kernel works on a range of rows, releases the GIL and writes those rows only, so that threads
share the rows and a row's bits do not depend on how. Each is compiled for one signature and cached
on disk.
"""

import numpy as np

from spurclust.steps._compile import kernel

REFERENCE_TILE = 512
"""Reference rows whose distances to one query are summed together: they stay in L1 cache."""


@kernel("void(float32[::1], float32[:, ::1], int64, int64, float32[::1])")
def _squared_distances(query, references, low, high, out):  # type: ignore[no-untyped-def]
    """Sum squared differences feature by feature, each pair in the same order."""
    n = high - low
    for j in range(n):
        out[j] = 0.0
    for f in range(query.shape[0]):
        value = query[f]
        row = references[f, low:high]
        for j in range(n):
            difference = value - row[j]
            out[j] += difference * difference


@kernel("void(float32[::1], int64[::1], int64, float32, int64)")
def _heap_replace(distances, indices, size, distance, index):  # type: ignore[no-untyped-def]
    """Put a nearer row in the place of the farthest of a max-heap ordered by (distance, index)."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            distances[other] > distances[child]
            or (distances[other] == distances[child] and indices[other] > indices[child])
        ):
            child = other
        if distances[child] < distance or (distances[child] == distance and indices[child] < index):
            break
        distances[place] = distances[child]
        indices[place] = indices[child]
        place = child
    distances[place] = distance
    indices[place] = index


@kernel(
    "void(float32[:, ::1], float32[:, ::1], int64, int64, int64, float32[:, ::1], int64[:, ::1])"
)
def nearest_rows(queries, references, skip, start, stop, distances, indices):  # type: ignore[no-untyped-def]
    """Find the nearest references (features x rows) of queries; `skip` >= 0 leaves out row + skip.

    Ties go to the lower index. Distances are squared and ascending.
    """
    n_references = references.shape[1]
    k = distances.shape[1]
    tile = np.empty(REFERENCE_TILE, np.float32)
    for i in range(start, stop):
        own = i + skip if skip >= 0 else -1
        heap_d = distances[i]
        heap_i = indices[i]
        for j in range(k):
            heap_d[j] = np.inf
            heap_i[j] = n_references
        for low in range(0, n_references, REFERENCE_TILE):
            high = min(low + REFERENCE_TILE, n_references)
            _squared_distances(queries[i], references, low, high, tile)
            for j in range(high - low):
                if tile[j] < heap_d[0] and low + j != own:
                    _heap_replace(heap_d, heap_i, k, tile[j], low + j)
        for size in range(k - 1, 0, -1):
            last_d = heap_d[size]
            last_i = heap_i[size]
            heap_d[size] = heap_d[0]
            heap_i[size] = heap_i[0]
            _heap_replace(heap_d, heap_i, size, last_d, last_i)


@kernel("void(float32[:, ::1], float64, int64, int64, float32[:, ::1])")
def conditional_affinities(distances, perplexity, start, stop, affinities):  # type: ignore[no-untyped-def]
    """Find each row's Gaussian bandwidth by bisection; each row of affinities sums to 1."""
    target = np.log(perplexity)
    k = distances.shape[1]
    weights = np.empty(k, np.float64)
    for i in range(start, stop):
        nearest = np.float64(distances[i, 0])
        mean = 0.0
        for j in range(k):
            mean += distances[i, j] - nearest
        mean /= k
        precision = 1.0 / mean if mean > 0 else 1.0
        low = 0.0
        high = np.inf
        for _ in range(100):
            total = 0.0
            moment = 0.0
            for j in range(k):
                gap = distances[i, j] - nearest
                weight = np.exp(-gap * precision)
                weights[j] = weight
                total += weight
                moment += weight * gap
            entropy = np.log(total) + precision * moment / total
            if abs(entropy - target) <= 1e-6:
                break
            if entropy > target:
                low = precision
                precision = precision * 2 if high == np.inf else (precision + high) / 2
            else:
                high = precision
                precision = (low + precision) / 2
        for j in range(k):
            affinities[i, j] = weights[j] / total


@kernel("UniTuple(float32, 3)(float32[::1], float32[::1], float32, float32)")
def _repulsion(x, y, xi, yi):  # type: ignore[no-untyped-def]
    """Sum over all points: what normalises the affinities, and the unnormalised repulsion."""
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
    return total, fx, fy


@kernel(
    "void(float32[::1], float32[::1], int32[::1], int32[::1], float32[::1], float32, int64, int64,"
    " float32[:, ::1], float32[:, ::1], float64[::1])"
)
def forces(  # type: ignore[no-untyped-def]
    x, y, starts, neighbours, affinities, exaggeration, start, stop, attraction, repulsion, sums
):
    """Compute both forces on some points and each point's share of the normalisation."""
    for i in range(start, stop):
        xi = x[i]
        yi = y[i]
        total, fx, fy = _repulsion(x, y, xi, yi)
        repulsion[0, i] = fx
        repulsion[1, i] = fy
        sums[i] = total - np.float32(1)
        fx = np.float32(0)
        fy = np.float32(0)
        for place in range(starts[i], starts[i + 1]):
            j = neighbours[place]
            dx = xi - x[j]
            dy = yi - y[j]
            q = affinities[place] / (np.float32(1) + dx * dx + dy * dy)
            fx += q * dx
            fy += q * dy
        attraction[0, i] = fx * exaggeration
        attraction[1, i] = fy * exaggeration


@kernel(
    "float64(float32[::1], float32[::1], float32[:, ::1], float32[:, ::1], float64[::1],"
    " float32[:, ::1], float32[:, ::1], float64, float64, float64)"
)
def descend(  # type: ignore[no-untyped-def]
    x, y, attraction, repulsion, sums, velocity, gains, learning_rate, momentum, min_gain
):
    """Move all points one step with momentum and gains; return the norm of the gradient."""
    total = 0.0
    for i in range(sums.shape[0]):
        total += sums[i]
    norm = 0.0
    centre = np.zeros(2, np.float64)
    for axis in range(2):
        points = x if axis == 0 else y
        for i in range(points.shape[0]):
            gradient = 4.0 * (attraction[axis, i] - repulsion[axis, i] / total)
            norm += gradient * gradient
            if gradient * velocity[axis, i] < 0:
                gains[axis, i] += np.float32(0.2)
            else:
                gains[axis, i] = max(gains[axis, i] * np.float32(0.8), np.float32(min_gain))
            step = momentum * velocity[axis, i] - learning_rate * gains[axis, i] * gradient
            velocity[axis, i] = step
            points[i] += np.float32(step)
            centre[axis] += points[i]
        shift = np.float32(centre[axis] / points.shape[0])
        for i in range(points.shape[0]):
            points[i] -= shift
    return np.sqrt(norm)


@kernel(
    "void(float32[::1], float32[::1], int32[::1], int32[::1], float32[::1], int64, int64,"
    " float64[::1], float64[::1])"
)
def divergence_terms(x, y, starts, neighbours, affinities, start, stop, sums, terms):  # type: ignore[no-untyped-def]
    """Compute each point's share of the normalisation and of sum p log(p / unnormalised q)."""
    for i in range(start, stop):
        total = np.float32(0)
        for j in range(x.shape[0]):
            dx = x[i] - x[j]
            dy = y[i] - y[j]
            total += np.float32(1) / (np.float32(1) + dx * dx + dy * dy)
        sums[i] = total - np.float32(1)
        term = 0.0
        for place in range(starts[i], starts[i + 1]):
            p = np.float64(affinities[place])
            dx = x[i] - x[neighbours[place]]
            dy = y[i] - y[neighbours[place]]
            if p > 0:
                term += p * np.log(p * (1.0 + dx * dx + dy * dy))
        terms[i] = term


@kernel(
    "void(float32[::1], float32[::1], int64[:, ::1], float32[:, ::1], int64, float64, float64,"
    " float64, float64, int64, int64, float32[:, ::1])"
)
def place_rows(  # type: ignore[no-untyped-def]
    x,
    y,
    neighbours,
    affinities,
    n_iter,
    exaggeration,
    learning_rate,
    momentum,
    max_step,
    start,
    stop,
    placed,
):
    """Descend each new point's own divergence among the fitted points, from where it stands."""
    for i in range(start, stop):
        px = np.float64(placed[i, 0])
        py = np.float64(placed[i, 1])
        vx = 0.0
        vy = 0.0
        for _ in range(n_iter):
            xi = np.float32(px)
            yi = np.float32(py)
            total, fx, fy = _repulsion(x, y, xi, yi)
            gx = -np.float64(fx) / total
            gy = -np.float64(fy) / total
            for place in range(neighbours.shape[1]):
                j = neighbours[i, place]
                dx = xi - x[j]
                dy = yi - y[j]
                p = exaggeration * affinities[i, place] / (np.float32(1) + dx * dx + dy * dy)
                gx += p * dx
                gy += p * dy
            norm = np.sqrt(gx * gx + gy * gy)
            if norm > max_step:
                gx *= max_step / norm
                gy *= max_step / norm
            vx = momentum * vx - learning_rate * gx
            vy = momentum * vy - learning_rate * gy
            px += vx
            py += vy
        placed[i, 0] = np.float32(px)
        placed[i, 1] = np.float32(py)
