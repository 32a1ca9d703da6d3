"""How well inspectors agree beyond chance: Cohen's and Fleiss' kappa, with intervals.

Two inspectors who call 3 % of the sources spurious at random agree on 94 % of them. Their kappa is
0. Kappa is 1 if they agree on all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.metrics import cohen_kappa_score

from spurclust.labels import frequent_reasons, is_uninspected, name_reasons
from spurclust.metrics.fractions import as_bits, binomial_interval, check_confidence

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = ["inspectors", "about", "n_sources", "agreement", "kappa", "kappa_low", "kappa_high"]
"""Of `agreement_table`."""


class Kappa(NamedTuple):
    """The agreement of inspectors beyond chance, with its interval.

    Returned by `cohen_kappa` and `fleiss_kappa`. It depends on the fraction of spurious sources:
    compare kappas of one survey only.

    Attributes
    ----------
    value : float
        Kappa: 0 for agreement by chance, 1 for agreement on all. NaN when no source has two
        verdicts, or all verdicts are the same.
    low : float
        Lower end of its interval; NaN where kappa is NaN, and for fewer than two sources.
    high : float
        Upper end of its interval.
    agreement : float
        Share of pairs of verdicts on one source that agree, chance included.
    n_sources : int
        Number of sources with two or more verdicts.

    Examples
    --------
    >>> from spurclust.metrics import cohen_kappa
    >>> cohen_kappa([1, 1, 0, 0], [1, 0, 0, 0]).value
    0.5
    """

    value: float
    low: float
    high: float
    agreement: float
    n_sources: int


def cohen_kappa(
    first: ArrayLike, second: ArrayLike, *, unlabeled: Any = None, confidence: float = 0.95
) -> Kappa:
    """Compute Cohen's kappa of two inspectors.

    Parameters
    ----------
    first, second : array-like of shape (n_sources,)
        Verdicts of each inspector: 1 spurious, 0 reliable, or `unlabeled`. Sources with one verdict
        do not count.
    unlabeled : object, default=None
        The value that means uninspected, such as -1 or NaN; None when there is none.
    confidence : float, default=0.95
        Confidence level of the interval, between 0 and 1.

    Returns
    -------
    Kappa
        The value of `sklearn.metrics.cohen_kappa_score`, with a large-sample interval.

    Raises
    ------
    ValueError
        When the shapes differ, a verdict is neither 0 nor 1 nor `unlabeled`, or `confidence` is
        not between 0 and 1.

    Notes
    -----
    The standard error is that of Fleiss, Cohen and Everitt; the interval is taken on the scale of
    ``log(1 - kappa)``. Where the inspectors agree on all sources, the lower end follows from the
    exact interval of the share of agreement. With a handful of disagreements, the interval is too
    short.

    References
    ----------
    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20, 1960.

    J. Fleiss, J. Cohen and B. Everitt, "Large sample standard errors of kappa and weighted kappa",
    Psychological Bulletin 72, 1969.

    Examples
    --------
    >>> from spurclust.metrics import cohen_kappa
    >>> kappa = cohen_kappa([1] * 40 + [0] * 960, [1] * 30 + [0] * 970)
    >>> round(kappa.value, 3), round(kappa.low, 3), round(kappa.high, 3), kappa.agreement
    (0.852, 0.728, 0.92, 0.99)
    """
    spurious, known = _verdicts({"first": first, "second": second}, unlabeled)
    one, other = spurious[known.all(axis=1)].T
    p, q = _mean(one), _mean(other)
    by_chance = p * q + (1 - p) * (1 - q)
    value = np.nan
    if by_chance < 1:
        value = cohen_kappa_score(one, other, labels=[False, True])
    chances = (np.where(one, q, 1 - q) + np.where(other, p, 1 - p)) / 2
    return _with_interval(value, (one == other).astype(float), by_chance, chances, confidence)


def fleiss_kappa(verdicts: ArrayLike, *, unlabeled: Any = None, confidence: float = 0.95) -> Kappa:
    """Compute Fleiss' kappa of any number of inspectors.

    Not every inspector needs to judge every source.

    Parameters
    ----------
    verdicts : array-like of shape (n_sources, n_inspectors)
        1 spurious, 0 reliable, or `unlabeled`. Sources with fewer than two verdicts do not count.
    unlabeled : object, default=None
        The value that means uninspected, such as -1 or NaN; None when there is none.
    confidence : float, default=0.95
        Confidence level of the interval, between 0 and 1.

    Returns
    -------
    Kappa
        Kappa, with a large-sample interval as in `cohen_kappa`.

    Raises
    ------
    ValueError
        When `verdicts` is not 2-D, a verdict is neither 0 nor 1 nor `unlabeled`, or `confidence`
        is not between 0 and 1.

    Notes
    -----
    For two inspectors it is Scott's pi, which is close to Cohen's kappa. The standard error is
    Gwet's, over sources.

    References
    ----------
    J. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76,
    1971.

    K. Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement",
    British Journal of Mathematical and Statistical Psychology 61, 2008.

    Examples
    --------
    >>> from spurclust.metrics import fleiss_kappa
    >>> verdicts = [[1, 1, 1]] * 30 + [[1, 1, 0]] * 10 + [[0, 0, 0]] * 960
    >>> kappa = fleiss_kappa(verdicts)
    >>> round(kappa.value, 3), round(kappa.low, 3), round(kappa.high, 3)
    (0.906, 0.831, 0.947)
    """
    given = np.asarray(verdicts)
    if given.ndim != 2:
        raise ValueError(f"verdicts must be of shape (n_sources, n_inspectors), got {given.shape}.")
    spurious, known = _verdicts(dict(enumerate(given.T)), unlabeled)
    n = known.sum(axis=1)
    n_spurious, n = (spurious & known).sum(axis=1)[n > 1], n[n > 1]
    n_reliable = n - n_spurious
    agree = (n_spurious * (n_spurious - 1) + n_reliable * (n_reliable - 1)) / (n * (n - 1))
    share = n_spurious / n
    p = _mean(share)
    by_chance = p**2 + (1 - p) ** 2
    value = (_mean(agree) - by_chance) / (1 - by_chance) if by_chance < 1 else np.nan
    return _with_interval(value, agree, by_chance, p * share + (1 - p) * (1 - share), confidence)


def _verdicts(
    columns: Mapping[Any, ArrayLike], unlabeled: object
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return who calls which source spurious, and who has judged it: a column per inspector."""
    labels = [np.asarray(column) for column in columns.values()]
    shapes = [column.shape for column in labels]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1:
        raise ValueError(f"verdicts must have one shape, (n_sources,), got {shapes}.")
    known = np.column_stack([~is_uninspected(column, unlabeled) for column in labels])
    spurious = np.zeros(known.shape, dtype=bool)
    hint = "If one of them means uninspected, name it: unlabeled=..."
    for k, column in enumerate(labels):
        spurious[known[:, k], k] = as_bits(column[known[:, k]], "Verdicts", hint)
    return spurious, known


def _mean(values: NDArray[Any]) -> float:
    """Return the mean, NaN of none."""
    return float(values.mean()) if len(values) else np.nan


def _with_interval(
    value: float,
    agree: NDArray[np.float64],
    by_chance: float,
    chances: NDArray[np.float64],
    confidence: float,
) -> Kappa:
    """Add the interval to a kappa, from the agreement on each source and that of chance."""
    check_confidence(confidence)
    n, low, high = len(agree), np.nan, np.nan
    if value == 1:
        least, _ = binomial_interval(n, n, confidence)
        low, high = float((least - by_chance) / (1 - by_chance)), 1.0
    elif n > 1 and not np.isnan(value):
        # The contribution of each source to kappa, linearized.
        parts = (agree - by_chance - 2 * (1 - value) * (chances - by_chance)) / (1 - by_chance)
        error = parts.std(ddof=1) / np.sqrt(n)
        factor = np.exp(ndtri((1 + confidence) / 2) * error / (1 - value))
        low, high = 1 - (1 - value) * factor, 1 - (1 - value) / factor
        low, high = min(low, value), max(high, value)  # rounding can break this
    return Kappa(float(value), float(np.maximum(low, -1)), float(high), _mean(agree), n)


def agreement_table(
    verdicts: Mapping[str, ArrayLike],
    reasons: Mapping[str, Iterable[object]] | None = None,
    *,
    unlabeled: Any = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute the agreement of all inspectors, of each pair, and on each reason.

    Parameters
    ----------
    verdicts : mapping of str to array-like of shape (n_sources,)
        Verdicts of two or more inspectors: 1 spurious, 0 reliable, or `unlabeled`.
    reasons : mapping of str to iterable of str, default=None
        Reasons of each inspector, one per source. Two inspectors agree on a reason if both or
        neither call the source spurious for it.
    unlabeled : object, default=None
        The value that means uninspected, such as -1 or NaN; None when there is none.
    confidence : float, default=0.95
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    DataFrame
        A row for all inspectors if there are more than two, one per pair, and one per reason (the
        ten most frequent). Columns: ``inspectors``, ``about`` ("spurious", or the reason),
        ``n_sources``, ``agreement``, ``kappa`` (Cohen's of two inspectors, Fleiss' of more),
        ``kappa_low``, ``kappa_high``.

    Raises
    ------
    ValueError
        When the shapes differ, or a verdict is neither 0 nor 1 nor `unlabeled`.

    Examples
    --------
    >>> from spurclust.metrics import agreement_table
    >>> verdicts = {"ann": [1, 0, 0, 1], "bob": [1, 0, 0, 0], "cy": [1, 0, 1, 1]}
    >>> agreement_table(verdicts)[["inspectors", "kappa"]].round(3).values.tolist()
    [['all', 0.333], ['ann and bob', 0.5], ['ann and cy', 0.5], ['bob and cy', 0.2]]
    """
    import pandas as pd

    columns = {name: np.asarray(cells) for name, cells in verdicts.items()}
    spurious = {name: cells == 1 for name, cells in columns.items()}

    def compare(names: tuple[str, ...], about: str, given: Mapping[str, Any]) -> dict[str, Any]:
        chosen = [given[name] for name in names]
        options = {"unlabeled": unlabeled, "confidence": confidence}
        if len(names) == 2:
            kappa = cohen_kappa(*chosen, **options)
        else:
            kappa = fleiss_kappa(np.column_stack(chosen), **options)
        who = " and ".join(names) if len(names) == 2 else "all"
        numbers = kappa.n_sources, kappa.agreement, kappa.value, kappa.low, kappa.high
        return dict(zip(COLUMNS, (who, about, *numbers), strict=True))

    everybody = tuple(columns)
    groups = [everybody] * (len(everybody) > 2) + list(combinations(everybody, 2))
    rows = [compare(names, "spurious", columns) for names in groups]
    named = {name: np.array(name_reasons(cells)) for name, cells in (reasons or {}).items()}
    counts = Counter(reason for name in named for reason in named[name][spurious[name]].tolist())
    for reason in frequent_reasons(counts)[0]:
        others = {name: spurious[name] & (named[name] != reason) for name in named}
        given = {name: np.where(others[name], 0, columns[name]) for name in named}
        rows.append(compare(everybody, reason, given))
    return pd.DataFrame(rows, columns=COLUMNS)
