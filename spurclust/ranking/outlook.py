"""How many spurious sources an inspection has found, and how many it has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.metrics import remaining_upper_bound
from spurclust.ranking.calibration import log_odds
from spurclust.ranking.effort import expected_effort
from spurclust.ranking.ranker import InspectionRanker
from spurclust.ranking.sampling import LEAST_P, sampling_p_value

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ORIGINS = ("", "random")
"""Origins of labels that can be a random sample of the survey: not known, or drawn at random. If it
is not known, the scores decide."""


class InspectionOutlook(NamedTuple):
    """The numbers of spurious sources found, and still to be found.

    Returned by `inspection_outlook`.

    Attributes
    ----------
    n_found : int
        Number of known spurious sources.
    n_uninspected : int
        Number of sources without a label.
    n_expected : float
        Expected number of spurious sources among the uninspected: the sum of their probabilities.
        These are calibrated on the random sample; without one the number is rough, and may be too
        small. NaN when only one class has labels.
    interval : tuple of (int, int) or None
        Exact interval of that number, from the random sample; None without one.
    n_sampled : int
        Number of inspected sources that are a random sample of all; 0 when none are.
    effort : DataFrame
        Result of `expected_effort`. It has intervals if all labels are a random sample.

    Examples
    --------
    >>> from spurclust.ranking import InspectionOutlook
    >>> InspectionOutlook._fields
    ('n_found', 'n_uninspected', 'n_expected', 'interval', 'n_sampled', 'effort')
    """

    n_found: int
    n_uninspected: int
    n_expected: float
    interval: tuple[int, int] | None
    n_sampled: int
    effort: pd.DataFrame


def inspection_outlook(
    ranker: InspectionRanker,
    X: ArrayLike,
    y: ArrayLike,
    *,
    origins: Sequence[str] | None = None,
    features: NDArray[np.float32] | None = None,
    completeness: Sequence[float] = (0.9, 0.95, 0.99),
    confidence: float = 0.95,
) -> InspectionOutlook:
    """Estimate how many spurious sources are still to be found, and with how many inspections.

    Intervals need labels that are a random sample of all sources. Labels made in the order of a
    ranking are not. The origins decide which labels are. If they are unknown, the scores decide,
    see `sampling_p_value`. No estimate includes a kind of defect that has no label.

    Parameters
    ----------
    ranker : InspectionRanker
        Fitted on the same sources and labels.
    X : array-like
        The sources, in the order of the fit.
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected.
    origins : sequence of str of length n_samples, default=None
        How each inspected source was chosen: "random" if drawn at random from all, "" if not known,
        any other word, such as "queue" or "audit", if not. None is "" for all.
    features : ndarray of shape (n_samples, n_features_out), float32, default=None
        Features of `X`, if they are computed already.
    completeness : sequence of float, default=(0.9, 0.95, 0.99)
        Shares of the spurious, in (0, 1].
    confidence : float, default=0.95
        Confidence of the intervals, in (0, 1).

    Returns
    -------
    InspectionOutlook
        The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import InspectionRanker
    >>> from spurclust.ranking import inspection_outlook
    >>> rng = np.random.default_rng(0)
    >>> truth = (rng.random(400) < 0.1).astype(int)
    >>> rows = rng.normal(size=(400, 5)) + 4 * truth[:, None]
    >>> y = np.where(np.arange(400) < 200, truth, -1)
    >>> ranker = InspectionRanker(50, unlabeled=-1, random_state=0).fit(rows, y)
    >>> outlook = inspection_outlook(ranker, rows, y)
    >>> outlook.n_found, outlook.n_sampled, outlook.interval, int((truth * (y == -1)).sum())
    (21, 200, (10, 35), 21)
    """
    labels = np.asarray(y)
    inspected, spurious = labels != UNINSPECTED, labels == SPURIOUS
    rows = ranker.extract_features(X) if features is None else features
    shares = ranker.forest_.shares(rows, ranker.n_jobs)
    sampled = inspected.copy()
    if not inspected.all():
        origin = np.full(len(labels), "") if origins is None else np.asarray(origins, dtype=object)
        sampled &= np.isin(origin, SAMPLE_ORIGINS)
        if sampling_p_value(shares[:, SPURIOUS], sampled) < LEAST_P:
            sampled &= origin == "random"
    probability = ranker.inspection_probability_.copy()
    n_expected = float(np.sort(probability[~inspected]).sum())
    if len(np.unique(labels[sampled])) == 2:
        estimate = _estimate_total(log_odds(shares), sampled, spurious) - spurious.sum()
        # If more are found than the sample lets expect, an estimate of none would promise too much.
        if estimate > 0:
            n_expected = float(min(estimate, (~inspected).sum()))
    if len(np.unique(labels[inspected])) < 2:
        n_expected = np.nan
    probability[~inspected] *= n_expected / probability[~inspected].sum() if n_expected else 0.0
    return InspectionOutlook(
        n_found=int(spurious.sum()),
        n_uninspected=int((~inspected).sum()),
        n_expected=n_expected,
        interval=_bound_remaining(sampled, inspected, spurious, confidence),
        n_sampled=int(sampled.sum()),
        effort=expected_effort(
            labels,
            np.minimum(probability, 1.0),
            completeness=completeness,
            unlabeled=UNINSPECTED,
            confidence=confidence,
            random_sample=bool((sampled == inspected).all()),
        ),
    )


def _estimate_total(
    odds: NDArray[np.float64], sampled: NDArray[np.bool_], spurious: NDArray[np.bool_]
) -> float:
    """Estimate the spurious among all, with probabilities calibrated on a random sample only."""
    # At equal odds, sources chosen by an earlier ranking are spurious more often.
    order = np.lexsort((spurious, odds))  # the last bits of sums depend on the order
    own = order[sampled[order]]
    model = LogisticRegression().fit(odds[own, None], spurious[own])
    return float(model.predict_proba(odds[order, None])[:, 1].sum())


def _bound_remaining(
    sampled: NDArray[np.bool_],
    inspected: NDArray[np.bool_],
    spurious: NDArray[np.bool_],
    confidence: float,
) -> tuple[int, int] | None:
    """Return the interval of the number of uninspected spurious, from a random sample of all."""
    n_sources, n_sampled = len(sampled), int(sampled.sum())
    if not n_sampled:
        return None
    n_hits = int((sampled & spurious).sum())
    n_known = int((inspected & spurious).sum()) - n_hits
    n_left = int((~inspected).sum())
    each_side = (1 + confidence) / 2
    most = remaining_upper_bound(n_sources, n_sampled, n_hits, each_side)
    most_reliable = remaining_upper_bound(n_sources, n_sampled, n_sampled - n_hits, each_side)
    ends = np.array([n_sources - n_sampled - most_reliable, most]) - n_known
    low, high = np.clip(ends, 0, n_left).tolist()
    return low, high
