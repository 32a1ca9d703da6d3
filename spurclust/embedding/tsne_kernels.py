"""The compiled kernels of t-SNE: neighbours, affinities, gradients, out-of-sample placing.

Every kernel works on a range of rows, releases the GIL and writes those rows only, so that threads
share the rows and a row's bits do not depend on how. Each is compiled for one signature and cached
on disk.
"""

import numpy as np

from spurclust.compilation import kernel
from spurclust.embedding.field_kernels import read_field


@kernel("float32(float32[::1], float32[::1])")
def _squared_distance(one, other):  # type: ignore[no-untyped-def]
    """Sum squared differences, every pair in the same order."""
    total = np.float32(0)
    for f in range(one.shape[0]):
        difference = one[f] - other[f]
        total += difference * difference
    return total


@kernel("void(float32[::1], int32[::1], int64, float32, int64)")
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
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1], float32[::1], int64,"
    " int64, int64, float32[:, ::1], int32[:, ::1])"
)
def keep_nearest(  # type: ignore[no-untyped-def]
    products,
    queries,
    references,
    query_norms,
    reference_norms,
    start,
    low,
    skip,
    distances,
    indices,
):
    """Update the nearest references of some queries from a block of their products.

    A product gives the distance but for rounding, which the norms are lowered by: what passes is
    summed anew. The heap goes by (distance, index), so that ties go to the lower index.
    """
    n = products.shape[1]
    k = distances.shape[1]
    passing = np.empty(n + 1, np.int64)
    for i in range(products.shape[0]):
        heap_d = distances[start + i]
        heap_i = indices[start + i]
        row = products[i]
        own = start + i - low if skip else -1
        limit = heap_d[0] - query_norms[start + i]
        count = 0
        for j in range(n):
            passing[count] = j
            count += 1 if reference_norms[low + j] - np.float32(2) * row[j] <= limit else 0
        for place in range(count):
            j = passing[place]
            bound = reference_norms[low + j] - np.float32(2) * row[j] + query_norms[start + i]
            if bound <= heap_d[0] and j != own:
                distance = _squared_distance(queries[start + i], references[low + j])
                if distance < heap_d[0]:
                    _heap_replace(heap_d, heap_i, k, distance, low + j)


@kernel("void(int64, int64, float32[:, ::1], int32[:, ::1])")
def sort_nearest(start, stop, distances, indices):  # type: ignore[no-untyped-def]
    """Turn the heaps of some queries into ascending rows."""
    for i in range(start, stop):
        heap_d = distances[i]
        heap_i = indices[i]
        for size in range(distances.shape[1] - 1, 0, -1):
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


@kernel(
    "void(float32[::1], float32[::1], int64, int64, float32[:, ::1], float64[::1])",
)
def repel_by_all(x, y, start, stop, repulsion, sums):  # type: ignore[no-untyped-def]
    """Sum over all pairs of some points: what normalises, and the unnormalised repulsion."""
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
    "void(int64[::1], int64[::1], int32[::1], float32[::1], float32, int64, int64, float32[:, ::1])"
)
def attract(pairs, starts, neighbours, affinities, exaggeration, start, stop, attraction):  # type: ignore[no-untyped-def]
    """Sum the attraction of some points; `pairs` holds both float32 of a point in 64 bits.

    Fetching them first, both in one load, is half again as fast as fetching where they are used.
    """
    longest = 0
    for i in range(start, stop):
        longest = max(longest, starts[i + 1] - starts[i])
    near = np.empty(longest + 1, np.int64)
    points = near.view(np.float32)
    for i in range(start, stop):
        first = starts[i]
        n = starts[i + 1] - first
        for place in range(n):
            near[place] = pairs[neighbours[first + place]]
        near[n] = pairs[i]
        xi = points[2 * n]
        yi = points[2 * n + 1]
        fx = np.float32(0)
        fy = np.float32(0)
        for place in range(n):
            dx = xi - points[2 * place]
            dy = yi - points[2 * place + 1]
            q = affinities[first + place] / (np.float32(1) + dx * dx + dy * dy)
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
        total += sums[i] - 1.0  # less the point itself
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
    "void(float32[::1], float32[::1], int64[::1], int32[::1], float32[::1], int64, int64,"
    " float64[::1])"
)
def divergence_terms(x, y, starts, neighbours, affinities, start, stop, terms):  # type: ignore[no-untyped-def]
    """Compute each point's sum of p log(p / unnormalised q)."""
    for i in range(start, stop):
        term = 0.0
        for place in range(starts[i], starts[i + 1]):
            p = np.float64(affinities[place])
            dx = x[i] - x[neighbours[place]]
            dy = y[i] - y[neighbours[place]]
            if p > 0:
                term += p * np.log(p * (1.0 + dx * dx + dy * dy))
        terms[i] = term


@kernel(
    "void(float32[::1], float32[::1], float32[::1], float32[::1], int32[:, ::1], float32[:, ::1],"
    " int64, float32[:, ::1])"
)
def _attract_new(px, py, x, y, neighbours, affinities, start, attraction):  # type: ignore[no-untyped-def]
    """Sum the attraction of new points, which are rows `start` and on, to fitted ones."""
    for i in range(px.shape[0]):
        fx = np.float32(0)
        fy = np.float32(0)
        for place in range(neighbours.shape[1]):
            j = neighbours[start + i, place]
            dx = px[i] - x[j]
            dy = py[i] - y[j]
            p = affinities[start + i, place] / (np.float32(1) + dx * dx + dy * dy)
            fx += p * dx
            fy += p * dy
        attraction[0, i] = fx
        attraction[1, i] = fy


@kernel(
    "void(float32[::1], float32[::1], int32[:, ::1], float32[:, ::1], float32, float32, float32,"
    " float32[:, ::1], int64, float64, float64, float64, float64, int64, int64, float32[:, ::1])"
)
def place_rows(  # type: ignore[no-untyped-def]
    x,
    y,
    neighbours,
    affinities,
    left,
    bottom,
    density,
    field,
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
    n = stop - start
    places = placed[start:stop].astype(np.float64)
    velocity = np.zeros((n, 2), np.float64)
    px = np.empty(n, np.float32)
    py = np.empty(n, np.float32)
    attraction = np.empty((2, n), np.float32)
    repulsion = np.empty((2, n), np.float32)
    sums = np.empty(n, np.float64)
    for _ in range(n_iter):
        for i in range(n):
            px[i] = np.float32(places[i, 0])
            py[i] = np.float32(places[i, 1])
        read_field(px, py, left, bottom, density, field, 0, n, repulsion, sums)
        _attract_new(px, py, x, y, neighbours, affinities, start, attraction)
        for i in range(n):
            gx = exaggeration * attraction[0, i] - repulsion[0, i] / sums[i]
            gy = exaggeration * attraction[1, i] - repulsion[1, i] / sums[i]
            norm = np.sqrt(gx * gx + gy * gy)
            if norm > max_step:
                gx *= max_step / norm
                gy *= max_step / norm
            velocity[i, 0] = momentum * velocity[i, 0] - learning_rate * gx
            velocity[i, 1] = momentum * velocity[i, 1] - learning_rate * gy
            places[i, 0] += velocity[i, 0]
            places[i, 1] += velocity[i, 1]
    for i in range(n):
        placed[start + i, 0] = np.float32(places[i, 0])
        placed[start + i, 1] = np.float32(places[i, 1])
