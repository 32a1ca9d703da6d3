"""The random part of an inspection, for a bound on the spurious sources that remain."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED
from spurclust.metrics import confidence_sequence


class AuditedPrefix(NamedTuple):
    """The judged beginning of a random order of all sources.

    Returned by `audited_prefix`, which explains why it is a sample.

    Attributes
    ----------
    n_inspected : int
        Number of sources in it.
    n_spurious : int
        Number of spurious sources among them.
    n_unsettled : int
        Number of sources that were judged but have no label: nobody was sure, or inspectors
        disagree. Count them as spurious for an upper bound.

    Examples
    --------
    >>> from spurclust.inspection import AuditedPrefix
    >>> AuditedPrefix(40, 2, 1).n_inspected
    40
    """

    n_inspected: int
    n_spurious: int
    n_unsettled: int


def audited_prefix(permutation: ArrayLike, judged: ArrayLike, labels: ArrayLike) -> AuditedPrefix:
    """Return how far a random order of all sources is judged without a gap.

    The permutation is drawn before the first verdict, without any label. So the labels along it are
    a uniform sample without replacement of all sources. A source counts no matter who chose it,
    because its label would be the same. The ranking may have shown it already, or it had a label
    before.

    The length of the prefix depends on the labels, because ranking and inspectors react to them. It
    may even end at a lucky point. Bounds for a sample of fixed size would then be wrong. A
    confidence sequence holds for *all* lengths of the prefix at once, so also for this one. Sources
    beyond the first gap do not count, because they were chosen.

    Parameters
    ----------
    permutation : array-like of int of shape (n_samples,)
        The random order.
    judged : array-like of bool of shape (n_samples,)
        Which sources were judged, or had a label before.
    labels : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 neither.

    Returns
    -------
    AuditedPrefix
        The counts.

    Examples
    --------
    >>> from spurclust.inspection import audited_prefix
    >>> audited_prefix([2, 0, 3, 1], [True, True, True, False], [0, 1, 1, -1])
    AuditedPrefix(n_inspected=2, n_spurious=1, n_unsettled=0)
    """
    order = np.asarray(permutation)
    gaps = ~np.asarray(judged, dtype=bool)[order]
    n = int(gaps.argmax()) if gaps.any() else len(order)
    found = np.asarray(labels)[order[:n]]
    return AuditedPrefix(n, int((found == SPURIOUS).sum()), int((found == UNINSPECTED).sum()))


def bound_spurious(
    permutation: ArrayLike, judged: ArrayLike, labels: ArrayLike, confidence: float = 0.95
) -> int:
    """Bound the number of spurious sources among all, at any time of an inspection.

    The bound is the upper end of the confidence sequence along the audited prefix: the lowest one
    of all lengths. Sources without a label count as spurious.

    Parameters
    ----------
    permutation : array-like of int of shape (n_samples,)
        The random order, see `audited_prefix`.
    judged : array-like of bool of shape (n_samples,)
        Which sources were judged, or had a label before.
    labels : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 neither.
    confidence : float, default=0.95
        Confidence of the bound.

    Returns
    -------
    int
        The bound. In one of twenty surveys it may be below the number found.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.inspection import bound_spurious
    >>> bound_spurious(np.arange(1000), np.arange(1000) < 200, np.zeros(1000))
    15
    """
    order = np.asarray(permutation)
    n = audited_prefix(order, judged, labels).n_inspected
    found = np.cumsum(np.asarray(labels)[order[:n]] != RELIABLE)
    _, high = _lowest_bounds(found, len(order), confidence)
    return int(high.min(initial=len(order)))


def _lowest_bounds(
    found: NDArray[np.int64], n_sources: int, confidence: float
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the last index for each number found, and the upper bounds there."""
    # The bound falls while nothing is found, so the lowest one is at one of these.
    last = np.flatnonzero(np.diff(found, append=-1))
    return last, confidence_sequence(n_sources, last + 1, found[last], confidence)[1]


def inspections_to_bound(
    permutation: ArrayLike,
    judged: ArrayLike,
    labels: ArrayLike,
    max_remaining: int,
    confidence: float = 0.95,
) -> int:
    """Return how many further inspections prove that few spurious sources remain.

    Parameters
    ----------
    permutation : array-like of int of shape (n_samples,)
        The random order, see `audited_prefix`.
    judged : array-like of bool of shape (n_samples,)
        Which sources were judged, or had a label before.
    labels : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 neither.
    max_remaining : int
        Number of spurious sources that may remain among those without a label.
    confidence : float, default=0.95
        Confidence of the bound.

    Returns
    -------
    int
        Number of inspections, if they find no spurious source. Sources along the random order that
        are judged already need none.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.inspection import inspections_to_bound
    >>> inspections_to_bound(np.arange(1000), np.arange(1000) < 200, np.zeros(1000), 10)
    77
    """
    order, known = np.asarray(permutation), np.asarray(judged, dtype=bool)
    codes = np.asarray(labels)
    # Sources judged beyond the first gap count when the audit reaches them.
    found = np.cumsum(known[order] & (codes[order] != RELIABLE))
    allowed = max_remaining + int((codes == SPURIOUS).sum())
    last, high = _lowest_bounds(found, len(order), confidence)
    k = int((high <= allowed).argmax()) if (high <= allowed).any() else len(last) - 1

    def proves(index: int) -> bool:
        _, bound = confidence_sequence(len(order), index + 1, found[index], confidence)
        return int(bound) <= allowed

    indices = range(last[k - 1] + 1 if k > 0 else 0, last[k])
    n = indices.start + bisect_left(indices, True, key=proves) + 1
    return int((~known[order[:n]]).sum())
