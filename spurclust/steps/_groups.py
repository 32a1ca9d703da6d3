"""Pixels that are equal in every row, as where pixels are drawn several times larger."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.steps._blocks import map_threads

KEY_ROWS = 32
"""Rows that tell most pixels apart before all rows are compared."""

COMPARED_ROWS = 64
"""Rows that one thread compares at a time."""

LEAST_WIDTH = 32
"""Pixels of a line that is worth summing as one."""

MOST_WIDTHS = 4
"""Widths that are tried."""

SUMMED_LINES = 256
"""Lines that are summed at most: twice the bits hold the sum of so many pixels."""


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


class Sums(NamedTuple):
    """How the pixels of each group are summed: first lines that are repeated, then what is left.

    Attributes
    ----------
    width : int
        Pixels of a line.
    lines : ndarray of shape (n_kept + 1,), int64
        The first of each lines that are summed, and the end of the last.
    members : ndarray of shape (n_kept * width,), uint32
        Places in the summed lines, those of a group side by side.
    starts : ndarray of shape (n_groups + 1,), uint32
        Where each group starts among the members.
    sizes : ndarray of shape (n_groups,), int64
        Number of pixels of each group.
    """

    width: int
    lines: NDArray[np.int64]
    members: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    sizes: NDArray[np.int64]


def plan_sums(group: NDArray[np.int32]) -> Sums:
    """Plan how the pixels of each group are summed.

    Pictures that are drawn enlarged repeat their lines. Neighbours in memory are summed many at
    once, while each pixel that is picked from anywhere takes as long as eight of those.

    Parameters
    ----------
    group : ndarray of shape (n_features,), int32
        Group of each pixel; every group has one.

    Returns
    -------
    Sums
        The plan.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.steps._groups import plan_sums
    >>> plan_sums(np.array([0, 1, 0])).members
    array([0, 2, 1], dtype=uint32)
    """
    width, lines = _repeated_lines(group)
    kept = group.reshape(-1, width)[lines[:-1]].ravel()
    members = np.argsort(kept, kind="stable").astype(np.uint32)
    starts = np.cumsum([0, *np.bincount(kept)]).astype(np.uint32)
    return Sums(width, lines, members, starts, np.bincount(group))


def _repeated_lines(group: NDArray[np.int32]) -> tuple[int, NDArray[np.int64]]:
    """Find the width of lines, the first of each that are equal, and the end.

    A width shows itself as a distance, common to many groups, from their first pixel to another.
    """
    n_features = len(group)
    best = n_features, np.array([0, 1])
    members, size = np.argsort(group, kind="stable"), np.bincount(group)
    distances = members - np.repeat(members[np.cumsum(size) - size], size)
    widths, counts = np.unique(distances[distances >= LEAST_WIDTH], return_counts=True)
    for width in widths[np.argsort(-counts, kind="stable")][:MOST_WIDTHS].tolist():
        if n_features % width:
            continue
        pictured = group.reshape(-1, width)
        changes = (pictured[1:] != pictured[:-1]).any(axis=1)
        changes[SUMMED_LINES - 1 :: SUMMED_LINES] = True
        lines = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(pictured)]])
        if width * (len(lines) - 1) < best[0] * (len(best[1]) - 1):
            best = width, lines
    return best
