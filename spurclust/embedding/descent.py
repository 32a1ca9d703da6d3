"""The descent of t-SNE: attraction between neighbors, repulsion by all pairs or by a field.

The constants are those of van der Maaten (JMLR 15, 2014); momentum and gains start afresh after
early exaggeration, and the automatic step length is that of Belkina et al. (Nature Communications
10, 2019).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.embedding.field import FieldMaker
from spurclust.embedding.neighbors import Float32
from spurclust.parallel import ThreadTeam
from spurclust.progress import track

EXAGGERATED_ITER = 250
"""Iterations with early exaggeration."""

MOMENTUM = (0.5, 0.8)
"""Momentum during and after early exaggeration."""

MIN_GAIN = 0.01
"""Floor of the per-coordinate gains."""

LEAST_RATE = 50.0
"""Floor of the automatic step length, as in scikit-learn."""

CHECK_EVERY = 50
"""Iterations between two evaluations of the divergence, as in scikit-learn."""

SORTED_ROWS = 50_000
"""From this many points on, sorting them once makes the descent faster."""

SHARE_ROWS = 256
"""Maximum number of points that one thread takes at a time."""


class Phase(NamedTuple):
    """A stretch of the descent with one set of constants."""

    n_iter: int
    exaggeration: float
    momentum: float
    learning_rate: float


@dataclass(frozen=True)
class Schedule:
    """The parameters of `TSNE` that steer and stop the descent."""

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
        """Return both phases."""
        first = min(EXAGGERATED_ITER, self.max_iter)
        counts = (first, self.early_exaggeration), (self.max_iter - first, 1.0)
        return [
            Phase(n_iter, exaggeration, momentum, self.rate(n_samples, exaggeration))
            for (n_iter, exaggeration), momentum in zip(counts, MOMENTUM, strict=True)
        ]


class _Progress:
    """Watches whether the divergence still falls."""

    def __init__(self, schedule: Schedule, exaggeration: float) -> None:
        self.patience = schedule.n_iter_without_progress
        self.min_grad_norm = schedule.min_grad_norm
        # Early exaggeration changes the divergence.
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


def _row_shares(n_rows: int) -> list[tuple[int, int]]:
    """Cut rows into ranges for threads to take."""
    n_shares = min(n_rows, max(8, -(-n_rows // SHARE_ROWS)))
    return list(pairwise(np.linspace(0, n_rows, n_shares + 1).astype(int).tolist()))


def _curve_order(points: Float32) -> NDArray[np.intp]:
    """Order points along a Z-shaped curve that fills the plane (Morton 1966)."""
    span = max(float(np.ptp(points, axis=0).max()), np.finfo(np.float32).tiny)
    cells = ((points - points.min(axis=0)) / span * (2**16 - 1)).astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cells = (cells | (cells << np.uint64(shift))) & np.uint64(mask)
    return np.argsort(cells[:, 0] | (cells[:, 1] << np.uint64(1)), kind="stable")


class _Forces:
    """Points and the forces on them."""

    def __init__(
        self, affinities: Any, start: NDArray[Any], team: ThreadTeam, interpolated: bool
    ) -> None:
        self.order = np.arange(len(start))
        self._set(affinities, start)
        self.team = team
        self.attraction, self.repulsion = np.empty((2, 2, len(start)), dtype=np.float32)
        self.sums = np.empty(len(start))
        self.shares = _row_shares(len(start))
        self.fields = FieldMaker(team) if interpolated else None

    def _set(self, affinities: Any, points: NDArray[Any]) -> None:
        """Convert points and affinities to the types of the kernels."""
        self.matrix = affinities
        self.x, self.y = self.points = np.ascontiguousarray(points.T, dtype=np.float32)
        self.starts = affinities.indptr.astype(np.int64)
        self.neighbors = affinities.indices.astype(np.int32, copy=False)
        self.affinities = affinities.data.astype(np.float32, copy=False)

    def points_as_given(self) -> Float32:
        """Return the points, one per row, in their original order."""
        given = np.empty((len(self.x), 2), dtype=np.float32)
        given[self.order] = self.points.T
        return given

    def sort(self) -> None:
        """Sort the points, so that near points are near in memory."""
        order = _curve_order(self.points.T)
        self._set(self.matrix[order][:, order], self.points.T[order])
        self.order = self.order[order]

    def update(self, exaggeration: float) -> None:
        """Compute all forces at the current points."""
        from spurclust.embedding.kernels import attract, read_field

        x, y = self.x, self.y
        fixed = x, y, self.starts, self.neighbors, self.affinities, np.float32(exaggeration)
        if self.fields is None:

            def pull_and_push(share: tuple[int, int]) -> None:
                attract(*fixed, *share, self.attraction)
                self.repel_by_pairs(share)

            self.team.run(pull_and_push, self.shares)
            return
        fields = self.fields
        origin = fields.prepare(x, y).origin()

        def pull_or_spread(share: tuple[int, int] | None) -> None:
            if share is None:
                fields.spread(x, y)
            else:
                attract(*fixed, *share, self.attraction)

        def push(share: tuple[int, int]) -> None:
            read_field(x, y, *origin, fields.grid, *share, self.repulsion, self.sums)

        self.team.run(pull_or_spread, [None, *self.shares])
        fields.convolve()
        self.team.run(push, self.shares)

    def repel_by_pairs(self, share: tuple[int, int]) -> None:
        """Compute the repulsion of some points by all points."""
        from spurclust.embedding.kernels import repel_by_all

        repel_by_all(self.x, self.y, *share, self.repulsion, self.sums)

    def divergence(self) -> float:
        """Compute the divergence at the points of the last update."""
        from spurclust.embedding.kernels import divergence_terms

        terms = np.empty(len(self.x))
        parts = (self.x, self.y, self.starts, self.neighbors, self.affinities)
        self.team.run(lambda share: divergence_terms(*parts, *share, terms), self.shares)
        return float(terms.sum() + np.log((self.sums - 1).sum()))


def kl_divergence(embedding: NDArray[Any], affinities: Any, n_jobs: int | None = None) -> float:
    """Compute the Kullback-Leibler divergence of an embedding in nats, exactly."""
    with ThreadTeam(n_jobs) as team:
        forces = _Forces(affinities, np.asarray(embedding), team, interpolated=False)
        team.run(forces.repel_by_pairs, forces.shares)
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
    """Minimize the divergence by gradient descent; return the points and the iterations done."""
    # `interpolated` reads the repulsion off a field; `report` gets iteration, divergence and norm.
    iteration = 0
    with ThreadTeam(n_jobs) as team:
        forces = _Forces(affinities, start, team, interpolated)
        for phase in schedule.phases(len(start)):
            if iteration and len(start) >= SORTED_ROWS:
                forces.sort()
            progress = _Progress(schedule, phase.exaggeration)
            for norm in track(_steps(forces, phase), phase.n_iter, "t-SNE", "iteration"):
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
    # Momentum and gains start afresh: those of an earlier phase cost up to 6 % of divergence.
    velocity, gains = np.zeros_like(forces.points), np.ones_like(forces.points)
    for _ in range(phase.n_iter):
        forces.update(phase.exaggeration)
        total = np.float32((forces.sums - 1).sum())  # without each point itself
        with np.errstate(all="ignore"):  # overflows are reported below
            gradient = 4 * (forces.attraction - forces.repulsion / total)
            uphill = gradient * velocity >= 0
            gains = np.where(uphill, np.maximum(0.8 * gains, np.float32(MIN_GAIN)), gains + 0.2)
            velocity = phase.momentum * velocity - phase.learning_rate * gains * gradient
            forces.points += velocity
            center = forces.points.mean(axis=1, dtype=np.float64, keepdims=True).astype("f4")
            forces.points -= center
        if not np.isfinite(forces.points).all():
            raise ValueError(
                f"the points move too far apart: lower learning_rate ({phase.learning_rate:g}), "
                "early_exaggeration or the spread of init"
            )
        yield float(np.sqrt(np.square(gradient, dtype=np.float64).sum()))
