"""How far new sources lie from the fitted ones, and whether that is drift."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from spurclust.embedding.neighbors import (
    center_rows,
    nearest_neighbors,
    order_by_content,
    unit_scale,
)
from spurclust.fitted import POSITIVE, Number, Values
from spurclust.printing import short_repr

__all__ = ["NoveltyScale", "drift_message"]


Float32 = NDArray[np.float32]

MOST_LANDMARKS = 2000
"""More fitted rows would hardly make the distances smaller, but each prediction slower."""

MOST_VALUES = 4_000_000
"""Limit of the numbers in all landmarks together: rows of half a million pixels have few."""

USUAL_SHARE = 0.05
"""Share of the fitted sources that are farther than 1 from the others."""

LEAST_SHARE = 0.15
"""Share of novel sources above which there is drift, if it is not chance."""

CHANCE = 1e-3
"""Probability below which chance does not explain the share."""


class NoveltyScale(NamedTuple):
    """Fitted rows and the usual distance between them: the unit of novelty.

    It is part of a fitted detector. It does not see a change that leaves the rows as they are, such
    as a factor on all pixels.

    Attributes
    ----------
    landmarks : ndarray of shape (n_landmarks, n_columns), float32
        Up to 2000 fitted rows, drawn by their hashes: minus `center`, times `scale`.
    center : ndarray of shape (n_columns,)
        Their mean.
    scale : float
        Power of two that keeps squares within float32.
    unit : float
        Distance to the nearest other landmark that 95 % of the fitted rows do not exceed.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.novelty import NoveltyScale
    >>> rows = np.random.default_rng(0).normal(size=(300, 5))
    >>> scale = NoveltyScale.fit(rows)
    >>> bool(scale.measure(rows + 50).min() > 1)
    True
    """

    landmarks: Annotated[Float32, Values("f4", ("n_landmarks", "n_columns"))]
    center: Annotated[NDArray[np.float64], Values("f8", ("n_columns",))]
    scale: Annotated[float, POSITIVE]
    unit: Annotated[float, Number(0)]

    @classmethod
    def fit(cls, rows: ArrayLike, n_jobs: int | None = None) -> Self:
        """Draw landmarks and compute the usual distance.

        Parameters
        ----------
        rows : array-like of shape (n_samples, n_columns)
            The fitted rows, at least two.
        n_jobs : int, default=None
            Number of threads.

        Returns
        -------
        NoveltyScale
            The scale.
        """
        X = np.asarray(rows)
        most = int(np.clip(MOST_VALUES // max(X.shape[1], 1), 2, MOST_LANDMARKS))
        # As many again for the unit: more would hardly change it.
        chosen = order_by_content(X)[: 2 * most]
        landmarks = X[chosen[:most]].astype(np.float64)
        center = landmarks.mean(axis=0)
        scale = unit_scale(float(np.abs(landmarks - center).max(initial=0)))
        own = cls(center_rows(landmarks, center, scale, n_jobs), center, scale, 1.0)
        among, _ = nearest_neighbors(
            own.landmarks, own.landmarks, 1, exclude_self=True, n_jobs=n_jobs
        )
        others = own.measure(X[chosen[most:]], n_jobs)
        nearest = np.concatenate([np.sqrt(among[:, 0]), others])
        return own._replace(unit=float(np.quantile(nearest, 1 - USUAL_SHARE)))

    def measure(self, rows: ArrayLike, n_jobs: int | None = None) -> NDArray[np.float64]:
        """Compute how far each row lies from the landmarks.

        Parameters
        ----------
        rows : array-like of shape (n_samples, n_columns)
            Fitted or new rows.
        n_jobs : int, default=None
            Number of threads.

        Returns
        -------
        ndarray of shape (n_samples,)
            Distance to the nearest landmark over `unit`; 0 or infinite where the unit is 0.
        """
        X = np.asarray(rows)
        queries = center_rows(X, self.center, self.scale, n_jobs)
        squares, _ = nearest_neighbors(queries, self.landmarks, 1, n_jobs=n_jobs)
        nearest = np.sqrt(squares[:, 0].astype(np.float64))
        if self.unit > 0:
            return np.asarray(nearest / self.unit)
        return np.where(nearest > 0, np.inf, 0.0)

    def __repr__(self) -> str:
        return short_repr(self)


def drift_message(n_novel: int, n_sources: int) -> str | None:
    """Return a warning if more new sources are unlike the fitted ones than chance explains.

    About 5 % of sources like the fitted ones have a novelty above 1. It is drift if the share is
    above 15 %, and chance gives such a share with a probability below 0.001 (binomial).

    Parameters
    ----------
    n_novel : int
        Number of sources with a novelty above 1.
    n_sources : int
        Number of sources.

    Returns
    -------
    str or None
        The message; None where there is no drift.

    Examples
    --------
    >>> from spurclust.novelty import drift_message
    >>> drift_message(1, 3) is None, drift_message(60, 1000) is None
    (True, True)
    >>> drift_message(400, 1000)[:56]
    '400 of 1000 sources (40 %) lie farther from all fitted s'
    """
    if n_novel <= LEAST_SHARE * n_sources:
        return None
    if binom.sf(n_novel - 1, n_sources, USUAL_SHARE) >= CHANCE:
        return None
    return (
        f"{n_novel} of {n_sources} sources ({n_novel / n_sources:.0%}) lie farther from all fitted "
        "sources than 95 % of these from each other; 5 % is usual (column novelty, above 1). The "
        "model has seen none like them, and its flags may be wrong. Check that they were cut and "
        "stretched as the fitted ones were, from the same filters and instrument. If they were, "
        "inspect some of them, and fit again with these labels"
    ).replace("%)", " %)", 1)
