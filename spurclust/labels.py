"""What `y` means: the only place that codes labels as spurious, reliable and uninspected."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

SPURIOUS, RELIABLE, UNINSPECTED = 1, 0, -1
"""The codes of labels in the whole package, whatever values a user's `y` has."""

ORIGIN_COLUMN = "Label_Origin"
"""Column of label tables: how an inspected source was chosen. "queue" is by a person or an order,
in the page; "audit" is in an audit; "random" is drawn from all sources; blank is not known."""

NO_REASON = "no reason given"

MAX_REASONS = 10
"""Number of reasons that are printed and drawn. Rarer ones, such as free text, count as one."""


def name_reasons(reasons: Iterable[object]) -> list[str]:
    """Return the reasons without white space around them, and `NO_REASON` for blank ones."""
    return [str(reason).strip() or NO_REASON for reason in reasons]


def frequent_reasons(counts: Mapping[str, int]) -> tuple[list[str], str]:
    """Return the most frequent reasons, equal ones by name, and a name for all others."""
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    n_others = max(len(ordered) - MAX_REASONS, 0)
    return ordered[:MAX_REASONS], f"{n_others} other reason{'s' * (n_others != 1)}"


def is_uninspected(y: NDArray[Any], unlabeled: object) -> NDArray[np.bool_]:
    """Return which labels equal `unlabeled`, which may be NaN or pandas.NA."""
    if unlabeled is None:
        return np.zeros(len(y), dtype=bool)
    missing = _is_missing(y)
    if _is_missing(np.array([unlabeled], dtype=object))[0]:
        return missing
    pairs = zip(y.tolist(), missing, strict=True)
    return np.asarray([not gone and value == unlabeled for value, gone in pairs], dtype=bool)


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values are NaN, None or pandas.NA."""
    import pandas as pd

    return np.asarray(pd.isna(values), dtype=bool)


def binary_labels(y: ArrayLike, unlabeled: object = None) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return the two classes of `y`, reliable and spurious (the larger), and a code per source."""
    given: NDArray[Any] = column_or_1d(y, warn=True)
    uninspected = is_uninspected(given, unlabeled)
    known = given[~uninspected]
    if len(known) == 0:
        raise ValueError(
            f"All {len(given)} sources are uninspected (unlabeled={unlabeled!r}): label at least "
            "one."
        )
    classes, known = _two_classes(known)
    codes = np.full(len(given), UNINSPECTED, dtype=np.int8)
    codes[~uninspected] = np.where(known == classes[1], SPURIOUS, RELIABLE)
    return classes, codes


def _two_classes(known: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the sorted classes of inspected sources, and their labels in the same type."""
    infinite = known.dtype.kind == "f" and np.isinf(known).any()
    if infinite or _is_missing(known).any():
        raise ValueError(
            "Input y contains infinity or NaN. If NaN means uninspected, name it: unlabeled=np.nan"
        )
    if known.dtype == object and len({isinstance(value, str) for value in known}) == 1:
        known = np.array(known.tolist())
    check_classification_targets(known)
    classes = np.unique(known)
    if len(classes) > 2 or type_of_target(known).startswith("multi"):
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(known)}: {classes[:5].tolist()}. Is one of them the value that "
            "means uninspected? Then name it: unlabeled=..."
        )
    if len(classes) == 1:
        if classes.dtype.kind not in "biuf" or classes[0] not in (RELIABLE, SPURIOUS):
            raise ValueError(
                f"y holds only one class, {classes[0].item()!r}, which may be spurious or "
                "reliable: use 1 and 0."
            )
        classes = np.array([RELIABLE, SPURIOUS]).astype(classes.dtype)
    return classes, known


def labels_of_fit(estimator: Any, y: Any, n_sources: int) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return classes and codes of the labels that an estimator with `unlabeled` is fitted on."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    classes, codes = binary_labels(y, estimator.unlabeled)
    if len(codes) != n_sources:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {n_sources} "
            f"sources in X, {len(codes)} labels in y."
        )
    return classes, codes


def no_labels(n_sources: int) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return classes and codes where no source has a label."""
    return np.array([RELIABLE, SPURIOUS]), np.full(n_sources, UNINSPECTED, dtype=np.int8)


def warn_if_none_spurious(codes: NDArray[np.int8], *, stacklevel: int = 3) -> None:
    """Warn that a region will be empty; the warning is by default the caller's caller's."""
    if not (codes == SPURIOUS).any():
        warnings.warn(
            f"None of the {(codes != UNINSPECTED).sum()} inspected sources is spurious: the "
            "region is empty.",
            stacklevel=stacklevel,
        )


def warn_if_mostly_spurious(codes: NDArray[np.int8], *, stacklevel: int) -> None:
    """Warn if labels may be the wrong way round."""
    n_spurious, n_inspected = int((codes == SPURIOUS).sum()), int((codes != UNINSPECTED).sum())
    if 2 * n_spurious > n_inspected:
        warnings.warn(
            f"{n_spurious} of the {n_inspected} inspected sources are spurious, more than half: "
            "are the labels the wrong way round? Then read the table with the other "
            "spurious_value (--spurious-value), or change y, where the larger value means "
            "spurious. If they are right, label reliable sources too.",
            stacklevel=stacklevel,
        )


def encode_labels(y: ArrayLike, classes: NDArray[Any], unlabeled: object) -> NDArray[np.int8]:
    """Return a code per source for labels of two known classes."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"y must be of shape (n_samples,), got {labels.shape}.")
    reliable, spurious = classes.tolist()
    code_of = {reliable: RELIABLE, spurious: SPURIOUS}
    codes = np.full(len(labels), UNINSPECTED, dtype=np.int8)
    for position in np.flatnonzero(~is_uninspected(labels, unlabeled)):
        label = labels[position : position + 1].tolist()[0]
        if label not in code_of:
            raise ValueError(
                f"y[{position}] is {label!r}, where the classifier knows {reliable!r} and "
                f"{spurious!r}. If it means uninspected, name it: unlabeled=..."
            )
        codes[position] = code_of[label]
    return codes
