"""What `y` means: which value is spurious, which reliable, which uninspected."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

SPURIOUS, RELIABLE, UNINSPECTED = 1, 0, -1
"""The codes of labels in the whole package, whatever values a user's `y` has."""


def is_uninspected(y: NDArray[Any], unlabeled: object) -> NDArray[np.bool_]:
    """Tell which labels mean that nobody has looked.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    unlabeled : object
        The value that means uninspected, NaN and pandas.NA included; None when there is none.

    Returns
    -------
    ndarray of bool of shape (n_samples,)
        True where uninspected.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.labels import is_uninspected
    >>> is_uninspected(np.array([0, -1]), -1)
    array([False,  True])
    """
    if unlabeled is None:
        return np.zeros(len(y), dtype=bool)
    missing = _is_missing(y)
    if _is_missing(np.array([unlabeled], dtype=object))[0]:
        return missing
    pairs = zip(y.tolist(), missing, strict=True)
    return np.asarray([not gone and value == unlabeled for value, gone in pairs], dtype=bool)


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which values are NaN, None or pandas.NA."""
    import pandas as pd

    return np.asarray(pd.isna(values), dtype=bool)


def require_labels(estimator: object, y: object) -> None:
    """Raise when an estimator that learns from labels is given none.

    Parameters
    ----------
    estimator : object
        What is fitted.
    y : object
        Its labels.

    Raises
    ------
    ValueError
        When `y` is None.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def require_one_each(images: NDArray[Any], codes: NDArray[np.int8]) -> None:
    """Raise when there are not as many labels as sources.

    Parameters
    ----------
    images : ndarray of shape (n_samples, ...)
        The sources.
    codes : ndarray of shape (n_labels,)
        Their labels.

    Raises
    ------
    ValueError
        When the numbers differ.
    """
    if len(codes) != len(images):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {len(images)} "
            f"sources in X, {len(codes)} labels in y."
        )


def binary_labels(
    y: ArrayLike, unlabeled: object = None, *, stacklevel: int = 3
) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Split labels into the two classes and a code per source.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Two values, of which the larger is spurious, and `unlabeled`. A single value is understood
        when it is 0 or 1 (False or True).
    unlabeled : object, default=None
        The value that means uninspected.
    stacklevel : int, default=3
        Whose line a warning names; 3 is the caller of the caller.

    Returns
    -------
    classes : ndarray of shape (2,)
        Reliable and spurious.
    codes : ndarray of int8 of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected.

    Raises
    ------
    ValueError
        When no source is inspected, there are more than two classes, or the only class is neither
        0 nor 1.

    Examples
    --------
    >>> from spurclust.labels import binary_labels
    >>> binary_labels(["fine", "spurious", "?"], "?")
    (array(['fine', 'spurious'], dtype='<U8'), array([ 0,  1, -1], dtype=int8))
    """
    given: NDArray[Any] = column_or_1d(y, warn=True)
    uninspected = is_uninspected(given, unlabeled)
    known = given[~uninspected]
    if len(known) == 0:
        raise ValueError(
            f"All {len(given)} sources are uninspected (unlabeled={unlabeled!r}): label at least "
            "one."
        )
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
        classes = _both_classes(classes)
    codes = np.full(len(given), -1, dtype=np.int8)
    codes[~uninspected] = np.searchsorted(classes, known)
    if not (codes == 1).any():
        warnings.warn(
            f"None of the {len(known)} inspected sources is spurious: the region is empty.",
            stacklevel=stacklevel,
        )
    return classes, codes


def _both_classes(classes: NDArray[Any]) -> NDArray[Any]:
    """Complete the only class, 0 or 1, to both."""
    if classes.dtype.kind not in "biuf" or classes[0] not in (0, 1):
        raise ValueError(
            f"y holds only one class, {classes[0].item()!r}, which does not tell whether it is "
            "spurious or reliable: use 1 and 0."
        )
    return np.array([0, 1]).astype(classes.dtype)
