"""How good a region is: completeness, purity, workload and exact intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from spurclust.labels import is_uninspected


class FractionInterval(NamedTuple):
    """A fraction of counted sources with its exact interval.

    It unpacks into its three numbers. The interval holds for the survey when the inspected sources
    are a random sample of it, and only on sources that did not choose the region.

    Attributes
    ----------
    value : float
        The fraction; NaN when no source counts.
    low : float
        Lower end of its interval; 0 when no source counts.
    high : float
        Upper end of its interval; 1 when no source counts.

    Examples
    --------
    >>> from spurclust.metrics import completeness_interval
    >>> value, low, high = completeness_interval([1, 1, 0], [1, 0, 0])
    >>> value
    0.5
    """

    value: float
    low: float
    high: float


def binomial_interval(
    k: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the exact (Clopper-Pearson) interval of a fraction.

    It covers the true fraction with at least the given confidence, for any fraction.

    Parameters
    ----------
    k : array-like of int
        Number found.
    n : array-like of int
        Number inspected.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : ndarray of float64
        Ends of the interval, between 0 and 1; 0 and 1 where `n` is 0.

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
    k, n = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if np.any(k < 0) or np.any(k > n):
        raise ValueError(f"k must be between 0 and n, got k={k} and n={n}.")
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def check_fraction(name: str, value: float, *, above_zero: bool) -> None:
    """Raise if a parameter is outside [0, 1], or (0, 1]."""
    if not (0 < value <= 1 or (value == 0 and not above_zero)):
        allowed = "(0, 1]" if above_zero else "[0, 1]"
        raise ValueError(f"{name} must be in {allowed}, got {value}.")


def check_confidence(confidence: float) -> None:
    """Raise if a confidence is outside (0, 1)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}.")


def inspected_pairs(
    y_true: ArrayLike, values: ArrayLike, name: str, unlabeled: object
) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return which of the inspected sources are spurious, and the values of the inspected."""
    labels, given = np.asarray(y_true), np.asarray(values)
    if labels.dtype.kind in "US" and not isinstance(y_true, np.ndarray):
        labels = np.asarray(y_true, dtype=object)  # numbers stay numbers beside a text
    if labels.shape != given.shape or labels.ndim != 1:
        raise ValueError(
            f"y_true has shape {labels.shape} and {name} has {given.shape}: both must be "
            "(n_samples,)."
        )
    inspected = ~is_uninspected(labels, unlabeled)
    hint = "If one of them means uninspected, name it: unlabeled=..."
    return as_bits(labels[inspected], "Labels", hint), given[inspected]


def as_bits(values: NDArray[Any], what: str, hint: str = "") -> NDArray[np.bool_]:
    """Turn values that are all 0 or 1 into booleans, or name the others."""
    if values.dtype.kind in "biuf":
        wrong = np.unique(values[(values != 0) & (values != 1)]).tolist()
    else:
        wrong = sorted(set(values.tolist()) - {0, 1}, key=repr)
    if wrong:
        raise ValueError(f"{what} must be 0 or 1, got {wrong[:5]}. {hint}".rstrip())
    return values.astype(bool)


def _hits(
    y_true: ArrayLike, flagged: ArrayLike, unlabeled: object
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which spurious sources are flagged, and which inspected flagged ones are spurious."""
    truth, flags = inspected_pairs(y_true, flagged, "flagged", unlabeled)
    flags = as_bits(flags, "Flags")
    return flags[truth], truth[flags]


def completeness(y_true: ArrayLike, flagged: ArrayLike, *, unlabeled: Any = None) -> float:
    """Compute the share of the known spurious sources that are flagged (recall).

    It is 1 when everything is flagged. Read it beside the workload, and never choose settings by it
    alone.

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

    Raises
    ------
    ValueError
        When the shapes differ, or a label (other than `unlabeled`) or flag is not 0 or 1.

    Examples
    --------
    >>> from spurclust.metrics import completeness
    >>> completeness([1, 1, 0, -1], [1, 0, 0, 1], unlabeled=-1)
    0.5
    """
    return _mean(_hits(y_true, flagged, unlabeled)[0])


def completeness_interval(
    y_true: ArrayLike, flagged: ArrayLike, *, unlabeled: Any = None, confidence: float = 0.95
) -> FractionInterval:
    """Compute the completeness with its exact (Clopper-Pearson) interval.

    It holds for other sources only if these labels did not choose the region. On labels that did,
    it is too good.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    flagged : array-like of shape (n_samples,)
        1 or True where flagged.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    FractionInterval
        value, low, high; NaN, 0, 1 when no source is known to be spurious.

    Raises
    ------
    ValueError
        When the shapes differ, a label (other than `unlabeled`) or flag is not 0 or 1, or
        `confidence` is not between 0 and 1.

    Examples
    --------
    >>> from spurclust.metrics import completeness_interval
    >>> [round(number, 3) for number in completeness_interval([1] * 57, [1] * 54 + [0] * 3)]
    [0.947, 0.854, 0.989]
    """
    return _with_interval(_hits(y_true, flagged, unlabeled)[0], confidence)


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

    Raises
    ------
    ValueError
        When the shapes differ, or a label (other than `unlabeled`) or flag is not 0 or 1.

    Examples
    --------
    >>> from spurclust.metrics import purity
    >>> purity([1, 0, 0, -1], [1, 1, 0, 1], unlabeled=-1)
    0.5
    """
    return _mean(_hits(y_true, flagged, unlabeled)[1])


def purity_interval(
    y_true: ArrayLike, flagged: ArrayLike, *, unlabeled: Any = None, confidence: float = 0.95
) -> FractionInterval:
    """Compute the purity with its exact (Clopper-Pearson) interval.

    It counts the flagged sources that are inspected. It holds for the others if these are a random
    part of the flagged, and did not choose the region.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    flagged : array-like of shape (n_samples,)
        1 or True where flagged.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    FractionInterval
        value, low, high; NaN, 0, 1 when no inspected source is flagged.

    Raises
    ------
    ValueError
        When the shapes differ, a label (other than `unlabeled`) or flag is not 0 or 1, or
        `confidence` is not between 0 and 1.

    Examples
    --------
    >>> from spurclust.metrics import purity_interval
    >>> [round(number, 3) for number in purity_interval([1, 0, 0, 0], [1, 1, 1, 1])]
    [0.25, 0.006, 0.806]
    """
    return _with_interval(_hits(y_true, flagged, unlabeled)[1], confidence)


def _mean(hits: NDArray[np.bool_]) -> float:
    """Return the fraction that is True; NaN for an empty array."""
    return float(hits.mean()) if len(hits) else float("nan")


def _with_interval(hits: NDArray[np.bool_], confidence: float) -> FractionInterval:
    """Return the fraction that is True with its interval."""
    low, high = binomial_interval(int(hits.sum()), len(hits), confidence)
    return FractionInterval(_mean(hits), float(low), float(high))


def workload(flagged: ArrayLike) -> float:
    """Compute the share of all sources that are flagged, and so need an inspection.

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
