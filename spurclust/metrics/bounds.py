"""How many spurious sources can remain among the unflagged, from a random sample.

`confidence_sequence` holds at any time: look at it after every inspection, and stop when it is good
enough. `remaining_upper_bound` is tighter, but only holds if the size of the sample was fixed
before the first inspection.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln
from sklearn.utils import check_random_state

from spurclust.metrics.fractions import check_confidence

TIE = 1e-9
"""Relative difference within which a probability equals the allowed one, because of rounding."""

FEW_SPURIOUS = (0.25, 30.0)
"""Prior of `confidence_sequence`: a beta distribution with a mean of 0.8 % spurious.

Any prior is valid. This one gives tight bounds where 0 to 30 spurious sources are found in 300 to
5000 inspections.
"""

# The rounding error of the logarithms of beta functions is smaller, up to 10^8 sources.
_ROUNDING = 1e-6


def draw_audit_sample(
    candidates: ArrayLike, n: int, *, random_state: int | np.random.RandomState | None = None
) -> NDArray[Any]:
    """Draw sources to inspect at random, without replacement.

    The candidates are the sources that are neither flagged nor inspected. A sample chosen in
    another way, for example by score, proves nothing about the rest.

    Parameters
    ----------
    candidates : array-like of shape (n_samples,)
        A mask, True where a source may be drawn, or ids of the sources that may be drawn.
    n : int
        Number of sources to draw.
    random_state : int, RandomState or None, default=None
        Seeds the draw. With the same integer, a larger sample starts with the smaller one.

    Returns
    -------
    ndarray of shape (n,)
        Indices in the mask, or ids, in the order drawn.

    Raises
    ------
    ValueError
        When there are fewer than `n` candidates, an id occurs twice, or they are not 1-D.

    Examples
    --------
    >>> from spurclust.metrics import draw_audit_sample
    >>> flagged = [True, False, False, False]
    >>> draw_audit_sample([not one for one in flagged], 2, random_state=0).tolist()
    [3, 2]
    """
    pool = _candidates(candidates)
    n = _count("n", n, 0, len(pool), "the number of candidates")
    order = check_random_state(random_state).permutation(len(pool))
    return np.asarray(pool[order[:n]])


def _candidates(candidates: Any) -> NDArray[Any]:
    """Return the indices that a mask marks, or the ids given."""
    import pandas as pd

    if np.ndim(candidates) != 1:
        raise ValueError(
            f"candidates must be a mask or ids of shape (n_samples,), got {np.shape(candidates)}."
        )
    index = pd.Index(candidates)
    if index.inferred_type == "boolean":
        return np.flatnonzero(np.asarray(index, dtype=bool))
    if not index.is_unique:
        twice = index[index.duplicated()].unique()[:5].tolist()
        raise ValueError(
            f"Ids occur more than once among the candidates: {twice}. A mask must be boolean."
        )
    return candidates if isinstance(candidates, np.ndarray) else index.to_numpy()


def confidence_sequence(
    n_sources: ArrayLike,
    n_inspected: ArrayLike,
    n_found: ArrayLike,
    confidence: float = 0.95,
    *,
    prior: tuple[float, float] = FEW_SPURIOUS,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bound the number of spurious sources, at any time of an inspection in random order.

    The bounds hold for all numbers of inspections at once, with the given confidence. So you can
    look at them after every inspection, and stop when they are good enough.

    Parameters
    ----------
    n_sources : array-like of int
        Number of sources that are inspected in random order, without replacement.
    n_inspected : array-like of int
        Number of them inspected so far.
    n_found : array-like of int
        Number of spurious sources among the inspected.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.
    prior : tuple of (float, float), default=(0.25, 30)
        Parameters of the beta-binomial prior, both positive. The bounds are valid with any prior
        that was chosen before the first inspection. The default suits few spurious sources.

    Returns
    -------
    low, high : ndarray of int64
        Bounds on the number of spurious sources among all `n_sources`, including those found, so at
        most ``high - n_found`` remain. Their shape is that to which the counts broadcast.

    Raises
    ------
    ValueError
        When a count is negative or larger than the one it is a part of, `confidence` is not
        between 0 and 1, or `prior` is not positive.

    Notes
    -----
    The bounds come from the prior-posterior ratio. A number of spurious sources is refuted when the
    verdicts are more than `1 / (1 - confidence)` times as probable under the prior as under that
    number.

    Along one inspection, ``np.minimum.accumulate(high)`` and ``np.maximum.accumulate(low)`` are
    valid as well, and tighter. In one of twenty inspections they may contradict what is found.

    References
    ----------
    I. Waudby-Smith and A. Ramdas, "Confidence sequences for sampling without replacement",
    Advances in Neural Information Processing Systems 33, 2020.

    Examples
    --------
    >>> from spurclust.metrics import confidence_sequence
    >>> low, high = confidence_sequence(1404, [100, 200, 300], [0, 0, 1])
    >>> high
    array([44, 22, 29])
    """
    n, looks, found = _check_inspection(n_sources, n_inspected, n_found)
    a, b = prior
    if not (a > 0 and b > 0):
        raise ValueError(f"prior must be two positive numbers, got {prior}.")
    log_limit = -_log_allowed(confidence) + _ROUNDING
    log_marginal = betaln(a + found, b + looks - found) - betaln(a, b)
    log_orders = np.log((n + 1) / (n - looks + 1))

    def plausible(total: NDArray[np.int64]) -> NDArray[np.bool_]:
        # The probability of the verdicts in their order: C(n - looks, left) / C(n, total).
        left = total - found
        log_likelihood = log_orders + betaln(total + 1, n - total + 1)
        log_likelihood -= betaln(left + 1, n - looks - left + 1)
        return np.asarray(log_marginal - log_likelihood < log_limit)

    most = n - looks + found
    # The likelihood rises up to its mode and falls from there.
    mode = np.clip(found * (n + 1) // np.maximum(looks, 1), found, most)
    return _last_true(plausible, mode, found), _last_true(plausible, mode, most)


def _check_inspection(*counts: ArrayLike) -> list[NDArray[np.int64]]:
    """Return arrays of one shape: the numbers of sources, of inspected and of found."""
    names = ("n_sources", "n_inspected", "n_found")
    arrays = np.broadcast_arrays(*counts)
    for name, array in zip(names, arrays, strict=True):
        if array.dtype.kind not in "iu":
            raise ValueError(f"{name} must be an integer, got {array.dtype}.")
        if (array < 0).any():
            raise ValueError(f"{name} must be at least 0, got {array.min()}.")
    for k in (1, 2):
        if (arrays[k] > arrays[k - 1]).any():
            raise ValueError(f"{names[k]} must be at most {names[k - 1]}.")
    return [array.astype(np.int64) for array in arrays]


def _last_true(
    condition: Callable[[NDArray[np.int64]], NDArray[np.bool_]],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Find, by bisection, the last integers from start to end for which a condition holds."""
    sign = np.sign(end - start)
    low, high = np.zeros_like(start), np.abs(end - start)
    while (low < high).any():
        middle = (low + high + 1) // 2
        holds = condition(start + sign * middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle - 1)
    return np.asarray(start + sign * low)


def inspections_needed(
    n_sources: int,
    max_remaining: int,
    n_inspected: int = 0,
    n_found: int = 0,
    confidence: float = 0.95,
) -> int:
    """Find how many further inspections prove that few spurious sources remain.

    Plan for more: each spurious source that is found adds some.

    Parameters
    ----------
    n_sources : int
        Number of sources that are inspected in random order.
    max_remaining : int
        Number of spurious sources that may remain, not counting those found.
    n_inspected : int, default=0
        Number of sources inspected so far.
    n_found : int, default=0
        Number of spurious among them.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    int
        The fewest further inspections after which the upper bound of `confidence_sequence` leaves
        at most `max_remaining`, if none of them is spurious.

    Raises
    ------
    ValueError
        When a count is negative or larger than the one it is a part of, or `confidence` is not
        between 0 and 1.

    Examples
    --------
    >>> from spurclust.metrics import inspections_needed
    >>> inspections_needed(1404, 10), inspections_needed(1404, 10, 300, 1)
    (397, 355)
    """
    n_sources = _count("n_sources", n_sources, 0)
    n_inspected = _count("n_inspected", n_inspected, 0, n_sources, "n_sources")
    n_found = _count("n_found", n_found, 0, n_inspected, "n_inspected")
    max_remaining = _count("max_remaining", max_remaining, 0)

    def proves(n_more: int) -> bool:
        _, high = confidence_sequence(n_sources, n_inspected + n_more, n_found, confidence)
        return int(high) - n_found <= max_remaining

    return bisect_left(range(n_sources - n_inspected), True, key=proves)


def remaining_upper_bound(
    n_unflagged: int, n_inspected: int, n_found: int, confidence: float = 0.95
) -> int:
    """Bound the number of spurious sources that remain, from a random sample of fixed size.

    This is the one-sided bound of the hypergeometric distribution. It holds once, for a sample
    whose size was fixed before the first inspection. `confidence_sequence` holds at any time.

    Parameters
    ----------
    n_unflagged : int
        Number of sources from which the sample was drawn.
    n_inspected : int
        Number of sources in the sample, all inspected.
    n_found : int
        Number of spurious among them.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    int
        The most that can remain, *not counting* those found: there are at most ``n_found +
        remaining_upper_bound(...)`` in all.

    Raises
    ------
    ValueError
        When a count is negative or larger than the one it is a part of, or `confidence` is not
        between 0 and 1.

    References
    ----------
    W. Katz, "Exact confidence bounds for finite populations", Journal of the American Statistical
    Association 48, 1953.

    Examples
    --------
    >>> from spurclust.metrics import remaining_upper_bound
    >>> remaining_upper_bound(1404, 300, 1)
    19
    """
    n_unflagged = _count("n_unflagged", n_unflagged, 0)
    n_inspected = _count("n_inspected", n_inspected, 0, n_unflagged, "n_unflagged")
    n_found = _count("n_found", n_found, 0, n_inspected, "n_inspected")
    log_allowed = _log_allowed(confidence)

    def refuted(n_spurious: int) -> bool:
        return _log_cdf(n_found, n_unflagged, n_spurious, n_inspected) <= log_allowed

    # No more than the uninspected sources can remain.
    most = n_unflagged - n_inspected + n_found
    possible = range(n_found, most + 1)
    return bisect_left(possible, True, key=refuted) - 1


def completeness_lower_bound(
    n_spurious_flagged: int,
    n_unflagged: int,
    n_inspected: int,
    n_found: int,
    *,
    n_missed: int = 0,
    confidence: float = 0.95,
) -> float:
    """Bound the completeness of the flags from below, from an audit of the unflagged.

    It uses the random sample only, so it holds however the other labels were made. It holds at any
    time, as `confidence_sequence` does.

    Parameters
    ----------
    n_spurious_flagged : int
        Number of spurious sources among the flagged. If not all flagged sources are inspected, give
        the known ones; the bound is then cautious.
    n_unflagged : int
        Number of sources from which the sample was drawn.
    n_inspected : int
        Number of sources in the sample that are inspected, in the order drawn.
    n_found : int
        Number of spurious among them: the flags have missed these.
    n_missed : int, default=0
        Number of unflagged sources that are already known to be spurious. They are not part of
        `n_unflagged`.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    float
        Between 0 and 1; NaN when there is no spurious source and none can remain.

    Raises
    ------
    ValueError
        When a count is negative or larger than the one it is a part of, or `confidence` is not
        between 0 and 1.

    Examples
    --------
    >>> from spurclust.metrics import completeness_lower_bound
    >>> round(completeness_lower_bound(54, 1404, 300, 1), 3)
    0.651
    """
    n_spurious_flagged = _count("n_spurious_flagged", n_spurious_flagged, 0)
    n_missed = _count("n_missed", n_missed, 0)
    _, unflagged = confidence_sequence(n_unflagged, n_inspected, n_found, confidence)
    n_spurious = n_spurious_flagged + n_missed + int(unflagged)
    return n_spurious_flagged / n_spurious if n_spurious else float("nan")


def _count(name: str, value: int, low: int, high: int | None = None, of: str = "") -> int:
    """Return a count as an int; raise if it is not one or out of range."""
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}.") from None
    if count < low:
        raise ValueError(f"{name} must be at least {low}, got {count}.")
    if high is not None and count > high:
        raise ValueError(f"{name} must be at most {of}, {high}, got {count}.")
    return count


def _log_allowed(confidence: float) -> float:
    """Return the logarithm of the error probability that a confidence allows."""
    check_confidence(confidence)
    return float(np.log1p(-confidence) + TIE)


def _log_cdf(n_found: int, n_sources: int, n_spurious: int, n_inspected: int) -> float:
    """Compute the log probability of at most `n_found` spurious sources in a random sample."""
    # It starts from the exact product for the fewest possible, and multiplies by the ratios of
    # successive probabilities. Differences of log-gammas lose half of the digits at 10^7 sources.
    fewest = max(0, n_inspected + n_spurious - n_sources)
    most = min(n_found, n_inspected, n_spurious)
    if most < fewest:
        return -np.inf
    if fewest == 0:
        rows, columns = n_spurious, n_inspected
    else:
        rows, columns = n_sources - n_spurious, n_sources - n_inspected
    terms = np.arange(min(rows, columns))
    log_fewest = np.log1p(-max(rows, columns) / (n_sources - terms)).sum()
    k = np.arange(fewest, most, dtype=np.float64)
    ratios = ((n_spurious - k) / (k + 1)) * (
        (n_inspected - k) / (n_sources - n_spurious - n_inspected + k + 1)
    )
    log_terms = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    largest = log_terms.max()
    return float(log_fewest + largest + np.log(np.exp(log_terms - largest).sum()))
