"""The descent of t-SNE: attraction between neighbours, repulsion by all pairs or by a field."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.embedding.field import FieldMaker
from spurclust.embedding.neighbors import Float32
from spurclust.parallel import Crew

EXAGGERATED_ITER = 250
"""Iterations with early exaggeration (van der Maaten 2014)."""

MOMENTUM = (0.5, 0.8)
"""Momentum during and after early exaggeration (van der Maaten 2014)."""

MIN_GAIN = 0.01
"""Floor of the per-coordinate gains (van der Maaten 2014)."""

LEAST_RATE = 50.0
"""Floor of the automatic step length, as in scikit-learn."""

CHECK_EVERY = 50
"""Iterations between two looks at the divergence and the gradient, as in scikit-learn."""

SORTED_ROWS = 50_000
"""From so many points on, their order in memory costs more than sorting them once."""

SHARE_ROWS = 256
"""Most points that one thread takes at a time."""


class Phase(NamedTuple):
    """A stretch of the descent with one set of constants."""

    n_iter: int
    exaggeration: float
    momentum: float
    learning_rate: float


@dataclass(frozen=True)
class Schedule:
    """When the descent changes and when it stops."""

    max_iter: int
    early_exaggeration: float
    learning_rate: float | str
    n_iter_without_progress: int
    min_grad_norm: float
    tol: float

    def rate(self, n_samples: int, exaggeration: float) -> float:
        """Return the step length in a phase."""
        if isinstance(self.learning_rate, str):
            return max(n_samples / exaggeration / 4, LEAST_RATE)
        return float(self.learning_rate)

    def phases(self, n_samples: int) -> list[Phase]:
        """List both phases."""
        first = min(EXAGGERATED_ITER, self.max_iter)
        counts = (first, self.early_exaggeration), (self.max_iter - first, 1.0)
        return [
            Phase(n_iter, exaggeration, momentum, self.rate(n_samples, exaggeration))
            for (n_iter, exaggeration), momentum in zip(counts, MOMENTUM, strict=True)
        ]


class _Progress:
    """Tells when the divergence has stopped falling."""

    def __init__(self, schedule: Schedule, exaggeration: float) -> None:
        self.patience = schedule.n_iter_without_progress
        self.min_grad_norm = schedule.min_grad_norm
        # Under exaggeration it is another divergence that falls.
        self.tol = schedule.tol if exaggeration == 1 else -np.inf
        self.best = self.last = np.inf
        self.best_iter = 0

    def stops(self, iteration: int, divergence: float, norm: float) -> bool:
        if divergence < self.best:
            self.best, self.best_iter = divergence, iteration
        settled = self.last - divergence < self.tol * abs(divergence)
        self.last = divergence
        patient = iteration - self.best_iter <= self.patience
        return settled or not patient or norm <= self.min_grad_norm


def row_shares(n_rows: int) -> list[tuple[int, int]]:
    """Cut rows into ranges for threads to take."""
    n_shares = min(n_rows, max(8, -(-n_rows // SHARE_ROWS)))
    return list(pairwise(np.linspace(0, n_rows, n_shares + 1).astype(int).tolist()))


def curve_order(points: Float32) -> NDArray[np.intp]:
    """Order points along a Z-shaped curve that fills the plane (Morton 1966).

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Points.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Their order; points near each other in it are near each other in the plane.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.descent import curve_order
    >>> curve_order(np.array([[9, 9], [0, 0], [9, 0], [1, 0]], dtype=np.float32))
    array([1, 3, 2, 0])
    """
    span = max(float(np.ptp(points, axis=0).max()), np.finfo(np.float32).tiny)
    cells = ((points - points.min(axis=0)) / span * (2**16 - 1)).astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cells = (cells | (cells << np.uint64(shift))) & np.uint64(mask)
    return np.argsort(cells[:, 0] | (cells[:, 1] << np.uint64(1)), kind="stable")


class _Forces:
    """Points, what acts on them, and how it is computed."""

    def __init__(self, affinities: Any, start: Float32, crew: Crew, interpolated: bool) -> None:
        self.order = np.arange(len(start))
        self._set(affinities, start)
        self.crew = crew
        self.attraction, self.repulsion = np.empty((2, 2, len(start)), dtype=np.float32)
        self.sums = np.empty(len(start))
        self.shares = row_shares(len(start))
        self.fields = FieldMaker(crew) if interpolated else None

    def _set(self, affinities: Any, points: Float32) -> None:
        """Take points and affinities in the types of the kernels."""
        self.matrix = affinities
        self.x, self.y = np.ascontiguousarray(points.T, dtype=np.float32)
        self.starts = affinities.indptr.astype(np.int64)
        self.neighbours = affinities.indices.astype(np.int32, copy=False)
        self.affinities = affinities.data.astype(np.float32, copy=False)

    def points(self) -> Float32:
        """Return the points in the order of the kernels, both coordinates of each together."""
        return np.stack([self.x, self.y], axis=1)

    def points_as_given(self) -> Float32:
        """Return the points in the order in which they came."""
        given = np.empty((len(self.x), 2), dtype=np.float32)
        given[self.order] = self.points()
        return given

    def sort(self) -> None:
        """Bring points that are near each other together in memory."""
        points = self.points()
        order = curve_order(points)
        self._set(self.matrix[order][:, order], points[order])
        self.order = self.order[order]

    def update(self, exaggeration: float) -> None:
        """Compute all forces where the points are."""
        from spurclust.embedding.field_kernels import read_field
        from spurclust.embedding.tsne_kernels import attract, repel_by_all

        x, y, repulsion, sums = self.x, self.y, self.repulsion, self.sums
        fixed = (self.points().view(np.int64)[:, 0], self.starts, self.neighbours, self.affinities)
        factor = np.float32(exaggeration)

        def pull(share: tuple[int, int]) -> None:
            attract(*fixed, factor, *share, self.attraction)

        if self.fields is None:

            def pull_and_push(share: tuple[int, int]) -> None:
                pull(share)
                repel_by_all(x, y, *share, repulsion, sums)

            self.crew.run(pull_and_push, self.shares)
            return
        fields = self.fields
        place = fields.prepare(x, y).place()

        def pull_or_spread(share: tuple[int, int] | None) -> None:
            if share is None:
                fields.spread(x, y)
            else:
                pull(share)

        self.crew.run(pull_or_spread, [None, *self.shares])
        fields.convolve()
        self.crew.run(
            lambda share: read_field(x, y, *place, fields.grid, *share, repulsion, sums),
            self.shares,
        )

    def divergence(self) -> float:
        """Compute the divergence where the points were when the forces were computed."""
        from spurclust.embedding.tsne_kernels import divergence_terms

        terms = np.empty(len(self.x))
        parts = (self.x, self.y, self.starts, self.neighbours, self.affinities)
        self.crew.run(lambda share: divergence_terms(*parts, *share, terms), self.shares)
        return float(terms.sum() + np.log((self.sums - 1).sum()))


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
    >>> from spurclust.embedding.neighbors import joint_affinities
    >>> from spurclust.embedding.descent import kl_divergence
    >>> rows = np.array([[0.0], [1.0]], dtype=np.float32)
    >>> abs(round(kl_divergence(np.eye(2), joint_affinities(rows, 1)), 6))
    0.0
    """
    from spurclust.embedding.tsne_kernels import repel_by_all

    with Crew(n_jobs) as crew:
        forces = _Forces(affinities, np.asarray(embedding), crew, interpolated=False)
        crew.run(
            lambda share: repel_by_all(forces.x, forces.y, *share, forces.repulsion, forces.sums),
            forces.shares,
        )
        return forces.divergence()


def descend_divergence(
    affinities: Any,
    start: Float32,
    schedule: Schedule,
    *,
    interpolated: bool = False,
    n_jobs: int | None = None,
    report: Callable[[int, float, float], None] | None = None,
) -> tuple[Float32, int]:
    """Minimise the divergence by gradient descent with momentum and gains.

    Parameters
    ----------
    affinities : csr_array of shape (n_samples, n_samples)
        Joint affinities.
    start : ndarray of shape (n_samples, 2)
        Where the points start.
    schedule : Schedule
        Phases and stopping.
    interpolated : bool, default=False
        Whether the repulsion is read off a field, instead of summed over all pairs.
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

    References
    ----------
    L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 15, 2014.
    A. Belkina et al., "Automated optimized parameters for t-distributed stochastic neighbor
    embedding", Nature Communications 10, 2019.
    """
    iteration = 0
    with Crew(n_jobs) as crew:
        forces = _Forces(affinities, start, crew, interpolated)
        for phase in schedule.phases(len(start)):
            if iteration and len(start) >= SORTED_ROWS:
                forces.sort()
            progress = _Progress(schedule, phase.exaggeration)
            for norm in _steps(forces, phase):
                iteration += 1
                if iteration % CHECK_EVERY == 0:
                    forces.update(phase.exaggeration)
                    divergence = forces.divergence()
                    if report:
                        report(iteration, divergence, norm)
                    if progress.stops(iteration, divergence, norm):
                        break
        return forces.points_as_given(), iteration


def _steps(forces: _Forces, phase: Phase) -> Iterator[float]:
    """Move the points step by step; yield the norm of each gradient."""
    from spurclust.embedding.tsne_kernels import descend

    # What an earlier phase has set in motion must not go on: it costs up to 6 % of divergence.
    velocity, gains = np.zeros_like(forces.attraction), np.ones_like(forces.attraction)
    rate, momentum = float(phase.learning_rate), phase.momentum
    for _ in range(phase.n_iter):
        forces.update(phase.exaggeration)
        yield descend(
            forces.x,
            forces.y,
            forces.attraction,
            forces.repulsion,
            forces.sums,
            velocity,
            gains,
            rate,
            momentum,
            MIN_GAIN,
        )
