"""New rows among the fitted points, each by itself."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.embedding.field import FieldMaker, Lattice
from spurclust.embedding.neighbors import Float32, neighbor_affinities
from spurclust.parallel import Crew

FIELD_MARGIN = 12.0
"""How far beyond the fitted points their field is kept; beyond, it is read at the edge."""

SHARE_ROWS = 16
"""Rows that one thread places at a time."""


class PlacementSettings(NamedTuple):
    """How a new row is placed among the fitted ones (values of Policar et al. 2023)."""

    perplexity: float = 5.0
    n_start_neighbors: int = 25
    n_iter: int = 250
    exaggeration: float = 1.5
    learning_rate: float = 0.1
    momentum: float = 0.8
    max_gradient: float = 0.25


class PointField(NamedTuple):
    """The field of the fitted points, which repels new ones, as weights of splines."""

    lattice: Lattice
    weights: Float32


def field_of(embedding: Float32, n_jobs: int | None = None) -> PointField:
    """Make the field of fitted points.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, 2)
        The fitted points.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    PointField
        The field and where it lies.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.placement import field_of
    >>> field = field_of(np.zeros((3, 2), dtype=np.float32))
    >>> field.weights.shape == (field.lattice.rows, field.lattice.columns)
    True
    """
    x, y = np.require(embedding.T, np.float32, ["C", "W"])
    with Crew(n_jobs) as crew:
        maker = FieldMaker(crew, FIELD_MARGIN)
        lattice = maker.prepare(x, y)
        maker.spread(x, y)
        maker.convolve()
    return PointField(lattice, maker.grid)


def place_new_rows(
    distances: Float32,
    indices: NDArray[np.int32],
    embedding: Float32,
    field: PointField,
    settings: PlacementSettings = PlacementSettings(),  # noqa: B008 - immutable
    n_jobs: int | None = None,
) -> Float32:
    """Place new points among fitted ones, each by itself.

    A point starts at the median of its nearest fitted points and descends its own divergence,
    attracted by a few neighbours and repelled by all fitted points, which do not move.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_neighbors), float32
        Squared distances to the nearest fitted rows, ascending.
    indices : ndarray of shape (n_queries, n_neighbors)
        Which fitted rows.
    embedding : ndarray of shape (n_samples, 2)
        The fitted points.
    field : PointField
        Their field.
    settings : PlacementSettings
        Constants of the descent.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_queries, 2), float32
        The new points.

    References
    ----------
    P. Policar, M. Strazar and B. Zupan, "Embedding to reference t-SNE space addresses batch
    effects in single-cell classification", Machine Learning 112, 2023.
    """
    from spurclust.embedding.tsne_kernels import place_rows

    x, y = np.require(embedding.T, np.float32, ["C", "W"])
    placed = np.median(embedding[indices], axis=1).astype(np.float32)
    n_attracting = min(indices.shape[1], int(3 * settings.perplexity))
    perplexity = min(settings.perplexity, max(1.0, n_attracting / 3))
    near = np.ascontiguousarray(indices[:, :n_attracting])
    affinities = neighbor_affinities(
        np.ascontiguousarray(distances[:, :n_attracting]), perplexity, n_jobs
    )

    weights = np.require(field.weights, requirements=["C", "W"])

    def place(start: int) -> None:
        place_rows(
            x,
            y,
            near,
            affinities,
            *field.lattice.place(),
            weights,
            settings.n_iter,
            settings.exaggeration,
            settings.learning_rate,
            settings.momentum,
            settings.max_gradient,
            start,
            min(start + SHARE_ROWS, len(placed)),
            placed,
        )

    with Crew(n_jobs) as crew:
        crew.run(place, range(0, len(placed), SHARE_ROWS))
    return placed
