"""Pixels that are equal in every row, as where pixels are drawn several times larger."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.steps._blocks import map_threads

KEY_ROWS = 32
"""Rows that tell most pixels apart before all rows are compared."""

COMPARED_ROWS = 64
"""Rows that one thread compares at a time."""


def merge_equal_columns(
    X: NDArray[Any], n_jobs: int | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find columns that are equal in every row, bit by bit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of pixels, of 1, 2, 4 or 8 bytes each.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    first : ndarray of shape (n_distinct,)
        The first column of each group of equal ones, ascending.
    group : ndarray of shape (n_features,)
        The group of each column: `X[:, first[group]]` equals `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.steps._groups import merge_equal_columns
    >>> merge_equal_columns(np.array([[1, 1, 2], [3, 3, 3]], dtype=np.uint8))
    (array([0, 2]), array([0, 0, 1]))
    """
    from spurclust.steps._projection import mark_different

    bits = np.ascontiguousarray(X).view(f"u{X.dtype.itemsize}")
    chosen = np.unique(np.linspace(0, len(X) - 1, KEY_ROWS).astype(int))
    # A random sum modulo 2^64 tells rows of numbers apart; where it should not, the comparison of
    # all rows does.
    factors = np.random.default_rng(0).integers(2**63, size=len(chosen), dtype=np.uint64)
    keys = np.zeros(X.shape[1], dtype=np.uint64)
    for row, factor in zip(chosen, 2 * factors + 1, strict=True):
        keys += bits[row].astype(np.uint64) * factor
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    twin = first[group]
    copies = np.flatnonzero(twin != np.arange(X.shape[1]))
    if len(copies):
        originals = twin[copies]

        def differing(start: int) -> NDArray[np.bool_]:
            marks = np.zeros(len(copies), dtype=np.bool_)
            mark_different(bits[start : start + COMPARED_ROWS], copies, originals, marks)
            return marks

        parts = map_threads(differing, range(0, len(X), COMPARED_ROWS), n_jobs)
        differs = copies[np.logical_or.reduce(parts)]
        twin[differs] = differs
    return np.unique(twin, return_inverse=True)


def take_distinct(
    X: NDArray[Any], n_jobs: int | None = None
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Leave one of each group of columns that are equal in every row.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of pixels, of 1, 2, 4 or 8 bytes each.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    distinct : ndarray of shape (n_samples, n_groups)
        The first column of each group; `X` itself where all differ.
    group : ndarray of shape (n_features,), int32
        The group of each column of `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.steps._groups import take_distinct
    >>> take_distinct(np.array([[1, 1, 2], [3, 3, 3]], dtype=np.uint8))[0].tolist()
    [[1, 2], [3, 3]]
    """
    first, group = merge_equal_columns(X, n_jobs)
    distinct = X if len(first) == X.shape[1] else np.take(X, first, axis=1)
    return distinct, group.astype(np.int32)


def members_of(group: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """List the columns group by group.

    Parameters
    ----------
    group : ndarray of shape (n_features,)
        Group of each column; every group has one.

    Returns
    -------
    members : ndarray of shape (n_features,), int32
        The columns, those of a group side by side.
    starts : ndarray of shape (n_groups + 1,), int32
        Where each group starts.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.steps._groups import members_of
    >>> members_of(np.array([0, 1, 0]))
    (array([0, 2, 1], dtype=int32), array([0, 2, 3], dtype=int32))
    """
    members = np.argsort(group, kind="stable").astype(np.int32)
    return members, np.cumsum([0, *np.bincount(group)]).astype(np.int32)
