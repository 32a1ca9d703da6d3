"""The inspected sources among all: the only ones that a figure counts."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import is_uninspected


def inspected_pairs(
    y_true: ArrayLike, values: ArrayLike, name: str, unlabeled: object
) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return truth and values of the inspected sources; `name` is that of the values."""
    labels, given = _labels_as_array(y_true), np.asarray(values)
    if labels.shape != given.shape or labels.ndim != 1:
        raise ValueError(
            f"y_true has shape {labels.shape} and {name} has {given.shape}: both must be "
            "(n_samples,)."
        )
    inspected = ~is_uninspected(labels, unlabeled)
    hint = "If one of them means uninspected, name it: unlabeled=..."
    return as_bits(labels[inspected], "Labels", hint), given[inspected]


def _labels_as_array(y_true: ArrayLike) -> NDArray[Any]:
    """Make an array in which numbers beside a text mark stay numbers."""
    labels = np.asarray(y_true)
    if labels.dtype.kind in "US" and not isinstance(y_true, np.ndarray):
        return np.asarray(y_true, dtype=object)
    return labels


def as_bits(values: NDArray[Any], what: str, hint: str = "") -> NDArray[np.bool_]:
    """Turn values that are all 0 or 1 into booleans, or name the others."""
    if values.dtype.kind in "biuf":
        wrong = np.unique(values[(values != 0) & (values != 1)]).tolist()
    else:
        wrong = sorted(set(values.tolist()) - {0, 1}, key=repr)
    if wrong:
        raise ValueError(f"{what} must be 0 or 1, got {wrong[:5]}. {hint}".rstrip())
    return values.astype(bool)
