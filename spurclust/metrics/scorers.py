"""Scorers for scikit-learn's searches that leave out uninspected sources."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import UNINSPECTED, encode_labels, is_uninspected
from spurclust.metrics.completeness_curves import (
    average_precision,
    completeness_at_workload,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.metrics.fractions import check_fraction, purity, workload
from spurclust.metrics.fractions import completeness as completeness_of

MISSED_FLOOR = 1000.0
"""Loss of a fold that misses the floor: above the sum of the workloads of all folds."""


def _flags_of(estimator: Any, X: Any) -> NDArray[Any]:
    """Return which sources the classifier predicts to be spurious."""
    return np.asarray(np.asarray(estimator.predict(X)) == estimator.classes_[1])


def _score_of(estimator: Any, X: Any) -> NDArray[Any]:
    """Return how spurious each source is, on any scale."""
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(X))
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))[:, 1]
    raise ValueError(
        f"{type(estimator).__name__} has neither decision_function nor predict_proba, so it gives "
        "no order: use the scorers completeness, purity, neg_workload, constrained_neg_workload."
    )


def _purity_or_zero(truth: ArrayLike, flags: ArrayLike) -> float:
    """Compute the purity, 0 when nothing is flagged."""
    value = purity(truth, flags)
    return 0.0 if math.isnan(value) else value


def _constrained_neg_workload(truth: ArrayLike, flags: ArrayLike, completeness: float) -> float:
    """Return minus the workload if the completeness reaches the floor, else far less."""
    check_fraction("completeness", completeness, above_zero=True)
    reached = completeness_of(truth, flags)
    if math.isnan(reached):
        return math.nan
    if reached >= completeness:
        return -workload(flags)
    return -MISSED_FLOOR * (1 + completeness - reached)


class _Metric(NamedTuple):
    """A function of the truth and a response, where greater is better, and its parameters."""

    function: Callable[..., float]
    response: Callable[[Any, Any], NDArray[Any]]
    parameters: dict[str, float]


_FLOOR = {"completeness": 0.95}

_METRICS = {
    "average_precision": _Metric(average_precision, _score_of, {}),
    "completeness": _Metric(completeness_of, _flags_of, {}),
    "completeness_at_workload": _Metric(completeness_at_workload, _score_of, {"workload": 0.1}),
    "constrained_neg_workload": _Metric(_constrained_neg_workload, _flags_of, _FLOOR),
    "neg_workload": _Metric(lambda _, flags: -workload(flags), _flags_of, {}),
    "neg_workload_at_completeness": _Metric(
        lambda *given, **floor: -workload_at_completeness(*given, **floor), _score_of, _FLOOR
    ),
    "purity": _Metric(_purity_or_zero, _flags_of, {}),
    "work_saved_over_sampling": _Metric(work_saved_over_sampling, _score_of, _FLOOR),
}


@dataclass(frozen=True, repr=False)
class _Scorer:
    """The callable that `get_scorer` returns; pickle and clone can copy all that it holds."""

    name: str
    unlabeled: object
    parameters: dict[str, float]

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score a fitted classifier on the inspected sources; greater is better."""
        metric = _METRICS[self.name]
        unlabeled = _unlabeled_of(estimator) if self.unlabeled is None else self.unlabeled
        codes = encode_labels(y, _classes_of(estimator, unlabeled), unlabeled)
        inspected = codes != UNINSPECTED
        if not inspected.any():
            raise ValueError(
                f"All {len(codes)} sources to score are uninspected (unlabeled={unlabeled!r})."
            )
        response = metric.response(estimator, X)
        value = metric.function(codes[inspected], response[inspected], **self.parameters)
        if math.isnan(value):
            warnings.warn(
                f"{self.name} is NaN: none of the {int(inspected.sum())} inspected sources to "
                "score is spurious. Use stratified folds, and no more of them than spurious "
                "sources.",
                stacklevel=2,
            )
        return float(value)

    def __repr__(self) -> str:
        given = {"unlabeled": self.unlabeled} if self.unlabeled is not None else {}
        arguments = [f"{key}={value!r}" for key, value in {**given, **self.parameters}.items()]
        return f"get_scorer({', '.join([repr(self.name), *arguments])})"


def _unlabeled_of(estimator: Any) -> object:
    """Find the estimator's parameter `unlabeled`, through pipelines and searches."""
    while estimator is not None and not hasattr(estimator, "unlabeled"):
        steps = getattr(estimator, "steps", None)
        estimator = steps[-1][1] if steps else getattr(estimator, "estimator", None)
    return getattr(estimator, "unlabeled", None)


def _classes_of(estimator: Any, unlabeled: object) -> NDArray[Any]:
    """Return the two classes of a classifier, reliable and spurious."""
    name = type(estimator).__name__
    if not hasattr(estimator, "classes_"):
        raise ValueError(f"{name} has no classes_: a scorer needs a fitted classifier.")
    classes = np.asarray(estimator.classes_)
    if is_uninspected(classes, unlabeled).any():
        raise ValueError(
            f"{name} has learned unlabeled={unlabeled!r} as a class: fit it without the "
            "uninspected sources."
        )
    if classes.shape != (2,):
        raise ValueError(
            f"{name} has the classes {classes.tolist()[:5]}: a scorer needs two, reliable and "
            "spurious. Were both among the labels of its training, and is there a value that "
            "means uninspected? Then name it: unlabeled=..."
        )
    return classes


def get_scorer(
    name: str, *, unlabeled: Any = None, **parameters: float
) -> Callable[[Any, Any, Any], float]:
    """Get a scorer for `GridSearchCV(scoring=...)` that leaves out uninspected sources.

    To choose a region, search over "constrained_neg_workload". To choose an order of inspection,
    search over "neg_workload_at_completeness", "work_saved_over_sampling" or "average_precision".
    Do not search over completeness alone (recall), which flags every source, or over the workload
    alone, which flags none.

    Parameters
    ----------
    name : str
        One of `get_scorer_names`; see Notes.
    unlabeled : object, default=None
        Value of `y` of an uninspected source. None takes the parameter `unlabeled` of the
        estimator, or of the last step of a pipeline, if there is one.
    **parameters : float
        `completeness` of "constrained_neg_workload", "neg_workload_at_completeness" and
        "work_saved_over_sampling" (0.95), `workload` of "completeness_at_workload" (0.1).

    Returns
    -------
    callable
        A function of a fitted classifier, `X` and `y`. The second class of the classifier is
        spurious. It returns a float; greater is better.

    Raises
    ------
    ValueError
        When there is no such scorer, it has no such parameter, or a value is out of range.

    Notes
    -----
    Every scorer counts only the inspected sources, also in the workload. If none of them is
    spurious, it warns and returns NaN.

    From the flags of `predict`:

    - "completeness"; "purity", which is 0 when nothing is flagged; "neg_workload".
    - "constrained_neg_workload": minus the workload if the completeness reaches the floor
      `completeness`, else -1000 (1 + floor - completeness). Its maximum is the smallest workload
      with enough completeness. In a mean over up to 1000 folds, a setting that reaches the floor in
      every fold is above any setting that misses it in one. A fold with few spurious sources is
      strict: with 10, a floor of 0.95 means all of them.

    From the order of `decision_function`, or else of `predict_proba`, like the functions of the
    same name: "average_precision", "completeness_at_workload", "neg_workload_at_completeness",
    "work_saved_over_sampling".

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from spurclust.metrics import get_scorer
    >>> tree = DecisionTreeClassifier().fit([[0], [1]], [0, 1])
    >>> scorer = get_scorer("neg_workload_at_completeness", unlabeled=-1)
    >>> scorer(tree, [[0], [0], [1], [1]], [0, 0, 1, -1])
    -0.3333333333333333
    """
    if name not in _METRICS:
        raise ValueError(f"There is no scorer {name!r}: choose from {get_scorer_names()}.")
    function, _, defaults = _METRICS[name]
    unknown = sorted(set(parameters) - set(defaults))
    if unknown:
        raise ValueError(
            f"The scorer {name!r} has no parameter {unknown[0]!r}: it has {sorted(defaults)}."
        )
    merged = {**defaults, **parameters}
    function([1], [1], **merged)  # a value out of range raises now, not in the first fold
    return _Scorer(name, unlabeled, merged)


def get_scorer_names() -> list[str]:
    """List the names that `get_scorer` knows.

    Returns
    -------
    list of str
        The names, sorted.

    Examples
    --------
    >>> from spurclust.metrics import get_scorer_names
    >>> get_scorer_names()[:2]
    ['average_precision', 'completeness']
    """
    return sorted(_METRICS)
