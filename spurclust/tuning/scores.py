"""Figures of held-out sources: for each fold and setting, and pooled for one setting."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ParameterGrid

from spurclust.metrics import binomial_interval, completeness, purity, workload
from spurclust.tuning.choice import ROUNDING
from spurclust.tuning.splitters import Split

Floats = NDArray[np.float64]


class PooledFraction(NamedTuple):
    """A fraction of the held-out sources and its exact interval."""

    value: float
    interval: tuple[float, float]


class PooledFigures(NamedTuple):
    """Figures of all held-out sources, each counted once."""

    completeness: PooledFraction
    purity: PooledFraction
    workload: PooledFraction


def fold_figures(
    probabilities: Floats, thresholds: list[float], spurious: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Compute the figures of one test fold, for each setting and threshold.

    Parameters
    ----------
    probabilities : ndarray of shape (..., n_test)
        Spurious probabilities of the test sources.
    thresholds : list of float
        Thresholds.
    spurious : ndarray of bool of shape (n_test,)
        Which of them are spurious.

    Returns
    -------
    dict of str to ndarray
        completeness, purity and workload, flat, the thresholds varying fastest. Purity is NaN
        where nothing is flagged.
    """
    rows = [
        (completeness(spurious, flagged), purity(spurious, flagged), workload(flagged))
        for probability in probabilities.reshape(-1, len(spurious))
        for flagged in (probability >= threshold for threshold in thresholds)
    ]
    return dict(zip(("completeness", "purity", "workload"), np.array(rows).T, strict=True))


def tabulate_results(
    grid: dict[str, list[Any]], figures: list[dict[str, Floats]]
) -> dict[str, Any]:
    """Make `cv_results_` in scikit-learn's form.

    Parameters
    ----------
    grid : dict of str to list
        The values of each parameter.
    figures : list of dict
        What `fold_figures` returns for each split.

    Returns
    -------
    dict of str to array
        As `GridSearchCV` makes it, without times. Rank 1 is the most of completeness and purity,
        and the least workload.
    """
    from scipy.stats import rankdata

    params = list(ParameterGrid(grid))
    results: dict[str, Any] = {
        f"param_{name}": np.ma.array([each[name] for each in params], mask=False)
        for name in sorted(grid)
    }
    results["params"] = params
    for name in figures[0]:
        folds = np.stack([figure[name] for figure in figures], axis=1)
        results.update({f"split{i}_test_{name}": folds[:, i] for i in range(len(figures))})
        # Averages as scikit-learn takes them, so that the last bits are the same.
        mean = np.average(folds, axis=1)
        results[f"mean_test_{name}"] = mean
        results[f"std_test_{name}"] = np.sqrt(
            np.average((folds - mean[:, np.newaxis]) ** 2, axis=1)
        )
        better = mean if name == "workload" else -mean
        # An unknown figure, of a fold where nothing is flagged, comes last.
        results[f"rank_test_{name}"] = rankdata(
            np.where(np.isnan(better), np.inf, better), method="min"
        ).astype(np.int32)
    return results


def lay_by_repeat(probabilities: list[Floats], splits: list[Split], n_samples: int) -> Floats:
    """Sort the held-out probabilities of one setting by how often a source was tested before.

    Parameters
    ----------
    probabilities : list of ndarray of shape (n_test,)
        Spurious probabilities of the test sources of each split.
    splits : list of tuple of ndarray
        Training and test sources.
    n_samples : int
        Number of sources.

    Returns
    -------
    ndarray of shape (n_repeats, n_samples)
        NaN where a source was not tested.
    """
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
    """Average over the repeats in which a source was tested; NaN when it never was."""
    times = tested.sum(axis=0)
    total = np.where(tested, by_repeat, 0.0).sum(axis=0)
    mean = np.full(len(times), np.nan)
    np.divide(total, times, out=mean, where=times > 0)
    return mean


def pool_figures(flagged: Floats, spurious: NDArray[np.bool_]) -> PooledFigures:
    """Compute the figures of all held-out sources, each counted once.

    Parameters
    ----------
    flagged : ndarray of shape (n_samples,)
        Share of the repeats in which a source is flagged; NaN when it was never tested.
    spurious : ndarray of bool of shape (n_samples,)
        Which sources are spurious.

    Returns
    -------
    PooledFigures
        completeness, purity and workload. Where the repeats differ, a count is their average, and
        the interval that of the counts rounded outwards.
    """
    tested = ~np.isnan(flagged)
    share, truth = flagged[tested], spurious[tested]
    found, n_flagged = share[truth].sum(), share.sum()
    return PooledFigures(
        _fraction(found, truth.sum()), _fraction(found, n_flagged), _fraction(n_flagged, len(share))
    )


def _fraction(k: float, n: float) -> PooledFraction:
    """Divide counts that may be averages, with an interval that is never too narrow."""
    k_low, k_high = np.floor(k + ROUNDING), np.ceil(k - ROUNDING)
    n_low, n_high = np.floor(n + ROUNDING), np.ceil(n - ROUNDING)
    low = binomial_interval(k_low, n_high)[0]
    high = binomial_interval(k_high, max(n_low, k_high))[1]
    return PooledFraction(float(k / n) if n > 0 else float("nan"), (float(low), float(high)))
