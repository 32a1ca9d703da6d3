"""The progress of an inspection, and what to expect of the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.inspection.learning import Lesson
from spurclust.judging.audited import AuditedPrefix, audited_prefix, bound_spurious
from spurclust.judging.tally import Tally
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED


class Progress(NamedTuple):
    """The progress of an inspection.

    Returned by `Inspection.progress`.

    Attributes
    ----------
    n_sources : int
        Number of sources.
    n_inspected : int
        Number of sources that were judged, or had a label before.
    n_spurious : int
        Number of inspected sources that are spurious.
    n_reliable : int
        Number of inspected sources that are reliable.
    n_unsure : int
        Number of judged sources about which nobody is sure.
    n_disputed : int
        Number of judged sources on which inspectors disagree without a majority.
    inspectors : dict of str to int
        Number of sources that each inspector has judged.
    curve : ndarray of int of shape (n_inspections,)
        Number of spurious sources among the first 1, 2, ... sources judged here, by the present
        labels.
    n_expected : float
        Expected number of spurious sources among all, by the last model; NaN before the first one.
        With few audited sources it is rough, and may be too small.
    n_expected_interval : tuple of (int, int) or None
        Its 95 % interval, from the audited sources; None without any.
    completeness : float
        Share of the expected number that is found.
    completeness_interval : tuple of (float, float) or None
        Its interval. It is valid at a time that was fixed before. To decide when to stop, use
        `most_remaining`.
    audited : AuditedPrefix
        Counts of the random part, see `audited_prefix`.
    most_remaining : int
        Maximum number of spurious sources among those without a label, with 95 % confidence at any
        time; see `bound_spurious`.
    completeness_bound : float
        Lower bound of the share of the spurious that is found, with the same confidence.
    model : int
        Number of the last model; 0 is before the first one.

    Examples
    --------
    >>> from spurclust.inspection import Progress
    >>> Progress._fields[:3]
    ('n_sources', 'n_inspected', 'n_spurious')
    """

    n_sources: int
    n_inspected: int
    n_spurious: int
    n_reliable: int
    n_unsure: int
    n_disputed: int
    inspectors: dict[str, int]
    curve: NDArray[np.intp]
    n_expected: float
    n_expected_interval: tuple[int, int] | None
    completeness: float
    completeness_interval: tuple[float, float] | None
    audited: AuditedPrefix
    most_remaining: int
    completeness_bound: float
    model: int


def progress_of(tally: Tally, permutation: NDArray[np.intp], lesson: Lesson) -> Progress:
    """Count the verdicts, and compare them with the expectations of the last model."""
    labels, judged = tally.labels, tally.judged
    disputed, found = int(tally.disputed.sum()), int((labels == SPURIOUS).sum())
    n_unlabeled = int((labels == UNINSPECTED).sum())
    expected, interval = _expected(lesson, found, found + n_unlabeled)
    most = bound_spurious(permutation, judged, labels)
    most_remaining = int(np.clip(most - found, 0, n_unlabeled))

    def share_of(total: float) -> float:
        return min(found / total, 1.0) if total else 1.0

    return Progress(
        n_sources=len(labels),
        n_inspected=int(judged.sum()),
        n_spurious=found,
        n_reliable=int((labels == RELIABLE).sum()),
        n_unsure=int((judged & (labels == UNINSPECTED)).sum()) - disputed,
        n_disputed=disputed,
        inspectors=tally.inspectors(),
        curve=np.cumsum(labels[list(tally.verdicts)] == SPURIOUS),
        n_expected=expected,
        n_expected_interval=interval,
        completeness=share_of(expected),
        completeness_interval=interval and (share_of(interval[1]), share_of(interval[0])),
        audited=audited_prefix(permutation, judged, labels),
        most_remaining=most_remaining,
        completeness_bound=share_of(found + most_remaining),
        model=lesson.number,
    )


def _expected(lesson: Lesson, least: int, most: int) -> tuple[float, tuple[int, int] | None]:
    """Return the expected number of spurious sources among all, and its interval."""
    outlook = lesson.outlook
    if outlook is None:
        return np.nan, None
    # There may be more verdicts than when the model was fitted.
    expected = float(np.clip(outlook.n_found + outlook.n_expected, least, most))
    if outlook.interval is None:
        return expected, None
    low, high = np.clip(np.add(outlook.interval, outlook.n_found), least, most).tolist()
    return expected, (low, high)
