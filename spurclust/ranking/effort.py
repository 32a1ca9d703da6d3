"""How many inspections find most spurious sources: estimated, and replayed with labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from spurclust.labels import SPURIOUS, UNINSPECTED, binary_labels, is_uninspected
from spurclust.metrics import workload_at_completeness
from spurclust.metrics.fractions import check_confidence, check_fraction, inspected_pairs
from spurclust.ranking.ranker import InspectionRanker
from spurclust.ranking.sampling import LEAST_P, sampling_p_value
from spurclust.ranking.suggestions import Strategy, outlyingness, suggest_sources

if TYPE_CHECKING:
    import pandas as pd


def expected_effort(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    n_sources: int | None = None,
    completeness: Sequence[float] = (0.9, 0.95, 0.99),
    unlabeled: object = None,
    confidence: float = 0.95,
    random_sample: bool | None = None,
) -> pd.DataFrame:
    """Estimate how many inspections in the order of a score find a share of the spurious sources.

    The score of an inspected source must not use its own label. If the inspected sources are not a
    random sample, uninspected ones count with their probabilities, and there is no interval.
    `inspection_outlook` also uses the origins of the labels.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    score : array-like of shape (n_samples,)
        Sources with a higher score are inspected earlier: `inspection_probability_` of a ranker.
        Without a random sample it must be the probability that a source is spurious.
    n_sources : int, default=None
        Number of sources to inspect; None is `n_samples`.
    completeness : sequence of float, default=(0.9, 0.95, 0.99)
        Shares of the spurious, in (0, 1].
    unlabeled : object, default=None
        Value of `y_true` of an uninspected source, which does not count.
    confidence : float, default=0.95
        Confidence of the interval, in (0, 1).
    random_sample : bool, default=None
        Whether the inspected are a random sample of all sources. None tests whether the scores of
        the inspected differ from those of the others.

    Returns
    -------
    DataFrame
        One row per completeness. Columns: completeness, workload with its interval workload_low and
        workload_high, inspections, inspections_low, inspections_high, inspections_left. The last is
        the number still to be made among the uninspected sources; it uses the probabilities, and is
        NaN where a score is not a probability. All are NaN when no source is known to be spurious.

    Raises
    ------
    ValueError
        When labels and scores are of different lengths, a completeness is outside (0, 1], the
        confidence outside (0, 1), or the score of an inspected source is NaN.

    Notes
    -----
    The workload at a completeness is a quantile of the positions of the spurious in the order. Its
    interval is the exact one of order statistics, between two of the known spurious. If they are
    too few for a bound, it reaches to the end of the order. It neglects that the reliable sources
    are a sample too.

    References
    ----------
    H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition (2003), section 7.1.

    Examples
    --------
    >>> from spurclust.ranking import expected_effort
    >>> y = [1] * 9 + [0] * 90 + [1]
    >>> effort = expected_effort(y, range(100, 0, -1), completeness=[0.8])
    >>> effort[["inspections", "inspections_low", "inspections_high"]].iloc[0].tolist()
    [8.0, 5.0, 100.0]
    """
    import pandas as pd

    check_confidence(confidence)
    inspected_pairs(y_true, score, "score", unlabeled)
    labels = np.asarray(y_true)
    uninspected = is_uninspected(labels, unlabeled)
    n_spurious = int((labels[~uninspected] == SPURIOUS).sum())
    total = len(labels) if n_sources is None else n_sources
    if random_sample is None:
        random_sample = sampling_p_value(score, ~uninspected) >= LEAST_P
    imputed = _impute(labels == SPURIOUS, np.asarray(score, dtype=np.float64), uninspected)

    def workload_at(share: float) -> float:
        return workload_at_completeness(y_true, score, unlabeled=unlabeled, completeness=share)

    rows = []
    for share in completeness:
        check_fraction("completeness", share, above_zero=True)
        position, left = imputed(share) if n_spurious else (np.nan, np.nan)
        workloads = np.array([position / len(labels), np.nan, np.nan])
        if random_sample:
            first, last = _quantile_ranks(n_spurious, share, confidence)
            low = workload_at(first / n_spurious) if first > 0 else 0.0
            high = workload_at(last / n_spurious) if last <= n_spurious else 1.0
            workloads = np.array([workload_at(share), low, high])
        # Rounded before the ceiling, because 0.1 * 30 is slightly more than 3.
        inspections = np.ceil(np.round(workloads * total, 6))
        rows.append([share, *workloads, *inspections, left])
    names = [
        f"{name}{end}" for name in ("workload", "inspections") for end in ("", "_low", "_high")
    ]
    return pd.DataFrame(rows, columns=["completeness", *names, "inspections_left"])


def _impute(
    spurious: NDArray[np.bool_], probability: NDArray[np.float64], uninspected: NDArray[np.bool_]
) -> Callable[[float], tuple[float, float]]:
    """Return a function: from a share to its position among all, and inspections still to make."""
    if not ((probability >= 0) & (probability <= 1)).all():
        return lambda _: (np.nan, np.nan)
    values = np.where(uninspected, probability, spurious)
    order = np.lexsort((values, -probability))
    found = np.cumsum(values[order])
    rest = uninspected[order]
    with_known = spurious[~uninspected].sum() + np.r_[0, np.cumsum(probability[order][rest])]

    def find(share: float) -> tuple[float, float]:
        wanted = share * found[-1] * (1 - 1e-9)  # the sums are rounded
        return float(np.searchsorted(found, wanted)) + 1, float(np.searchsorted(with_known, wanted))

    return find


def _quantile_ranks(n: int, share: float, confidence: float) -> tuple[int, int]:
    """Return the ranks, from 1, of two sorted values around a quantile; 0 or n + 1: unbounded."""
    tail = (1 - confidence) / 2
    below = scipy.stats.binom(n, share)  # number of the sample below the quantile
    return int(below.ppf(tail)), int(below.ppf(1 - tail)) + 1


def replay_inspection(
    rows: ArrayLike,
    y: ArrayLike,
    *,
    strategy: Strategy = "mixed",
    n_start: int = 20,
    n_batch: int = 20,
    n_inspections: int | None = None,
    ranker: InspectionRanker | None = None,
    random_state: int | None = None,
) -> pd.DataFrame:
    """Replay an inspection of sources with known labels, batch by batch from a random start.

    Use it to compare strategies on a survey with labels. While no spurious source is known, the
    most outlying sources come next, except with the strategies "random" and "diverse".

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        Features of all sources.
    y : array-like of shape (n_samples,)
        Labels of all sources: two values, the larger one spurious.
    strategy : {"mixed", "probable", "uncertain", "diverse", "random"}, default="mixed"
        How `suggest_sources` chooses.
    n_start : int, default=20
        Number of sources of the random start.
    n_batch : int, default=20
        Number of inspections before the ranker is fitted again.
    n_inspections : int, default=None
        When to stop; None is when all sources are inspected.
    ranker : InspectionRanker, default=None
        The ranker; a clone of it is fitted. None is one with 200 trees.
    random_state : int or None, default=None
        Controls the start, and the strategy "random".

    Returns
    -------
    DataFrame
        One row per batch: inspections, n_spurious, completeness.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.ranking import replay_inspection
    >>> rng = np.random.default_rng(0)
    >>> y = (np.arange(200) < 20).astype(int)
    >>> rows = rng.normal(size=(200, 5)) + 4 * y[:, None]
    >>> table = replay_inspection(rows, y, n_inspections=60, random_state=0)
    >>> table["inspections"].tolist(), float(table["completeness"].iloc[-1])
    ([20, 40, 60], 1.0)
    """
    import pandas as pd

    values = np.asarray(rows, dtype=np.float32)
    _, codes = binary_labels(y)
    learner = InspectionRanker(200, random_state=0) if ranker is None else clone(ranker)
    learner.set_params(unlabeled=UNINSPECTED)
    rng = check_random_state(random_state)
    inspected = np.zeros(len(values), dtype=bool)
    inspected[rng.permutation(len(values))[:n_start]] = True
    last = len(values) if n_inspections is None else min(n_inspections, len(values))
    isolation = outlyingness(values, n_jobs=learner.n_jobs)
    uses_probability = strategy not in ("random", "diverse")
    counts = [(inspected.sum(), codes[inspected].sum())]
    while inspected.sum() < last:
        chosen, probability = strategy, isolation
        if uses_probability and codes[inspected].any():
            learner.fit(values, np.where(inspected, codes, UNINSPECTED))
            probability = learner.inspection_probability_
        elif uses_probability:
            chosen = "probable"
        n = min(n_batch, last - int(inspected.sum()))
        batch = suggest_sources(
            values, inspected, probability, n, strategy=chosen, random_state=rng
        )
        inspected[batch] = True
        counts.append((inspected.sum(), codes[inspected].sum()))
    table = pd.DataFrame(counts, columns=["inspections", "n_spurious"])
    table["completeness"] = table["n_spurious"] / max(int((codes == SPURIOUS).sum()), 1)
    return table
