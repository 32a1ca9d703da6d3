"""Which known spurious sources a source is most like."""

from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from spurclust.embedding.neighbors import row_keys
from spurclust.parallel import map_row_blocks

Float32 = NDArray[np.float32]

BLOCK_ROWS = 256
LARGEST = 5.0
"""Features are cut at so many times their spread, lest one alone decides."""


def middle_and_spread(rows: Float32) -> tuple[Float32, Float32]:
    """Return the median of each feature, and half the range of its middle two thirds."""
    values = np.nan_to_num(rows)
    low, middle, high = np.percentile(values, [16, 50, 84], axis=0)
    spread = (high - low) / 2
    spread = np.where(spread > 0, spread, values.std(axis=0))
    spread = np.where(spread > 0, spread, 1)
    return middle.astype(np.float32), spread.astype(np.float32)


def robust_scaled(rows: Float32) -> Float32:
    """Scale features by their spread around the median, cut, so that no outlier rules."""
    middle, spread = middle_and_spread(rows)
    return np.asarray(np.clip(np.nan_to_num((rows - middle) / spread), -LARGEST, LARGEST))


class LikenessSpace(NamedTuple):
    """The known spurious sources, and how features are made comparable.

    Features are scaled by their spread and weighted by the root of half their importance, so that
    two sources drawn at random are at a distance of about 1. `keys` and `indices` tell which
    fitted sources the known spurious are.
    """

    middle: Float32
    spread: Float32
    weight: Float32
    spurious: Float32
    keys: NDArray[np.uint64]
    indices: NDArray[np.intp]

    @classmethod
    def fit(cls, rows: Float32, codes: NDArray[np.int8], importances: NDArray[np.float64]) -> Self:
        """Learn the scales from all sources, and keep the known spurious."""
        middle, spread = middle_and_spread(rows)
        indices = np.flatnonzero(codes == 1)
        known = rows[indices]
        space = cls(
            middle,
            spread,
            np.sqrt(importances / 2).astype(np.float32),
            known,
            row_keys(known),
            indices,
        )
        return space._replace(spurious=space.scaled(known))

    def scaled(self, rows: Float32) -> Float32:
        """Scale and weight features; a missing one is in the middle."""
        away = np.nan_to_num((rows - self.middle) / self.spread)
        return np.asarray(np.clip(away, -LARGEST, LARGEST) * self.weight, dtype=np.float32)


def nearest_spurious(
    space: LikenessSpace, rows: Float32, n_neighbors: int, n_jobs: int | None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the known spurious nearest to rows of features, but not the row itself.

    Parameters
    ----------
    space : LikenessSpace
        The known spurious.
    rows : ndarray of shape (n_samples, n_features)
        Features.
    n_neighbors : int
        How many to find.
    n_jobs : int or None
        Number of threads.

    Returns
    -------
    indices : ndarray of int of shape (n_samples, n_neighbors)
        Places among the fitted sources; -1 where there are not so many.
    distances : ndarray of shape (n_samples, n_neighbors)
        NaN where there are not so many.
    """
    found = map_row_blocks(
        partial(_nearest_in_block, space, n_neighbors=n_neighbors), rows, BLOCK_ROWS, n_jobs
    )
    distances, places = found[:, 0], found[:, 1]
    missing = ~np.isfinite(distances)
    indices = np.append(space.indices, -1)[np.where(missing, -1, places).astype(np.intp)]
    return indices, np.where(missing, np.nan, distances)


def _nearest_in_block(
    space: LikenessSpace, rows: Float32, *, n_neighbors: int
) -> NDArray[np.float64]:
    """Return distances and places of the nearest, of shape (n, 2, n_neighbors)."""
    found = np.full((len(rows), 2, n_neighbors), np.inf)
    distances: NDArray[Any] = cdist(space.scaled(rows), space.spurious)
    distances[row_keys(rows)[:, None] == space.keys] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    found[:, 0, : order.shape[1]] = np.take_along_axis(distances, order, axis=1)
    found[:, 1, : order.shape[1]] = order
    return found
