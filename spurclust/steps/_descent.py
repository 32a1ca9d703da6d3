"""The descent of t-SNE: exact forces in compiled kernels, or interpolated ones from openTSNE."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

from spurclust._optional import import_optional
from spurclust.steps._affinities import Float32
from spurclust.steps._blocks import map_threads

EXAGGERATED_ITER = 250
"""Iterations with early exaggeration (van der Maaten 2014)."""

MOMENTUM = (0.5, 0.8)
"""Momentum during and after early exaggeration (van der Maaten 2014)."""

MIN_GAIN = 0.01
"""Floor of the per-coordinate gains (van der Maaten 2014)."""

CHECK_EVERY = 50
"""Iterations between two looks at the divergence and the gradient, as in scikit-learn."""


class PlacementSettings(NamedTuple):
    """How a new row is placed among the fitted ones (values of Policar et al. 2023)."""

    perplexity: float = 5.0
    n_start_neighbors: int = 25
    n_iter: int = 250
    exaggeration: float = 1.5
    learning_rate: float = 0.1
    momentum: float = 0.8
    max_gradient: float = 0.25


@dataclass(frozen=True)
class Schedule:
    """When the descent changes and when it stops."""

    max_iter: int
    early_exaggeration: float
    learning_rate: float
    n_iter_without_progress: int
    min_grad_norm: float

    def phases(self) -> list[tuple[int, float, float]]:
        """List iterations, exaggeration and momentum of both phases."""
        first = min(EXAGGERATED_ITER, self.max_iter)
        return [
            (first, self.early_exaggeration, MOMENTUM[0]),
            (self.max_iter - first, 1.0, MOMENTUM[1]),
        ]


class _Progress:
    """Tells when the divergence has stopped falling."""

    def __init__(self, schedule: Schedule) -> None:
        self.patience = schedule.n_iter_without_progress
        self.min_grad_norm = schedule.min_grad_norm
        self.best = np.inf
        self.best_iter = 0

    def stops(self, iteration: int, divergence: float, norm: float) -> bool:
        if divergence < self.best:
            self.best, self.best_iter = divergence, iteration
        return iteration - self.best_iter > self.patience or norm <= self.min_grad_norm


def _shares(n_rows: int, n_threads: int) -> list[tuple[int, int]]:
    """Cut rows into one range for each thread."""
    bounds = np.linspace(0, n_rows, n_threads + 1).astype(int).tolist()
    return [(low, high) for low, high in pairwise(bounds) if high > low]


def _csr_arrays(affinities: Any) -> tuple[NDArray[np.int32], NDArray[np.int32], Float32]:
    """Return the parts of a CSR matrix in the types of the kernels."""
    return (
        affinities.indptr.astype(np.int32),
        affinities.indices.astype(np.int32),
        affinities.data.astype(np.float32),
    )


def kl_divergence(embedding: NDArray[Any], affinities: Any, n_jobs: int | None = None) -> float:
    """Compute the Kullback-Leibler divergence of an embedding, exactly.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, 2)
        The points.
    affinities : csr_array of shape (n_samples, n_samples)
        Joint affinities that sum to 1.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    float
        The divergence in nats.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.steps._affinities import joint_affinities
    >>> from spurclust.steps._descent import kl_divergence
    >>> rows = np.array([[0.0], [1.0]], dtype=np.float32)
    >>> abs(round(kl_divergence(np.eye(2), joint_affinities(rows, 1)), 6))
    0.0
    """
    from spurclust.steps._tsne import divergence_terms

    x, y = np.ascontiguousarray(embedding.T, dtype=np.float32)
    parts = _csr_arrays(affinities)
    sums = np.empty(len(x))
    terms = np.empty(len(x))
    map_threads(
        lambda bounds: divergence_terms(x, y, *parts, *bounds, sums, terms),
        _shares(len(x), effective_n_jobs(n_jobs)),
        n_jobs,
    )
    return float(terms.sum() + np.log(sums.sum()))


def descend_exactly(
    affinities: Any,
    start: Float32,
    schedule: Schedule,
    *,
    n_jobs: int | None = None,
    report: Callable[[int, float, float], None] | None = None,
) -> tuple[Float32, int]:
    """Minimise the divergence with all pairs of points in every iteration.

    Parameters
    ----------
    affinities : csr_array of shape (n_samples, n_samples)
        Joint affinities.
    start : ndarray of shape (n_samples, 2)
        Where the points start.
    schedule : Schedule
        Phases and stopping.
    n_jobs : int, default=None
        Number of threads; the result is the same to the bit for any.
    report : callable, default=None
        Called with iteration, divergence and gradient norm every 50 iterations.

    Returns
    -------
    embedding : ndarray of shape (n_samples, 2), float32
        The points.
    n_iter : int
        Number of iterations done.
    """
    from spurclust.steps._tsne import descend, forces

    n_samples = len(start)
    x, y = np.ascontiguousarray(start.T, dtype=np.float32)
    parts = _csr_arrays(affinities)
    attraction, repulsion = np.empty((2, 2, n_samples), dtype=np.float32)
    velocity, gains = np.zeros((2, n_samples), np.float32), np.ones((2, n_samples), np.float32)
    sums = np.empty(n_samples)
    shares = _shares(n_samples, effective_n_jobs(n_jobs))
    iteration = 0
    with ThreadPoolExecutor(max(len(shares) - 1, 1)) as pool:
        for n_iter, exaggeration, momentum in schedule.phases():
            progress = _Progress(schedule)
            # What exaggeration has set in motion must not go on: it costs up to 6 % of divergence.
            velocity[:], gains[:] = 0, 1
            rate, factor = float(schedule.learning_rate), np.float32(exaggeration)
            for _ in range(n_iter):
                args = (x, y, *parts, factor)
                pending = [
                    pool.submit(forces, *args, *share, attraction, repulsion, sums)
                    for share in shares[1:]
                ]
                forces(*args, *shares[0], attraction, repulsion, sums)
                for future in pending:
                    future.result()
                norm = descend(
                    x, y, attraction, repulsion, sums, velocity, gains, rate, momentum, MIN_GAIN
                )
                iteration += 1
                if iteration % CHECK_EVERY == 0:
                    divergence = kl_divergence(np.stack([x, y], axis=1), affinities, n_jobs)
                    if report:
                        report(iteration, divergence, norm)
                    if progress.stops(iteration, divergence, norm):
                        break
    return np.stack([x, y], axis=1), iteration


def descend_interpolated(
    affinities: Any,
    start: Float32,
    schedule: Schedule,
    *,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> tuple[Float32, int]:
    """Minimise the divergence with openTSNE's interpolated repulsion (needs the extra `fft`).

    Parameters
    ----------
    affinities : csr_array of shape (n_samples, n_samples)
        Joint affinities.
    start : ndarray of shape (n_samples, 2)
        Where the points start.
    schedule : Schedule
        Phases; the stopping rules are not used.
    n_jobs : int, default=None
        Number of threads.
    verbose : bool, default=False
        Whether openTSNE prints its progress.

    Returns
    -------
    embedding : ndarray of shape (n_samples, 2), float32
        The points.
    n_iter : int
        Number of iterations done.

    References
    ----------
    G. Linderman et al., "Fast interpolation-based t-SNE for improved visualization of single-cell
    RNA-seq data", Nature Methods 16, 2019.
    """
    opentsne = import_optional("openTSNE", feature="Interpolated t-SNE", extra="fft")
    from scipy.sparse import csr_matrix

    fixed = opentsne.affinity.PrecomputedAffinities(
        csr_matrix(affinities, dtype=np.float64), normalize=False
    )
    embedding = opentsne.TSNEEmbedding(
        start.astype(np.float64),
        fixed,
        negative_gradient_method="fft",
        n_jobs=effective_n_jobs(n_jobs),
        verbose=verbose,
    )
    for n_iter, exaggeration, momentum in schedule.phases():
        if n_iter:
            # As in the exact descent, what exaggeration has set in motion must not go on.
            embedding.optimizer = type(embedding.optimizer)()
            # openTSNE's gradient lacks the factor 4 of van der Maaten's.
            embedding.optimize(
                n_iter,
                exaggeration=exaggeration,
                momentum=momentum,
                learning_rate=4 * schedule.learning_rate,
                min_gain=MIN_GAIN,
                inplace=True,
            )
    return np.asarray(embedding, dtype=np.float32), schedule.max_iter


def place_new_rows(
    distances: Float32,
    indices: NDArray[np.int64],
    embedding: Float32,
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
    from spurclust.steps._affinities import neighbor_affinities
    from spurclust.steps._tsne import place_rows

    x, y = np.ascontiguousarray(embedding.T, dtype=np.float32)
    placed = np.median(embedding[indices], axis=1).astype(np.float32)
    n_attracting = min(indices.shape[1], int(3 * settings.perplexity))
    perplexity = min(settings.perplexity, max(1.0, n_attracting / 3))
    near = np.ascontiguousarray(indices[:, :n_attracting])
    affinities = neighbor_affinities(
        np.ascontiguousarray(distances[:, :n_attracting]), perplexity, n_jobs
    )

    def place(bounds: tuple[int, int]) -> None:
        place_rows(
            x,
            y,
            near,
            affinities,
            settings.n_iter,
            settings.exaggeration,
            settings.learning_rate,
            settings.momentum,
            settings.max_gradient,
            *bounds,
            placed,
        )

    map_threads(place, _shares(len(placed), max(1, len(placed) // 16)), n_jobs)
    return placed
