"""After how many looks most of the spurious sources are found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

from spurclust.labels import is_uninspected
from spurclust.metrics import workload_at_completeness

if TYPE_CHECKING:
    import pandas as pd

COMPLETENESSES = (0.9, 0.95, 0.99)


def expected_looks(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    n_sources: int | None = None,
    completeness: Sequence[float] = COMPLETENESSES,
    unlabeled: Any = None,
    confidence: float = 0.95,
) -> "pd.DataFrame":
    """Estimate after how many looks, in the order of a score, shares of the spurious are found.

    From inspected sources whose scores were made without their own labels. The inspected have to
    be like the others: if they were chosen because they looked spurious, the estimate is wrong.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        The higher, the earlier a source is looked at: `inspection_probability_` of a ranker.
    n_sources : int, default=None
        Number of sources to look at; None is `n_samples`.
    completeness : sequence of float, default=(0.9, 0.95, 0.99)
        Shares of the spurious, in (0, 1].
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    confidence : float, default=0.95
        Of the interval, in (0, 1).

    Returns
    -------
    DataFrame
        One row a completeness: completeness, workload, its interval workload_low and
        workload_high, looks, looks_low, looks_high. NaN when no source is known to be spurious.

    Notes
    -----
    The workload at a completeness is a quantile of the places that the spurious have in the order.
    The interval is the exact one of order statistics: between two of the known spurious; to the
    end of the order where they are too few to bound it. That the reliable ones are a sample as well
    is left out.

    References
    ----------
    H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition (2003), section 7.1.

    Examples
    --------
    >>> from spurclust.ranking import expected_looks
    >>> y = [1] * 9 + [0] * 90 + [1]
    >>> looks = expected_looks(y, range(100, 0, -1), completeness=[0.8])
    >>> looks[["looks", "looks_low", "looks_high"]].iloc[0].tolist()
    [8.0, 5.0, 100.0]
    """
    import pandas as pd

    labels = np.asarray(y_true)
    n_spurious = int((labels[~is_uninspected(labels, unlabeled)] == 1).sum())
    total = len(labels) if n_sources is None else n_sources

    def workload_of(share: float) -> float:
        return workload_at_completeness(y_true, score, unlabeled=unlabeled, completeness=share)

    rows = []
    for share in completeness:
        middle = workload_of(share)
        first, last = quantile_ranks(n_spurious, share, confidence)
        low = workload_of(first / n_spurious) if first > 0 else 0.0
        high = workload_of(last / n_spurious) if last <= n_spurious else 1.0
        workloads = (middle, low, high)
        rows.append([share, *workloads, *(_looks(value, total) for value in workloads)])
    ends = ("", "_low", "_high")
    names = [f"{name}{end}" for name in ("workload", "looks") for end in ends]
    return pd.DataFrame(rows, columns=["completeness", *names])


def _looks(workload: float, total: int) -> float:
    """Turn a share of the sources into a whole number of looks; NaN stays."""
    # Rounded first, lest 0.1 of 30 be 4.
    return float(np.ceil(np.round(workload * total, 6)))


def quantile_ranks(n: int, share: float, confidence: float) -> tuple[int, int]:
    """Tell between which two of n sorted values a quantile lies.

    Parameters
    ----------
    n : int
        Size of the sample.
    share : float
        Which quantile, in (0, 1].
    confidence : float
        Least probability that the quantile lies between, in (0, 1).

    Returns
    -------
    first, last : int
        Ranks from 1; 0 and n + 1 where the sample does not bound it.

    Examples
    --------
    >>> from spurclust.ranking.effort import quantile_ranks
    >>> quantile_ranks(76, 0.95, 0.95)
    (68, 76)
    """
    tail = (1 - confidence) / 2
    below = scipy.stats.binom(n, share)  # how many of the sample lie below the quantile
    return int(below.ppf(tail)), int(below.ppf(1 - tail)) + 1
