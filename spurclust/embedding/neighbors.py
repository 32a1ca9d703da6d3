"""Equal rows, nearest neighbors and affinities."""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from spurclust.parallel import map_threads

Float32 = NDArray[np.float32]

QUERY_ROWS = 256
"""Number of rows that one thread takes at a time."""

REFERENCE_ROWS = 4096
"""Number of references whose products with these rows are computed at once: 4 MB."""

ROUNDING = 6e-8
"""Relative error of one float32 operation."""

CENTERED_VALUES = 250_000
"""Number of values that are centered in float64 at a time: 2 MB, which fit in the cache."""

N_BISECTIONS, ENTROPY_TOLERANCE = 100, 1e-6
"""Maximum number of bisections for a bandwidth, and the entropy difference that ends them."""

LARGEST_EXPONENT = 120
"""Limit of the exponent of the scale of rows, up and down: float32 ends at 2^127."""


def unit_scale(largest: float) -> float:
    """Return the power of two that brings values near 1, so that squares fit into float32."""
    # Fluxes in cgs units are about 1e-20. A power of two changes no bit of an ordinary result.
    exponent = int(np.clip(np.frexp(largest)[1], -LARGEST_EXPONENT, LARGEST_EXPONENT))
    return float(np.ldexp(1.0, -exponent))


def center_rows(
    X: NDArray[Any], center: NDArray[np.float64], scale: float, n_jobs: int | None = None
) -> Float32:
    """Return rows minus a center, times a scale, in float32; a few at a time are in float64."""
    rows = np.empty(X.shape, dtype=np.float32)
    step = max(1, CENTERED_VALUES // X.shape[1])

    def fill(start: int) -> None:
        rows[start : start + step] = (X[start : start + step] - center) * scale

    map_threads(fill, range(0, len(X), step), n_jobs)
    return rows


def row_keys(rows: Float32) -> NDArray[np.uint64]:
    """Hash each row; equal rows have equal keys."""
    zero = np.float32(0)  # adding it turns -0 into 0
    digests = [
        blake2b((row + zero).data, digest_size=8).digest()
        for row in np.ascontiguousarray(rows, dtype=np.float32)
    ]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def order_by_content(rows: NDArray[Any], codes: NDArray[Any] | None = None) -> NDArray[np.intp]:
    """Return the order of rows by content and code; equal ones keep their order."""
    keys = row_keys(np.asarray(rows, dtype=np.float32))
    return np.lexsort((keys,) if codes is None else (codes, keys))


def distinct_rows(rows: Float32) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first of each group of equal rows, ascending, and the group of each row."""
    _, first, group = np.unique(row_keys(rows), return_index=True, return_inverse=True)
    twin = first[group]
    copies = np.flatnonzero(twin != np.arange(len(rows)))
    # Keys of different rows are hardly ever equal, but they can be.
    different = copies[(rows[copies] != rows[twin[copies]]).any(axis=1)]
    twin[different] = different
    return np.unique(twin, return_inverse=True)


def _row_ranges(n_rows: int) -> list[tuple[int, int]]:
    """Cut rows into ranges for threads."""
    return [(low, min(low + QUERY_ROWS, n_rows)) for low in range(0, n_rows, QUERY_ROWS)]


def nearest_neighbors(
    queries: Float32,
    references: Float32,
    n_neighbors: int,
    *,
    exclude_self: bool = False,
    n_jobs: int | None = None,
) -> tuple[Float32, NDArray[np.int32]]:
    """Return squared distances to each query's nearest references, ascending, and their indices."""
    # With `exclude_self`, query i is reference i. Bits do not depend on the other queries.
    from spurclust.embedding.kernels import keep_nearest

    if queries.shape[1] != references.shape[1]:  # the kernel does not check this
        raise ValueError(f"rows of {queries.shape[1]} and {references.shape[1]} numbers compared")
    queries, references = (
        np.require(rows, np.float32, ["C", "W"]) for rows in (queries, references)
    )
    distances = np.full((len(queries), n_neighbors), np.inf, dtype=np.float32)
    indices = np.full((len(queries), n_neighbors), len(references), dtype=np.int32)
    limits = np.full(len(queries), np.inf, dtype=np.float32)
    # A bound on the rounding of a product. With norms lowered by it, no neighbor is missed.
    slack = 4 * (queries.shape[1] + 4) * ROUNDING
    norms = [np.einsum("ij,ij->i", rows, rows, dtype=np.float64) for rows in (queries, references)]
    low_norms = [((1 - slack) * each).astype(np.float32) for each in norms]
    high_norms = [((1 + slack) * each).astype(np.float32) for each in norms]

    def search(bounds: tuple[int, int]) -> None:
        part = slice(*bounds)
        for low in range(0, len(references), REFERENCE_ROWS):
            block = references[low : low + REFERENCE_ROWS]
            products = queries[part] @ block.T
            if low == 0 and len(block) > n_neighbors:
                # The nearest of the first block bound the distance of the neighbors.
                upper = high_norms[1][: len(block)] - 2 * products
                upper.partition(n_neighbors, axis=1)
                limits[part] = upper[:, n_neighbors] + high_norms[0][part]
            parts = (*low_norms, limits, bounds[0], low, exclude_self, distances, indices)
            keep_nearest(products, queries, references, *parts)
        order = np.lexsort((indices[part], distances[part]))
        distances[part] = np.take_along_axis(distances[part], order, axis=1)
        indices[part] = np.take_along_axis(indices[part], order, axis=1)

    map_threads(search, _row_ranges(len(queries)), n_jobs)
    return distances, indices


def _conditional_affinities(distances: Float32, perplexity: float) -> Float32:
    """Find each row's Gaussian bandwidth by bisection; each row of affinities sums to 1."""
    target = np.log(perplexity)
    all_gaps = gaps = distances - distances[:, :1].astype(np.float64)
    mean = gaps.mean(axis=1)
    precision = 1 / np.where(mean > 0, mean, 1)
    low, high = np.zeros_like(mean), np.full_like(mean, np.inf)
    found = np.empty_like(mean)
    rows = np.arange(len(distances))  # rows whose bandwidth is not found yet
    for _ in range(N_BISECTIONS):
        weights = np.exp(-gaps * precision[:, np.newaxis])
        total = weights.sum(axis=1)
        entropy = np.log(total) + precision * np.einsum("ij,ij->i", weights, gaps) / total
        found[rows] = precision
        low = np.where(entropy > target, precision, low)
        high = np.where(entropy > target, high, precision)
        precision = np.where(np.isinf(high), precision * 2, (low + high) / 2)
        sought = np.abs(entropy - target) > ENTROPY_TOLERANCE
        if not sought.any():
            break
        if not sought.all():
            rows, gaps, precision = rows[sought], gaps[sought], precision[sought]
            low, high = low[sought], high[sought]
    weights = np.exp(-all_gaps * found[:, np.newaxis])
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, dtype=np.float32)


def neighbor_affinities(
    distances: Float32, perplexity: float, n_jobs: int | None = None
) -> Float32:
    """Turn squared distances, ascending, into probabilities of a perplexity; rows sum to 1."""
    affinities = np.empty_like(distances)

    def calibrate(bounds: tuple[int, int]) -> None:
        part = slice(*bounds)
        affinities[part] = _conditional_affinities(distances[part], perplexity)

    map_threads(calibrate, _row_ranges(len(distances)), n_jobs)
    return affinities


def joint_affinities(rows: Float32, perplexity: float, n_jobs: int | None = None) -> Any:
    """Return the symmetric affinities of distinct rows, a sparse array that sums to 1."""
    n_samples = len(rows)
    # The same number as in scikit-learn, so that the affinities are the same.
    n_neighbors = min(n_samples - 1, int(3.0 * perplexity + 1))
    distances, indices = nearest_neighbors(
        rows, rows, n_neighbors, exclude_self=True, n_jobs=n_jobs
    )
    conditional = neighbor_affinities(distances, perplexity, n_jobs)
    n_pairs = n_samples * n_neighbors
    starts = np.arange(0, n_pairs + 1, n_neighbors, dtype=np.int32 if n_pairs < 2**30 else np.int64)
    directed = csr_array(
        (conditional.ravel(), indices.ravel(), starts), shape=(n_samples, n_samples)
    )
    joint = (directed + directed.T).tocsr()
    joint.sort_indices()
    joint.data /= np.float32(joint.data.sum(dtype=np.float64))
    return joint
