"""Scores of held-out sources: per fold and setting, pooled, and the choice by them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.model_selection import ParameterGrid

from spurclust.metrics import (
    FractionInterval,
    binomial_interval,
    completeness,
    purity,
    workload,
)
from spurclust.metrics.fractions import check_fraction
from spurclust.region import is_flagged
from spurclust.tuning.splitters import Split

Floats = NDArray[np.float64]

ROUNDING = 1e-9
"""Rounding error of a mean of fractions over folds."""

TUNE_OPTIONS = {
    "n_components": "-N",
    "threshold": "--threshold",
    "perplexity": "--perplexity",
}

DEFAULT_COMPLETENESS = 0.95
"""Minimum completeness, unless another or a workload is given."""


def choose_setting(
    cv_results: Mapping[str, Any],
    *,
    completeness: float = DEFAULT_COMPLETENESS,
    workload: float | None = None,
) -> int:
    """Choose the setting with the least workload at a completeness, or the reverse.

    Use it as `refit` of a `GridSearchCV` whose `scoring` has the keys "completeness" and "workload"
    or "neg_workload". Set the bound with `functools.partial`. The scores of the chosen setting are
    too good, and more so with more settings. To judge the choice, cross-validate the search.

    Parameters
    ----------
    cv_results : mapping of str to array-like
        `cv_results_` of a search. It needs "mean_test_completeness", "mean_test_workload" (or
        "mean_test_neg_workload") and "params".
    completeness : float, default=0.95
        Minimum mean held-out completeness, in (0, 1]. Not used with `workload`.
    workload : float, default=None
        Maximum mean held-out workload, in (0, 1]. Leave `completeness` at its default then.

    Returns
    -------
    int
        Index of the setting in `cv_results`: the first of those with equal scores.

    Raises
    ------
    ValueError
        When both bounds are given, one is out of range, or no completeness is known.

    Warns
    -----
    UserWarning
        When no setting keeps the bound. Then the one with the highest completeness, or the least
        workload, is chosen.

    Examples
    --------
    >>> from spurclust.tuning import choose_setting
    >>> results = {"mean_test_completeness": [1.0, 0.96, 0.5], "mean_test_workload": [0.9, 0.4, 0]}
    >>> choose_setting(results), choose_setting(results, workload=0.3)
    (1, 2)
    """
    check_bounds(completeness, workload)
    found = np.asarray(cv_results["mean_test_completeness"], dtype=float)
    if "mean_test_workload" in cv_results:
        work = np.asarray(cv_results["mean_test_workload"], dtype=float)
    else:
        work = -np.asarray(cv_results["mean_test_neg_workload"], dtype=float)
    known = ~(np.isnan(found) | np.isnan(work))
    if not known.any():
        raise ValueError(
            "The completeness or the workload of every setting is NaN: each test fold needs "
            "inspected sources, some of them spurious, as InspectedStratifiedKFold makes them."
        )
    keeps = known & (
        found >= completeness - ROUNDING if workload is None else work <= workload + ROUNDING
    )
    # If no setting keeps the bound, the bounded score is optimized instead.
    least_work_first = keeps.any() == (workload is None)
    order = (work, -found) if least_work_first else (-found, work)
    chosen = _first_of(keeps if keeps.any() else known, *order)
    if not keeps.any():
        bound = f"workload={workload}" if workload is not None else f"completeness={completeness}"
        reached = "lowest workload" if workload is not None else "highest completeness"
        warnings.warn(
            f"No setting keeps {bound} on held-out sources: the one with the {reached} is used, "
            f"completeness {found[chosen]:.3f} at workload {work[chosen]:.3f}"
            f"{_described(cv_results, chosen)}. Try other values, or another bound.",
            stacklevel=2,
        )
    return chosen


def describe_edges(
    grid: Mapping[str, list[Any]], cv_results: Mapping[str, Any], chosen: int
) -> list[str]:
    """Return sentences on chosen values that are the smallest or the largest of several."""
    scores = np.stack([cv_results[f"mean_test_{name}"] for name in ("completeness", "workload")])
    equal = np.flatnonzero((np.abs(scores.T - scores[:, chosen]) <= ROUNDING).all(axis=1))
    sentences = []
    for name, values in grid.items():
        value = cv_results["params"][chosen][name]
        if any(cv_results["params"][index][name] != value for index in equal):
            continue  # a value farther inside is as good
        ends = {min(values): ("smallest", "smaller"), max(values): ("largest", "larger")}
        # 1 is the smallest number of components and the largest threshold.
        if len(ends) < 2 or value not in ends or value == 1:
            continue
        end, beyond = ends[value]
        sentences.append(
            f"{name}={value:g} was chosen, the {end} of those tried: try {beyond} ones too "
            f"(spurclust tune {TUNE_OPTIONS[name]})."
        )
    return sentences


def check_bounds(completeness: float, workload: float | None) -> None:
    """Raise if a bound is out of range, or both are given."""
    check_fraction("completeness", completeness, above_zero=True)
    if workload is not None:
        check_fraction("workload", workload, above_zero=True)
    if workload is not None and completeness != DEFAULT_COMPLETENESS:
        raise ValueError(
            f"Both completeness={completeness} and workload={workload} are given: give the one to "
            "keep, and the other is optimized."
        )


def _first_of(
    candidates: NDArray[np.bool_], first: NDArray[np.float64], second: NDArray[np.float64]
) -> int:
    """Return the index of the candidate with the least first key, then second, then index."""
    indices = np.flatnonzero(candidates)
    keys = (np.round(key[indices] / ROUNDING) for key in (second, first))
    return int(indices[np.lexsort((indices, *keys))[0]])


def _described(cv_results: Mapping[str, Any], index: int) -> str:
    """Return the parameters of a setting in parentheses, if they are known."""
    if "params" not in cv_results:
        return ""
    params = cv_results["params"][index]
    return " (" + ", ".join(f"{name}={value}" for name, value in params.items()) + ")"


def fold_scores(
    probabilities: Floats, thresholds: list[float], spurious: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Compute the scores of a test fold, for each setting and (varying fastest) threshold."""
    rows = [
        (completeness(spurious, flagged), purity(spurious, flagged), workload(flagged))
        for probability in probabilities.reshape(-1, len(spurious))
        for flagged in (is_flagged(probability, threshold) for threshold in thresholds)
    ]
    return dict(zip(("completeness", "purity", "workload"), np.array(rows).T, strict=True))


def tabulate_results(grid: dict[str, list[Any]], scores: list[dict[str, Floats]]) -> dict[str, Any]:
    """Return `cv_results_` in the form of `GridSearchCV`, without times, from scores by split."""
    params = list(ParameterGrid(grid))
    results: dict[str, Any] = {
        f"param_{name}": np.ma.array([each[name] for each in params], mask=False)
        for name in sorted(grid)
    }
    results["params"] = params
    for name in scores[0]:
        folds = np.stack([score[name] for score in scores], axis=1)
        results.update({f"split{i}_test_{name}": folds[:, i] for i in range(len(scores))})
        # Averages as in scikit-learn, so that the last bits are the same.
        mean = np.average(folds, axis=1)
        results[f"mean_test_{name}"] = mean
        results[f"std_test_{name}"] = np.sqrt(
            np.average((folds - mean[:, np.newaxis]) ** 2, axis=1)
        )
        better = mean if name == "workload" else -mean
        # The purity is NaN where nothing is flagged, and ranks last.
        results[f"rank_test_{name}"] = rankdata(
            np.where(np.isnan(better), np.inf, better), method="min"
        ).astype(np.int32)
    return results


def lay_by_repeat(probabilities: list[Floats], splits: list[Split], n_samples: int) -> Floats:
    """Return the probabilities of the test sources, of shape (n_repeats, n_samples)."""
    # The repeat of a source is the number of times that it was tested before.
    n_tests = np.zeros(n_samples, dtype=np.intp)
    for _, test in splits:
        n_tests[test] += 1
    by_repeat = np.full((n_tests.max(), n_samples), np.nan)
    n_tests[:] = 0
    for probability, (_, test) in zip(probabilities, splits, strict=True):
        by_repeat[n_tests[test], test] = probability
        n_tests[test] += 1
    return by_repeat


def mean_of_known(by_repeat: NDArray[Any], tested: NDArray[np.bool_]) -> Floats:
    """Average over the repeats in which a source was tested; NaN if it never was."""
    times = tested.sum(axis=0)
    total = np.where(tested, by_repeat, 0.0).sum(axis=0)
    mean = np.full(len(times), np.nan)
    np.divide(total, times, out=mean, where=times > 0)
    return mean


class PooledMetrics(NamedTuple):
    """Completeness, purity and workload of all held-out sources, each counted once."""

    completeness: FractionInterval
    purity: FractionInterval
    workload: FractionInterval


def pool_metrics(flagged: ArrayLike, spurious: ArrayLike) -> PooledMetrics:
    """Compute completeness, purity and workload of all held-out sources, each counted once.

    Parameters
    ----------
    flagged : array-like of shape (n_samples,)
        Share of the repeats in which a source is flagged: `held_out_flagged_` of a search. NaN if
        it was never held out.
    spurious : array-like of bool of shape (n_samples,)
        Which sources are spurious.

    Returns
    -------
    PooledMetrics
        completeness, purity and workload, each a value with the ends of its exact 95 % interval.
        Where the repeats differ, counts are averages, and intervals are those of counts rounded
        outwards.

    Examples
    --------
    >>> from spurclust.tuning import pool_metrics
    >>> pool_metrics([1, 0.5, 0, float("nan")], [True, True, False, True]).completeness.value
    0.75
    """
    share, truth = np.asarray(flagged, dtype=float), np.asarray(spurious, dtype=bool)
    tested = ~np.isnan(share)
    share, truth = share[tested], truth[tested]
    found, n_flagged = share[truth].sum(), share.sum()
    return PooledMetrics(
        _fraction(found, truth.sum()), _fraction(found, n_flagged), _fraction(n_flagged, len(share))
    )


def _fraction(k: float, n: float) -> FractionInterval:
    """Divide counts that may be averages, with an interval that is never too narrow."""
    k_low, k_high = np.floor(k + ROUNDING), np.ceil(k - ROUNDING)
    n_low, n_high = np.floor(n + ROUNDING), np.ceil(n - ROUNDING)
    low = binomial_interval(k_low, n_high)[0]
    high = binomial_interval(k_high, max(n_low, k_high))[1]
    return FractionInterval(float(k / n) if n > 0 else float("nan"), float(low), float(high))
