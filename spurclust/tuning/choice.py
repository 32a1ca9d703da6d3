"""Which of the settings of a search to use."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-9
"""What the mean of fractions over folds may lose to rounding."""

DEFAULT_COMPLETENESS = 0.95
"""The floor, unless another or a workload was given."""


def choose_setting(
    cv_results: Mapping[str, Any],
    *,
    completeness: float = DEFAULT_COMPLETENESS,
    workload: float | None = None,
) -> int:
    """Choose the least work that finds enough, or the most that a given work finds.

    For `refit` of a `GridSearchCV` whose `scoring` has the keys "completeness" and "workload" or
    "neg_workload"; `functools.partial` sets the bound. The figures of the chosen setting flatter
    it, the more settings there are to choose from: to judge the choice, cross-validate the search.

    Parameters
    ----------
    cv_results : mapping of str to array-like
        What a search has as `cv_results_`: "mean_test_completeness", "mean_test_workload" (or
        "mean_test_neg_workload") and "params".
    completeness : float, default=0.95
        The least mean held-out completeness, in (0, 1]. Not used with `workload`.
    workload : float, default=None
        The largest mean held-out workload, in (0, 1]. When given, `completeness` keeps its default.

    Returns
    -------
    int
        Place of the setting in `cv_results`. Among equals in both figures, the first.

    Raises
    ------
    ValueError
        When both bounds are given, one is out of range, or no completeness is known.

    Warns
    -----
    UserWarning
        When no setting keeps the bound: the one with the highest completeness, or with the least
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
    # Where no setting keeps the bound, what was bound is made as good as possible instead.
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


def check_bounds(completeness: float, workload: float | None) -> None:
    """Raise when a bound is out of range, or both are given."""
    bounds = {"completeness": completeness, "workload": workload}
    for name, value in bounds.items():
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"{name} must be in (0, 1], got {value}.")
    if workload is not None and completeness != DEFAULT_COMPLETENESS:
        raise ValueError(
            f"Both completeness={completeness} and workload={workload} are given: give one, which "
            "is kept while the other is made as good as possible."
        )


def _first_of(
    candidates: NDArray[np.bool_], first: NDArray[np.float64], second: NDArray[np.float64]
) -> int:
    """Return the place of the candidate with the least first, then second, then place."""
    places = np.flatnonzero(candidates)
    keys = (np.round(key[places] / ROUNDING) for key in (second, first))
    return int(places[np.lexsort((places, *keys))[0]])


def _described(cv_results: Mapping[str, Any], place: int) -> str:
    """Tell the parameters of a setting, if they are known."""
    if "params" not in cv_results:
        return ""
    params = cv_results["params"][place]
    return " (" + ", ".join(f"{name}={value}" for name, value in params.items()) + ")"
