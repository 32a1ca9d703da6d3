"""The sources, or the known spurious ones, that are most similar to a source."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from spurclust.embedding.neighbors import nearest_neighbors, row_keys
from spurclust.fitted import TINY, Values
from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.parallel import map_row_blocks
from spurclust.printing import short_repr

Float32 = NDArray[np.float32]

BLOCK_ROWS = 256
MAX_DEVIATION = 5.0
"""Scaled features are clipped to this, so that a single outlying feature does not decide."""


def center_and_spread(rows: Float32) -> tuple[Float32, Float32]:
    """Return the median of each feature, and half the width of its central two thirds."""
    values = np.nan_to_num(rows)
    low, center, high = np.percentile(values, [16, 50, 84], axis=0)
    spread = (high - low) / 2
    spread = np.where(spread > 0, spread, values.std(axis=0))
    spread = np.where(spread > 0, spread, 1)
    return center.astype(np.float32), spread.astype(np.float32)


def scale_robustly(rows: Float32, center: Float32, spread: Float32) -> Float32:
    """Return clipped deviations from the center in units of the spread; 0 where missing."""
    deviation = np.nan_to_num((rows - center) / spread)
    return np.asarray(np.clip(deviation, -MAX_DEVIATION, MAX_DEVIATION))


class SimilaritySpace(NamedTuple):
    """Scaled, weighted features in which two random sources are at a distance of about 1."""

    center: Annotated[Float32, Values("f4", ("n_features",))]
    spread: Annotated[Float32, Values("f4", ("n_features",), TINY)]
    weight: Annotated[Float32, Values("f4", ("n_features",), 0)]
    spurious: Annotated[Float32, Values("f4", ("n_spurious", "n_features"), empty=True)]
    # Indices of the known spurious among the fitted sources.
    keys: Annotated[NDArray[np.uint64], Values("u8", ("n_spurious",), empty=True)]
    indices: Annotated[NDArray[np.intp], Values("i8", ("n_spurious",), 0, "n_samples", empty=True)]

    @classmethod
    def fit(cls, rows: Float32, codes: NDArray[np.int8], importances: NDArray[np.float64]) -> Self:
        """Learn scales from all sources and weights from importances; keep the spurious sources."""
        center, spread = center_and_spread(rows)
        weight = np.sqrt(importances / 2).astype(np.float32)
        indices = np.flatnonzero(codes == SPURIOUS)
        known = rows[indices]
        space = cls(center, spread, weight, known, row_keys(known), indices)
        return space._replace(spurious=space.scale(known))

    def scale(self, rows: Float32) -> Float32:
        """Scale and weight features."""
        scaled = scale_robustly(rows, self.center, self.spread) * self.weight
        return np.asarray(scaled, dtype=np.float32)

    def nearest(
        self, rows: Float32, n_neighbors: int, n_jobs: int | None
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return indices and distances of the nearest spurious; -1 and NaN where there are none."""
        in_block = partial(self._nearest_in_block, n_neighbors=n_neighbors)
        found = map_row_blocks(in_block, rows, BLOCK_ROWS, n_jobs)
        distances, positions = found[:, 0], found[:, 1]
        missing = ~np.isfinite(distances)
        indices = np.append(self.indices, -1)[np.where(missing, -1, positions).astype(np.intp)]
        return indices, np.where(missing, np.nan, distances)

    def _nearest_in_block(self, rows: Float32, *, n_neighbors: int) -> NDArray[np.float64]:
        """Return distances and positions of the nearest, of shape (n, 2, n_neighbors)."""
        found = np.full((len(rows), 2, n_neighbors), np.inf)
        distances: NDArray[Any] = cdist(self.scale(rows), self.spurious)
        distances[row_keys(rows)[:, None] == self.keys] = np.inf  # a source is not its own neighbor
        order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
        found[:, 0, : order.shape[1]] = np.take_along_axis(distances, order, axis=1)
        found[:, 1, : order.shape[1]] = order
        return found

    def __repr__(self) -> str:
        return short_repr(self)


def similar_sources(
    features: ArrayLike,
    n_neighbors: int = 8,
    *,
    sources: ArrayLike | None = None,
    importances: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the most similar sources of a survey, whatever their labels.

    With the importances of a ranker, distances are those of `InspectionRanker.nearest_spurious`.
    Sources with similar features may still look different to a person.

    Parameters
    ----------
    features : array-like of shape (n_samples, n_features)
        Features of all sources of the survey.
    n_neighbors : int, default=8
        Number of neighbors; fewer where there are fewer other sources.
    sources : array-like of int of shape (n_queries,), default=None
        Indices of the sources whose neighbors are wanted. None is all.
    importances : array-like of shape (n_features,), default=None
        Weights of the features, of sum 1: `feature_importances_` of a ranker. None is equal
        weights.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Returns
    -------
    indices : ndarray of int of shape (n_queries, n_neighbors)
        Indices in `features`, the most similar first. A source is not its own neighbor.
    distances : ndarray of shape (n_queries, n_neighbors)
        Distances in the scaled, weighted features; 1 is typical of two random sources.

    Examples
    --------
    >>> from spurclust.ranking import similar_sources
    >>> indices, _ = similar_sources([[0.0], [0.1], [0.3], [9.0]], 2)
    >>> indices.tolist()
    [[1, 2], [0, 2], [1, 0], [2, 1]]
    """
    rows = np.asarray(features, dtype=np.float32)
    n_sources, n_features = rows.shape
    chosen = np.arange(n_sources) if sources is None else np.asarray(sources, dtype=np.intp)
    weights = np.full(n_features, 1 / n_features) if importances is None else importances
    none_known = np.full(n_sources, UNINSPECTED, dtype=np.int8)
    space = SimilaritySpace.fit(rows, none_known, np.asarray(weights, dtype=np.float64))
    scaled = space.scale(rows)
    n_found = min(n_neighbors, n_sources - 1)
    squares, found = nearest_neighbors(scaled[chosen], scaled, n_found + 1, n_jobs=n_jobs)
    others = found != chosen[:, None]
    others[others.all(axis=1), -1] = False  # more equal sources than were asked for
    indices, distances = (each[others].reshape(len(chosen), n_found) for each in (found, squares))
    return indices.astype(np.intp), np.sqrt(distances, dtype=np.float64)
