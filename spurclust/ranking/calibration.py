"""From votes of trees to probabilities, and from these to an order."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

LEAST_SHARE = 1e-3
"""Shares of the trees nearer to 0 or 1 are taken for this, before their odds are calibrated."""


def log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn shares of the trees into log odds."""
    share = np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE)
    return np.asarray(np.log(share / (1 - share)))


def calibrate(odds: NDArray[np.float64], codes: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """Fit the slope and offset that turn odds into calibrated ones, without changing their order.

    Parameters
    ----------
    odds : ndarray of shape (n_samples,)
        Log odds of sources by forests that have not seen them.
    codes : ndarray of int of shape (n_samples,)
        1 spurious, 0 reliable.

    Returns
    -------
    slope, offset : float
        1 and 0 where there is one class only, or where the odds tell nothing.
    """
    if len(np.unique(codes)) < 2:
        return 1.0, 0.0
    model = LogisticRegression(C=1.0).fit(odds[:, None], codes)
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)


def inspection_rank(probability: ArrayLike) -> NDArray[np.intp]:
    """Tell the place of each source in the order of inspection.

    Parameters
    ----------
    probability : array-like of shape (n_samples,)
        How probably each is spurious.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        From 1, the most probable; equal ones in the order given.

    Examples
    --------
    >>> from spurclust.ranking import inspection_rank
    >>> inspection_rank([0.1, 0.9, 0.1]).tolist()
    [2, 1, 3]
    """
    order = np.argsort(-np.asarray(probability, dtype=np.float64), kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(1, len(order) + 1)
    return rank
