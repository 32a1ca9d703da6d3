"""Pixels that are equal in every row, as where pixels are drawn several times larger."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.parallel import map_threads

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
    >>> from spurclust.embedding.groups import merge_equal_columns
    >>> merge_equal_columns(np.array([[1, 1, 2], [3, 3, 3]], dtype=np.uint8))
    (array([0, 2]), array([0, 0, 1]))
    """
    bits = np.ascontiguousarray(X).view(f"u{X.dtype.itemsize}")
    chosen = np.unique(np.linspace(0, len(bits) - 1, KEY_ROWS).astype(int))
    twin = _supposed_twins(bits, chosen, np.arange(bits.shape[1]))
    if not _are_equal(bits, twin, n_jobs):
        different = _different(bits, twin, n_jobs)
        twin[different] = _supposed_twins(bits, np.arange(len(bits)), different)
        still = _different(bits, twin, n_jobs)
        twin[still] = still
    return np.unique(twin, return_inverse=True)


def _supposed_twins(
    bits: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Find for each column the first one that equals it in some rows.

    A random sum modulo 2^64 tells rows of numbers apart; where it should not, the comparison of all
    rows does.
    """
    factors = np.random.default_rng(0).integers(2**63, size=len(rows), dtype=np.uint64)
    keys = np.zeros(len(columns), dtype=np.uint64)
    for row, factor in zip(rows, 2 * factors + 1, strict=True):
        values = bits[row, columns].astype(np.uint64)
        # Small whole numbers in float64 are zero in the lower half, and would leave the key so.
        keys += (values ^ values >> np.uint64(32)) * factor
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return columns[first[group]]


def _are_equal(bits: NDArray[Any], twin: NDArray[np.intp], n_jobs: int | None) -> bool:
    """Tell whether all columns equal their twins, comparing neighbours in memory where it can."""
    from spurclust.embedding.projection import are_repeated

    if (twin == np.arange(len(twin))).all():
        return True
    group = np.unique(twin, return_inverse=True)[1]
    width, lines = _repeated_lines(group.astype(np.min_scalar_type(group.max())))
    kept = (lines[:-1, None] * width + np.arange(width)).ravel()
    copies = kept[twin[kept] != kept]
    # Bytes, whatever the pixels are, so that there is one kernel to compile.
    n_bytes = bits.dtype.itemsize
    places = (np.stack([copies, twin[copies]])[..., None] * n_bytes + np.arange(n_bytes)).reshape(
        2, -1
    )

    def are_equal(start: int) -> bool:
        rows = bits[start : start + COMPARED_ROWS].view(np.uint8)
        return bool(are_repeated(rows, width * n_bytes, lines, *places))

    return all(map_threads(are_equal, range(0, len(bits), COMPARED_ROWS), n_jobs))


def _different(bits: NDArray[Any], twin: NDArray[np.intp], n_jobs: int | None) -> NDArray[np.intp]:
    """Find the columns that differ from their twins in any row."""
    from spurclust.embedding.projection import mark_different

    copies = np.flatnonzero(twin != np.arange(len(twin)))
    originals = twin[copies]

    def differing(start: int) -> NDArray[np.bool_]:
        marks = np.zeros(len(copies), dtype=np.bool_)
        mark_different(bits[start : start + COMPARED_ROWS], copies, originals, marks)
        return marks

    parts = map_threads(differing, range(0, len(bits), COMPARED_ROWS), n_jobs)
    return copies[np.logical_or.reduce(parts)]


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
    >>> from spurclust.embedding.groups import take_distinct
    >>> take_distinct(np.array([[1, 1, 2], [3, 3, 3]], dtype=np.uint8))[0].tolist()
    [[1, 2], [3, 3]]
    """
    first, group = merge_equal_columns(X, n_jobs)
    if len(first) == X.shape[1]:
        return X, group.astype(np.int32)
    distinct = np.empty((len(X), len(first)), dtype=X.dtype)

    def take(start: int) -> None:
        rows = slice(start, start + COMPARED_ROWS)
        # Without "clip" the columns would be checked, and taken into an array between.
        np.take(X[rows], first, axis=1, out=distinct[rows], mode="clip")

    map_threads(take, range(0, len(X), COMPARED_ROWS), n_jobs)
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
    >>> from spurclust.embedding.groups import plan_sums
    >>> plan_sums(np.array([0, 1, 0])).members
    array([0, 2, 1], dtype=uint32)
    """
    group = group.astype(np.min_scalar_type(group.max()))  # 16 bits are sorted by radix
    width, lines = _repeated_lines(group)
    kept = group.reshape(-1, width)[lines[:-1]].ravel()
    members = np.argsort(kept, kind="stable").astype(np.uint32)
    starts = np.cumsum([0, *np.bincount(kept)]).astype(np.uint32)
    return Sums(width, lines, members, starts, np.bincount(group))


def _repeated_lines(group: NDArray[Any]) -> tuple[int, NDArray[np.int64]]:
    """Find the width of lines, the first of each that are equal, and the end.

    A width shows itself as a distance, common to many groups, from their first pixel to another.
    """
    n_features = len(group)
    best = n_features, np.array([0, 1])
    members, size = np.argsort(group, kind="stable"), np.bincount(group)
    distances = members - np.repeat(members[np.cumsum(size) - size], size)
    counts = np.bincount(distances)
    widths = LEAST_WIDTH + np.flatnonzero(counts[LEAST_WIDTH:])
    for width in widths[np.argsort(-counts[widths], kind="stable")][:MOST_WIDTHS].tolist():
        if n_features % width:
            continue
        pictured = group.reshape(-1, width)
        changes = (pictured[1:] != pictured[:-1]).any(axis=1)
        changes[SUMMED_LINES - 1 :: SUMMED_LINES] = True
        lines = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(pictured)]])
        if width * (len(lines) - 1) < best[0] * (len(best[1]) - 1):
            best = width, lines
    return best
