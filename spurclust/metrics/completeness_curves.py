"""How good an order of inspection is: how much work finds how many of the spurious sources.

The order is that of falling scores. Sources of equal score stand in no order, and a region's
probability takes only as many values as there are components: every figure here is the mean of its
values over all orders in which such sources can stand, each as likely as the other. That mean is
computed in closed form, so that it depends neither on the order of the rows nor on a random state.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.metrics.inspected import inspected_pairs


class _Ties(NamedTuple):
    """The groups of equal score, highest first."""

    sizes: NDArray[np.int64]
    spurious: NDArray[np.int64]

    @property
    def n_sources(self) -> int:
        """Number of inspected sources."""
        return int(self.sizes.sum())

    @property
    def n_spurious(self) -> int:
        """Number of spurious among them."""
        return int(self.spurious.sum())


def _ties(y_true: ArrayLike, score: ArrayLike, unlabeled: object) -> _Ties:
    """Count the inspected and the spurious of each score."""
    truth, given = inspected_pairs(y_true, score, "score", unlabeled)
    try:
        values = given if given.dtype.kind in "biuf" else given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"score must hold numbers: {error}.") from error
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        raise ValueError(
            f"score is NaN for {n_missing} of {len(values)} inspected sources: they have no place "
            "in the order. Give them a score, or leave them out."
        )
    distinct, group = np.unique(values, return_inverse=True)
    n_groups = len(distinct)
    sizes = np.bincount(group, minlength=n_groups)[::-1]
    return _Ties(sizes, np.bincount(group[truth], minlength=n_groups)[::-1])


def _check_share(name: str, value: float, *, above_zero: bool) -> None:
    """Refuse a share outside [0, 1], or (0, 1]."""
    if not (0 < value <= 1 or (value == 0 and not above_zero)):
        allowed = "(0, 1]" if above_zero else "[0, 1]"
        raise ValueError(f"{name} must be in {allowed}, got {value}.")


def completeness_curve(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the completeness against the workload, for a plot.

    The points are where the score changes; a straight line between two of them is exactly the
    completeness to expect when sources of equal score are looked at in random order. An order that
    knows nothing follows the diagonal.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is looked at: a spurious probability or a decision
        function.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.

    Returns
    -------
    workload : ndarray of shape (n_points,)
        Share of the inspected sources that is looked at, rising from 0 to 1.
    completeness : ndarray of shape (n_points,)
        Share of the spurious among them; NaN when none is known to be spurious.

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
    ties = _ties(y_true, score, unlabeled)
    looked_at, found = _cumulative(ties)
    n_spurious = ties.n_spurious or math.nan
    return looked_at / max(ties.n_sources, 1), found / n_spurious


def _cumulative(ties: _Ties) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the sources and the spurious from the start to the end of each group."""
    start = np.zeros(1, dtype=np.int64)
    return (
        np.concatenate([start, np.cumsum(ties.sizes)]),
        np.concatenate([start, np.cumsum(ties.spurious)]),
    )


def completeness_at_workload(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None, workload: float = 0.1
) -> float:
    """Compute the share of the spurious found by looking at a given share of the sources.

    Use it when the time for inspection is given. As many sources are looked at as do not exceed
    `workload`: none of 5 at 0.1.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is looked at.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    workload : float, default=0.1
        Share of the inspected sources that is looked at, in [0, 1].

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
    _check_share("workload", workload, above_zero=False)
    ties = _ties(y_true, score, unlabeled)
    if not ties.n_spurious:
        return math.nan
    looked_at, found = _cumulative(ties)
    first = _most(workload, ties.n_sources)
    return float(np.interp(first, looked_at, found)) / ties.n_spurious


def _most(share: float, total: int) -> int:
    """Find the largest count whose share of the total is at most that given."""
    # The product's rounding must not lose a source: 0.29 of 100 is 29, not 28.
    count = math.floor(share * total) + 1
    while count / total > share:
        count -= 1
    return count


def _least(share: float, total: int) -> int:
    """Find the smallest count whose share of the total is at least that given."""
    count = max(math.ceil(share * total) - 1, 0)
    while count / total < share:
        count += 1
    return count


def workload_at_completeness(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None, completeness: float = 0.95
) -> float:
    """Compute the share of the sources to look at until a given share of the spurious is found.

    Use it when nearly all spurious must be found. It hangs on the few spurious sources that come
    last in the order, so it needs many known ones to be steady. A region of fixed flags is judged
    by `workload` and `completeness_interval` instead.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is looked at.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    completeness : float, default=0.95
        Share of the known spurious that is to be found, in (0, 1].

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
    If the last spurious source to be found is the j-th of p in a group of m sources of equal
    score, it stands on average at place j (m + 1) / (p + 1) of that group. With no order at all and
    a single spurious source, half of the sources are looked at on average.

    Examples
    --------
    >>> from spurclust.metrics import workload_at_completeness
    >>> workload_at_completeness([1, 0, 1, 0], [0.9, 0.4, 0.3, 0.1])
    0.75
    """
    _check_share("completeness", completeness, above_zero=True)
    ties = _ties(y_true, score, unlabeled)
    if not ties.n_spurious:
        return math.nan
    looked_at, found = _cumulative(ties)
    wanted = _least(completeness, ties.n_spurious)
    group = int(np.searchsorted(found, wanted)) - 1
    rank = wanted - int(found[group])
    place = rank * (int(ties.sizes[group]) + 1) / (int(ties.spurious[group]) + 1)
    return (int(looked_at[group]) + place) / ties.n_sources


def work_saved_over_sampling(
    y_true: ArrayLike, score: ArrayLike, *, unlabeled: Any = None, completeness: float = 0.95
) -> float:
    """Compute the work saved over sampling (WSS) at a completeness.

    The share of the sources that need not be looked at, less the share `1 - completeness` that an
    order which knows nothing would save as well: 0 is no gain, and `completeness` times the share
    of the reliable is the most that is possible.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is looked at.
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    completeness : float, default=0.95
        Share of the known spurious that is to be found, in (0, 1].

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
    """Compute the mean, over the spurious sources, of the purity down to each of them.

    One figure for the whole order, in which its start weighs most; its value depends on the share
    of the spurious, so compare it only on the same sources.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is looked at.
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
    It is `sklearn.metrics.average_precision_score` when no two scores are equal. That function
    takes sources of equal score all at once: the order within them does not count there.

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
    ties = _ties(y_true, score, unlabeled)
    if not ties.n_spurious:
        return math.nan
    before, found = (np.repeat(counts[:-1], ties.sizes) for counts in _cumulative(ties))
    place = np.arange(1, ties.n_sources + 1)
    # Of a spurious source at a place of its group: the spurious to expect from the group's start.
    others = np.repeat((ties.spurious - 1) / np.maximum(ties.sizes - 1, 1), ties.sizes)
    down_to = found + 1 + (place - before - 1) * others
    chance = np.repeat(ties.spurious / ties.sizes, ties.sizes)
    return float((chance * down_to / place).sum() / ties.n_spurious)
