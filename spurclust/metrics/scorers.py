"""Scorers for scikit-learn's searches, which know that some sources are uninspected."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import is_uninspected
from spurclust.metrics.completeness_curves import (
    average_precision,
    completeness_at_workload,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.metrics.fractions import completeness as completeness_of
from spurclust.metrics.fractions import purity, workload

MISSED_FLOOR = 1000.0
"""Loss of a fold that misses the floor: more than folds there are, each of workload at most 1."""


def _flags_of(estimator: Any, X: Any) -> NDArray[Any]:
    """Tell which sources the classifier calls spurious."""
    return np.asarray(np.asarray(estimator.predict(X)) == estimator.classes_[1])


def _score_of(estimator: Any, X: Any) -> NDArray[Any]:
    """Tell how spurious each source is, on any scale."""
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(X))
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))[:, 1]
    raise ValueError(
        f"{type(estimator).__name__} has neither decision_function nor predict_proba, and so gives "
        "no order: use the scorers completeness, purity, neg_workload, constrained_neg_workload."
    )


def _purity_or_zero(truth: ArrayLike, flags: ArrayLike) -> float:
    """Compute the purity, 0 when nothing is flagged."""
    value = purity(truth, flags)
    return 0.0 if math.isnan(value) else value


def _neg_workload(_truth: ArrayLike, flags: ArrayLike) -> float:
    """Negate the workload."""
    return -workload(flags)


def _constrained_neg_workload(
    truth: ArrayLike, flags: ArrayLike, completeness: float = 0.95
) -> float:
    """Negate the workload where the completeness reaches the floor, else fall far below."""
    if not 0 < completeness <= 1:
        raise ValueError(f"completeness must be in (0, 1], got {completeness}.")
    reached = completeness_of(truth, flags)
    if math.isnan(reached):
        return math.nan
    if reached >= completeness:
        return -workload(flags)
    return -MISSED_FLOOR * (1 + completeness - reached)


def _neg_workload_at_completeness(
    truth: ArrayLike, score: ArrayLike, completeness: float = 0.95
) -> float:
    """Negate the workload at a completeness."""
    return -workload_at_completeness(truth, score, completeness=completeness)


class _Measure(NamedTuple):
    """A figure, greater is better, what it compares the truth with, and its parameters."""

    figure: Callable[..., float]
    response: Callable[[Any, Any], NDArray[Any]]
    parameters: Mapping[str, float] = MappingProxyType({})


_FLOOR = MappingProxyType({"completeness": 0.95})

_MEASURES = {
    "average_precision": _Measure(average_precision, _score_of),
    "completeness": _Measure(completeness_of, _flags_of),
    "completeness_at_workload": _Measure(
        completeness_at_workload, _score_of, MappingProxyType({"workload": 0.1})
    ),
    "constrained_neg_workload": _Measure(_constrained_neg_workload, _flags_of, _FLOOR),
    "neg_workload": _Measure(_neg_workload, _flags_of),
    "neg_workload_at_completeness": _Measure(_neg_workload_at_completeness, _score_of, _FLOOR),
    "purity": _Measure(_purity_or_zero, _flags_of),
    "work_saved_over_sampling": _Measure(work_saved_over_sampling, _score_of, _FLOOR),
}


@dataclass(frozen=True, repr=False)
class _Scorer:
    """What `get_scorer` returns; it holds only what pickle and clone can carry."""

    name: str
    unlabeled: object
    parameters: dict[str, float]

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score a fitted classifier on the inspected sources; greater is better."""
        measure = _MEASURES[self.name]
        unlabeled = _unlabeled_of(estimator) if self.unlabeled is None else self.unlabeled
        classes = _classes_of(estimator, unlabeled)
        codes = _codes(np.asarray(y), classes, unlabeled)
        inspected = codes >= 0
        if not inspected.any():
            raise ValueError(
                f"All {len(codes)} sources to score are uninspected (unlabeled={unlabeled!r})."
            )
        response = measure.response(estimator, X)
        value = measure.figure(codes[inspected], response[inspected], **self.parameters)
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
    """Find the estimator's own mark, through pipelines and searches."""
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
            f"{name} has learnt unlabeled={unlabeled!r} as a class: leave the uninspected sources "
            "out of its training."
        )
    if classes.shape != (2,):
        raise ValueError(
            f"{name} has the classes {classes.tolist()[:5]}: a scorer needs two, reliable and "
            "spurious. Were both among the labels of its training, and is there a value that "
            "means uninspected? Then name it: unlabeled=..."
        )
    return classes


def _codes(y: NDArray[Any], classes: NDArray[Any], unlabeled: object) -> NDArray[np.int8]:
    """Translate labels to 1 spurious, 0 reliable, -1 uninspected."""
    if y.ndim != 1:
        raise ValueError(f"y must be of shape (n_samples,), got {y.shape}.")
    inspected = ~is_uninspected(y, unlabeled)
    reliable, spurious = classes.tolist()
    places = {reliable: 0, spurious: 1}
    known = y[inspected].tolist()
    wrong = sorted({value for value in known if value not in places}, key=repr)
    if wrong:
        raise ValueError(
            f"y holds {wrong[:5]}, where the classifier knows {reliable!r} and {spurious!r}. If "
            "one of them means uninspected, name it: unlabeled=..."
        )
    codes = np.full(len(y), -1, dtype=np.int8)
    codes[inspected] = [places[value] for value in known]
    return codes


def get_scorer(
    name: str, *, unlabeled: Any = None, **parameters: float
) -> Callable[[Any, Any, Any], float]:
    """Get a scorer for `GridSearchCV(scoring=...)` that leaves out uninspected sources.

    Completeness alone (recall) is greatest when every source is flagged, and the workload alone is
    least when none is: a search over either finds just that. Search over
    "constrained_neg_workload" to choose a region, and over "neg_workload_at_completeness",
    "work_saved_over_sampling" or "average_precision" to choose an order of inspection.

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
        Takes a fitted classifier of two classes, of which the second is spurious, `X` and `y`;
        returns a float, greater is better.

    Raises
    ------
    ValueError
        When there is no such scorer, or it has no such parameter or value.

    Notes
    -----
    Every scorer counts the inspected sources alone, the workload too. Where none of them is
    spurious, it warns and returns NaN.

    From the flags, which `predict` tells:

    - "completeness"; "purity", which is 0 when nothing is flagged; "neg_workload".
    - "constrained_neg_workload": minus the workload when the completeness reaches the floor
      `completeness`, else -1000 (1 + floor - completeness). Its greatest value is the least
      workload with the completeness wanted. In the mean over fewer than 1000 folds, too, a setting
      that reaches the floor in every fold is above any that misses it in one. A fold with few
      spurious sources makes that strict: with 10, a floor of 0.95 means all of them.

    From the order, which `decision_function` or else `predict_proba` tells, as the functions of
    the same names: "average_precision", "completeness_at_workload",
    "neg_workload_at_completeness", "work_saved_over_sampling".

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from spurclust.metrics import get_scorer
    >>> tree = DecisionTreeClassifier().fit([[0], [1]], [0, 1])
    >>> scorer = get_scorer("neg_workload_at_completeness", unlabeled=-1)
    >>> scorer(tree, [[0], [0], [1], [1]], [0, 0, 1, -1])
    -0.3333333333333333
    """
    if name not in _MEASURES:
        raise ValueError(f"There is no scorer {name!r}: choose from {get_scorer_names()}.")
    figure, _, defaults = _MEASURES[name]
    unknown = sorted(set(parameters) - set(defaults))
    if unknown:
        raise ValueError(
            f"The scorer {name!r} has no parameter {unknown[0]!r}: it has {sorted(defaults)}."
        )
    merged = {**defaults, **parameters}
    figure([1], [1], **merged)  # refuses a value outside its range now, not in the first fold
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
    return sorted(_MEASURES)
