"""How good an order of inspection is: how many inspections find how many spurious sources.

Sources are inspected from the highest score to the lowest. Many scores are equal: the probability
of a region has one value per component. Every metric here is the mean over all orders of sources of
equal score. It is computed in closed form, so it depends neither on the order of the rows nor on a
random state.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.metrics.fractions import check_fraction, inspected_pairs


class _Ranking(NamedTuple):
    """Counts of inspected and spurious sources, down to the end of each group of equal score."""

    inspected: NDArray[np.int64]
    spurious: NDArray[np.int64]

    @property
    def n_sources(self) -> int:
        """Number of sources that count."""
        return int(self.inspected[-1])

    @property
    def n_spurious(self) -> int:
        """Number of spurious among them."""
        return int(self.spurious[-1])


def _rank(y_true: ArrayLike, score: ArrayLike, unlabeled: object) -> _Ranking:
    """Count the sources and the spurious from the highest score down."""
    truth, given = inspected_pairs(y_true, score, "score", unlabeled)
    try:
        values = given if given.dtype.kind in "biuf" else given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"score must hold numbers: {error}.") from error
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        raise ValueError(
            f"score is NaN for {n_missing} of {len(values)} inspected sources: they have no "
            "position in the order. Give them a score, or leave them out."
        )
    distinct, group = np.unique(values, return_inverse=True)
    sizes, spurious = (
        np.bincount(each, minlength=len(distinct))[::-1] for each in (group, group[truth])
    )
    # Both start with 0, before the first group.
    return _Ranking(*(np.concatenate([[0], np.cumsum(each)]) for each in (sizes, spurious)))


def completeness_curve(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the completeness against the workload, for a plot.

    There is a point wherever the score changes. Sources of equal score are inspected in random
    order, and the straight line between two points is their expected completeness. A random order
    of all sources follows the diagonal.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        Spurious probability or decision function. Sources with a higher score are inspected
        earlier.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.

    Returns
    -------
    workload : ndarray of shape (n_points,)
        Fraction of the sources that is inspected, rising from 0 to 1.
    completeness : ndarray of shape (n_points,)
        Fraction of the spurious that is found; NaN when none is known to be spurious.

    Raises
    ------
    ValueError
        When the shapes differ, a label is neither 0 nor 1 nor `unlabeled`, or a score is NaN.

    Examples
    --------
    >>> from spurclust.metrics import completeness_curve
    >>> workload, completeness = completeness_curve([1, 0, 1, 0], [0.6, 0.6, 0.1, 0.1])
    >>> workload.tolist(), completeness.tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0])
    """
    ranking = _rank(y_true, score, unlabeled)
    workload = ranking.inspected / max(ranking.n_sources, 1)
    return workload, ranking.spurious / (ranking.n_spurious or math.nan)


def completeness_at_workload(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None, workload: float = 0.1
) -> float:
    """Compute the fraction of the spurious found by inspecting a given fraction of the sources.

    Use it when the time for inspection is fixed. The number of inspected sources is rounded down:
    at 0.1, none of 5.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is inspected.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    workload : float, default=0.1
        Fraction of the sources that is inspected, in [0, 1].

    Returns
    -------
    float
        Between 0 and 1, the mean over the orders within equal scores; NaN when no source is known
        to be spurious.

    Raises
    ------
    ValueError
        When the shapes differ, a label is neither 0 nor 1 nor `unlabeled`, a score is NaN, or
        `workload` is outside [0, 1].

    Examples
    --------
    >>> from spurclust.metrics import completeness_at_workload
    >>> completeness_at_workload([1, 0, 1, 0], [0.9, 0.4, 0.3, 0.1], workload=0.5)
    0.5
    """
    check_fraction("workload", workload, above_zero=False)
    ranking = _rank(y_true, score, unlabeled)
    if not ranking.n_spurious:
        return math.nan
    first = _most(workload, ranking.n_sources)
    return float(np.interp(first, ranking.inspected, ranking.spurious)) / ranking.n_spurious


def _most(fraction: float, total: int) -> int:
    """Return the largest count that is at most a fraction of the total."""
    # The product's rounding must not lose a source: 0.29 of 100 is 29, not 28.
    count = math.floor(fraction * total) + 1
    while count / total > fraction:
        count -= 1
    return count


def _least(fraction: float, total: int) -> int:
    """Return the smallest count that is at least a fraction of the total."""
    count = max(math.ceil(fraction * total) - 1, 0)
    while count / total < fraction:
        count += 1
    return count


def workload_at_completeness(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None, completeness: float = 0.95
) -> float:
    """Compute the fraction of the sources to inspect until enough of the spurious are found.

    Use it when nearly all spurious sources must be found. It depends on the few that come last in
    the order, so it is steady only with many known ones. To judge fixed flags, use `workload` and
    `completeness_interval`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is inspected.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    completeness : float, default=0.95
        Fraction of the known spurious that is to be found, in (0, 1].

    Returns
    -------
    float
        Between 0 and 1, the mean over the orders within equal scores; NaN when no source is known
        to be spurious.

    Raises
    ------
    ValueError
        When the shapes differ, a label is neither 0 nor 1 nor `unlabeled`, a score is NaN, or
        `completeness` is outside (0, 1].

    Notes
    -----
    Let the last spurious source to find be the j-th of p in a group of m sources of equal score. On
    average it is at position j (m + 1) / (p + 1) of that group. If all scores are equal and one
    source is spurious, half of the sources are inspected on average.

    Examples
    --------
    >>> from spurclust.metrics import workload_at_completeness
    >>> workload_at_completeness([1, 0, 1, 0], [0.9, 0.4, 0.3, 0.1])
    0.75
    """
    check_fraction("completeness", completeness, above_zero=True)
    ranking = _rank(y_true, score, unlabeled)
    if not ranking.n_spurious:
        return math.nan
    wanted = _least(completeness, ranking.n_spurious)
    end = int(np.searchsorted(ranking.spurious, wanted))
    size, n_spurious = (int(counts[end] - counts[end - 1]) for counts in ranking)
    rank = wanted - int(ranking.spurious[end - 1])
    within = rank * (size + 1) / (n_spurious + 1)
    return (int(ranking.inspected[end - 1]) + within) / ranking.n_sources


def work_saved_over_sampling(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None, completeness: float = 0.95
) -> float:
    """Compute the work saved over sampling (WSS) at a completeness.

    It is the fraction of the sources that need no inspection, minus the fraction `1 - completeness`
    that a random order saves. 0 is no gain. The maximum is `completeness` times the fraction of
    reliable sources.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is inspected.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    completeness : float, default=0.95
        Fraction of the known spurious that is to be found, in (0, 1].

    Returns
    -------
    float
        At least `completeness - 1`, the mean over the orders within equal scores; NaN when no
        source is known to be spurious.

    Raises
    ------
    ValueError
        When the shapes differ, a label is neither 0 nor 1 nor `unlabeled`, a score is NaN, or
        `completeness` is outside (0, 1].

    References
    ----------
    A. Cohen, W. Hersh, K. Peterson and P.-Y. Yen, "Reducing workload in systematic review
    preparation using automated citation classification", JAMIA 13, 2006.

    Examples
    --------
    >>> from spurclust.metrics import work_saved_over_sampling
    >>> round(work_saved_over_sampling([1, 0, 0, 0], [0.9, 0.4, 0.3, 0.1]), 3)
    0.7
    """
    needed = workload_at_completeness(y_true, score, unlabeled=unlabeled, completeness=completeness)
    return completeness - needed


def average_precision(y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None) -> float:
    """Compute the average precision: the mean of the purity down to each spurious source.

    It judges the whole order with one number. The start of the order weighs most. The value depends
    on the fraction of spurious sources, so compare it only on the same sources.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is inspected.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.

    Returns
    -------
    float
        Between 0 and 1, the mean over the orders within equal scores; NaN when no source is known
        to be spurious.

    Raises
    ------
    ValueError
        When the shapes differ, a label is neither 0 nor 1 nor `unlabeled`, or a score is NaN.

    Notes
    -----
    It equals `sklearn.metrics.average_precision_score` if no two scores are equal. That function
    takes all sources of equal score at once.

    References
    ----------
    F. McSherry and M. Najork, "Computing information retrieval performance measures efficiently in
    the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from spurclust.metrics import average_precision
    >>> average_precision([1, 0, 1], [0.9, 0.4, 0.3]) == (1 + 2 / 3) / 2
    True
    """
    ranking = _rank(y_true, score, unlabeled)
    if not ranking.n_spurious:
        return math.nan
    sizes, spurious = (np.diff(counts) for counts in ranking)
    before, found = (np.repeat(counts[:-1], sizes) for counts in ranking)
    position = np.arange(1, ranking.n_sources + 1)
    # The spurious expected before a spurious source, from the start of its group of equal score.
    others = np.repeat((spurious - 1) / np.maximum(sizes - 1, 1), sizes)
    down_to = found + 1 + (position - before - 1) * others
    chance = np.repeat(spurious / sizes, sizes)
    return float((chance * down_to / position).sum() / ranking.n_spurious)
