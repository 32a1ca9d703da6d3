"""The random part of an inspection, from which a bound on what remains can follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spurclust.labels import SPURIOUS, UNINSPECTED


class AuditedPrefix(NamedTuple):
    """The judged beginning of a random order of all sources.

    Returned by `audited_prefix`, which says why it can be used as a sample.

    Attributes
    ----------
    n_inspected : int
        Number of sources in it.
    n_spurious : int
        Number of spurious ones among them.
    n_unsettled : int
        Number of those that were judged without a label: nobody was sure, or inspectors disagree.
        Who counts them as spurious bounds the number of spurious sources from above.

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

    The permutation is drawn before the first verdict and without regard to any label, so the labels
    along it are a uniform sample without replacement of all sources, one by one. A source counts
    whoever chose it: had the audit shown it, its label would be the same. So it may be one that the
    ranking has shown already, or that had a label before.

    How long the prefix is does depend on the labels, because ranking and inspectors work on what
    they have seen; it may even end where it flatters. A sample of a size fixed beforehand would not
    allow that. A confidence sequence does: with its confidence, it holds for *all* lengths of the
    prefix together, hence for the one at hand, however that came about. Nothing beyond the first
    gap may enter, for it was chosen.

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
        What was found in it.

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
