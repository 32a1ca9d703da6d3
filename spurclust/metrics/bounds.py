"""What was not flagged: how many spurious sources can remain there, from a random sample.

The bounds are exact for a sample drawn at random without replacement and inspected whole. Decide on
its size before the first inspection: to go on until the bound pleases breaks its confidence.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

TIE = 1e-9
"""Relative difference within which a probability equals the allowed one, for it is rounded."""


def draw_audit_sample(
    candidates: ArrayLike, n: int, *, random_state: int | np.random.RandomState | None = None
) -> NDArray[Any]:
    """Draw sources at random, without replacement, to be inspected.

    The candidates are the unflagged and uninspected sources. A sample picked in any
    other way, say by their score, proves nothing about the rest.

    Parameters
    ----------
    candidates : array-like of shape (n_samples,)
        A mask, True where a source may be drawn, or the ids of the sources that may be drawn.
    n : int
        Number of sources to draw.
    random_state : int, RandomState or None, default=None
        Seeds the draw. With the same integer, a larger sample starts with the smaller one.

    Returns
    -------
    ndarray of shape (n,)
        Positions in the mask, or ids, in the order drawn.

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
    """Return the positions that a mask marks, or the ids given."""
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


def remaining_upper_bound(
    n_unflagged: int, n_inspected: int, n_found: int, confidence: float = 0.95
) -> int:
    """Bound the number of spurious sources that remain among the unflagged after an audit.

    The one-sided bound of the hypergeometric distribution: were there more, so few would be found
    in a random sample with a probability of at most `1 - confidence`.

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
        The most that can remain, *without* those found: with them there are at most
        ``n_found + remaining_upper_bound(...)`` in all.

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

    # More than the uninspected cannot remain.
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

    Unlike the completeness on the labels at hand, it holds however those labels came about: it
    rests on the random sample alone.

    Parameters
    ----------
    n_spurious_flagged : int
        Number of spurious sources among the flagged. When not all flagged are inspected, the
        known ones do, and the bound is cautious.
    n_unflagged : int
        Number of sources from which the sample was drawn.
    n_inspected : int
        Number of sources in the sample, all inspected.
    n_found : int
        Number of spurious among them: the flags have missed these.
    n_missed : int, default=0
        Number of unflagged sources already known to be spurious, which are not part of
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
    0.73
    """
    n_spurious_flagged = _count("n_spurious_flagged", n_spurious_flagged, 0)
    n_missed = _count("n_missed", n_missed, 0)
    remaining = remaining_upper_bound(n_unflagged, n_inspected, n_found, confidence)
    n_spurious = n_spurious_flagged + n_missed + n_found + remaining
    return n_spurious_flagged / n_spurious if n_spurious else float("nan")


def audit_sample_size(
    n_unflagged: int, max_remaining: int, n_found: int = 0, confidence: float = 0.95
) -> int:
    """Find the smallest sample that proves that few spurious sources remain.

    Plan with a realistic `n_found`: should more be found, the bound turns out larger.

    Parameters
    ----------
    n_unflagged : int
        Number of sources from which the sample will be drawn.
    max_remaining : int
        Number of spurious sources that may remain, without those found.
    n_found : int, default=0
        Number of spurious sources expected in the sample.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    int
        The smallest `n_inspected` for which `remaining_upper_bound` is at most `max_remaining`;
        0 when nothing needs to be proved.

    Raises
    ------
    ValueError
        When a count is negative, `n_found` is larger than `n_unflagged`, or `confidence` is not
        between 0 and 1.

    Examples
    --------
    >>> from spurclust.metrics import audit_sample_size
    >>> audit_sample_size(1404, 10), audit_sample_size(1404, 10, n_found=2)
    (334, 575)
    """
    n_unflagged = _count("n_unflagged", n_unflagged, 0)
    max_remaining = _count("max_remaining", max_remaining, 0)
    n_found = _count("n_found", n_found, 0, n_unflagged, "n_unflagged")
    log_allowed = _log_allowed(confidence)
    too_many = max_remaining + n_found + 1
    if too_many > n_unflagged:
        return n_found

    def proves(n_inspected: int) -> bool:
        return _log_cdf(n_found, n_unflagged, too_many, n_inspected) <= log_allowed

    return n_found + bisect_left(range(n_found, n_unflagged), True, key=proves)


def _count(name: str, value: int, low: int, high: int | None = None, of: str = "") -> int:
    """Return a count as an int; raise when it is none or out of range."""
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
    """Return the logarithm of the error that a confidence allows."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}.")
    return float(np.log1p(-confidence) + TIE)


def _log_cdf(n_found: int, n_sources: int, n_spurious: int, n_inspected: int) -> float:
    """Compute the logarithm of the probability that at most `n_found` are in a random sample."""
    # From the exact product for the fewest possible and the ratios of successive probabilities: the
    # difference of log-gammas would lose half of the digits at 10^7 sources.
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
