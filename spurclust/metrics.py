"""How good a region is: completeness, purity, workload and exact intervals."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def binomial_interval(
    k: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the exact (Clopper-Pearson) interval of a fraction.

    It covers the true fraction with at least the given confidence, whatever the fraction is.

    Parameters
    ----------
    k : array-like of int
        Number found.
    n : array-like of int
        Number looked at.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : ndarray of float64
        The ends, each between 0 and 1; 0 and 1 where `n` is 0.

    Raises
    ------
    ValueError
        When `k` is negative or larger than `n`, or `confidence` is not between 0 and 1.

    References
    ----------
    C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of
    the binomial", Biometrika 26, 1934.

    Examples
    --------
    >>> from spurclust.metrics import binomial_interval
    >>> low, high = binomial_interval(54, 57)
    >>> round(float(low), 3), round(float(high), 3)
    (0.854, 0.989)
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if np.any(k < 0) or np.any(k > n):
        raise ValueError(f"k must be between 0 and n, got k={k} and n={n}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}.")
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def _known(y_true: ArrayLike, flagged: ArrayLike, unlabeled: Any) -> tuple[Any, Any]:
    """Return truth and flags, as 0 and 1, of the inspected sources."""
    truth, flags = np.asarray(y_true), np.asarray(flagged)
    if truth.shape != flags.shape or truth.ndim != 1:
        raise ValueError(
            f"y_true has shape {truth.shape} and flagged has {flags.shape}: both must be "
            "(n_samples,)."
        )
    if unlabeled is not None:
        # NaN, as a mark, equals itself here.
        inspected = (truth != unlabeled) & ((truth == truth) | (unlabeled == unlabeled))
        truth, flags = truth[inspected], flags[inspected]
    wrong = set(np.unique(truth)) - {0, 1} | set(np.unique(flags)) - {0, 1}
    if wrong:
        raise ValueError(
            f"Labels and flags must be 0 or 1, got {sorted(value.item() for value in wrong)}."
        )
    return truth.astype(bool), flags.astype(bool)


def completeness(y_true: ArrayLike, flagged: ArrayLike, *, unlabeled: Any = None) -> float:
    """Compute the share of the known spurious sources that are flagged (recall).

    Flagging everything makes it 1: read it beside the workload.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    flagged : array-like of shape (n_samples,)
        1 or True where flagged.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.

    Returns
    -------
    float
        Between 0 and 1; NaN when no source is known to be spurious.

    Examples
    --------
    >>> from spurclust.metrics import completeness
    >>> completeness([1, 1, 0, -1], [1, 0, 0, 1], unlabeled=-1)
    0.5
    """
    truth, flags = _known(y_true, flagged, unlabeled)
    return float(flags[truth].mean()) if truth.any() else float("nan")


def purity(y_true: ArrayLike, flagged: ArrayLike, *, unlabeled: Any = None) -> float:
    """Compute the share of the flagged and inspected sources that are spurious (precision).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    flagged : array-like of shape (n_samples,)
        1 or True where flagged.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.

    Returns
    -------
    float
        Between 0 and 1; NaN when no inspected source is flagged.

    Examples
    --------
    >>> from spurclust.metrics import purity
    >>> purity([1, 0, 0, -1], [1, 1, 0, 1], unlabeled=-1)
    0.5
    """
    truth, flags = _known(y_true, flagged, unlabeled)
    return float(truth[flags].mean()) if flags.any() else float("nan")


def workload(flagged: ArrayLike) -> float:
    """Compute the share of all sources that are flagged, and so have to be looked at.

    Parameters
    ----------
    flagged : array-like of shape (n_samples,)
        1 or True where flagged.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        When there is no source.

    Examples
    --------
    >>> from spurclust.metrics import workload
    >>> workload([True, False, False, False])
    0.25
    """
    flags = np.asarray(flagged)
    if flags.size == 0:
        raise ValueError("The workload of no sources is not defined.")
    return float(flags.astype(bool).mean())
