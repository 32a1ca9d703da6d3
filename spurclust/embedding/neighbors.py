"""Which rows are alike, and how much: neighbours and affinities of t-SNE."""

from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from spurclust.parallel import map_threads

Float32 = NDArray[np.float32]

QUERY_ROWS = 256
"""Rows that one thread takes at a time."""

REFERENCE_ROWS = 4096
"""References whose products with those rows are computed at once: 4 MB."""

FIRST_REFERENCES = 512
"""The first such block, each next being twice as long: until a row has met enough references, all
pass for its nearest."""

ROUNDING = 6e-8
"""Relative error of one float32 operation."""


def row_keys(rows: Float32) -> NDArray[np.uint64]:
    """Hash each row; rows that are equal to the bit have equal keys."""
    # Adding 0 turns -0 into 0.
    contiguous = np.ascontiguousarray(rows, dtype=np.float32) + np.float32(0)
    return np.array(
        [int.from_bytes(blake2b(row.data, digest_size=8).digest(), "little") for row in contiguous],
        dtype=np.uint64,
    )


def _row_ranges(n_rows: int) -> list[tuple[int, int]]:
    """Cut rows into ranges for the threads to take."""
    return [(low, min(low + QUERY_ROWS, n_rows)) for low in range(0, n_rows, QUERY_ROWS)]


def nearest_neighbors(
    queries: Float32,
    references: Float32,
    n_neighbors: int,
    *,
    exclude_self: bool = False,
    n_jobs: int | None = None,
) -> tuple[Float32, NDArray[np.int32]]:
    """Find each query's nearest references by comparing with all of them, exactly.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_features), float32
        Rows to find neighbours of.
    references : ndarray of shape (n_references, n_features), float32
        Rows to find them among.
    n_neighbors : int
        How many, at most `n_references` (less one with `exclude_self`).
    exclude_self : bool, default=False
        Whether query i is reference i and not its own neighbour.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    distances : ndarray of shape (n_queries, n_neighbors), float32
        Squared Euclidean distances, ascending.
    indices : ndarray of shape (n_queries, n_neighbors)
        Which references; the lower index first where distances are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.neighbors import nearest_neighbors
    >>> rows = np.array([[0.0], [1.0], [3.0]], dtype=np.float32)
    >>> nearest_neighbors(rows, rows, 1, exclude_self=True)[1].ravel()
    array([1, 0, 1], dtype=int32)
    """
    from spurclust.embedding.tsne_kernels import keep_nearest, sort_nearest

    queries, references = (
        np.require(rows, requirements=["C", "W"]) for rows in (queries, references)
    )
    columns = np.ascontiguousarray(references.T)
    distances = np.full((len(queries), n_neighbors), np.inf, dtype=np.float32)
    indices = np.full((len(queries), n_neighbors), len(references), dtype=np.int32)
    # Lowered by more than the rounding of a product, so that none of the nearest is missed.
    kept = 1 - 4 * (queries.shape[1] + 4) * ROUNDING
    query_norms, reference_norms = (
        (kept * np.einsum("ij,ij->i", rows, rows, dtype=np.float64)).astype(np.float32)
        for rows in (queries, references)
    )
    blocks = _reference_blocks(len(references))

    def search(bounds: tuple[int, int]) -> None:
        start, stop = bounds
        for low, high in blocks:
            products = queries[start:stop] @ columns[:, low:high]
            keep_nearest(
                products,
                queries,
                references,
                query_norms,
                reference_norms,
                start,
                low,
                exclude_self,
                distances,
                indices,
            )
        sort_nearest(start, stop, distances, indices)

    map_threads(search, _row_ranges(len(queries)), n_jobs)
    return distances, indices


def _reference_blocks(n_references: int) -> list[tuple[int, int]]:
    """Cut the references into blocks whose lengths double up to a limit."""
    lengths = [FIRST_REFERENCES]
    while sum(lengths) < n_references:
        lengths.append(min(2 * lengths[-1], REFERENCE_ROWS))
    bounds = np.minimum(np.cumsum([0, *lengths]), n_references).tolist()
    return list(pairwise(bounds))


def neighbor_affinities(
    distances: Float32, perplexity: float, n_jobs: int | None = None
) -> Float32:
    """Turn squared distances to neighbours into probabilities of a wanted perplexity.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_neighbors), float32
        Squared distances, ascending.
    perplexity : float
        Effective number of neighbours, at most `n_neighbors`.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_samples, n_neighbors), float32
        Probabilities; each row sums to 1.

    References
    ----------
    L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.neighbors import neighbor_affinities
    >>> neighbor_affinities(np.array([[1.0, 1.0]], dtype=np.float32), 2)
    array([[0.5, 0.5]], dtype=float32)
    """
    from spurclust.embedding.tsne_kernels import conditional_affinities

    affinities = np.empty_like(distances)

    def calibrate(bounds: tuple[int, int]) -> None:
        conditional_affinities(distances, float(perplexity), *bounds, affinities)

    map_threads(calibrate, _row_ranges(len(distances)), n_jobs)
    return affinities


def joint_affinities(rows: Float32, perplexity: float, n_jobs: int | None = None) -> Any:
    """Compute the symmetric affinities of t-SNE between each row and its neighbours.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features), float32
        Distinct rows, at least two.
    perplexity : float
        Effective number of neighbours; three times as many are used.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_samples, n_samples), float32
        Affinities that sum to 1.

    References
    ----------
    L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.neighbors import joint_affinities
    >>> joint_affinities(np.array([[0.0], [1.0]], dtype=np.float32), 1).toarray()
    array([[0. , 0.5],
           [0.5, 0. ]], dtype=float32)
    """
    n_samples = len(rows)
    # As scikit-learn counts them, so that the affinities are the same.
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
