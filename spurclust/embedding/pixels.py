"""Passes over rows of pixels, tile by tile, in float32 about the mean."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.embedding.groups import plan_sums
from spurclust.parallel import BufferPool, map_threads

Float32 = NDArray[np.float32]

TRANSFORM_ROWS = 64
"""Rows that one thread projects at a time, so that the axes are read once for all of them."""

SIMD_WIDTH = 8
"""Axes are filled up to so many, so that none is left to be multiplied alone."""

SUMMED_ROWS = 2
"""Rows whose pixels are summed by group at a time, so that they stay in cache."""

TILE_FEATURES = 4096
"""Pixels of one tile: 512 rows of them in float32 are 8 MB, about a core's share of cache."""

WIDER = {
    np.dtype(narrow): np.dtype(wide) for narrow, wide in (("u1", "u2"), ("u2", "u4"), ("f4", "f8"))
}
"""Types of pixels that are summed as they are, and of the sums of repeated lines."""

MIN_TILES = 16
"""At least so many tiles when the pixels are few, so that threads have something to share."""


def tile_bounds(n_features: int) -> list[tuple[int, int]]:
    """Cut the features into tiles whose bounds depend on nothing but their number.

    Parameters
    ----------
    n_features : int
        Number of pixels.

    Returns
    -------
    list of (int, int)
        First and last-plus-one feature of each tile.

    Examples
    --------
    >>> from spurclust.embedding.pixels import tile_bounds
    >>> tile_bounds(300)
    [(0, 256), (256, 300)]
    """
    width = min(TILE_FEATURES, max(256, -(-n_features // MIN_TILES)))
    return [(low, min(low + width, n_features)) for low in range(0, n_features, width)]


def column_means(X: NDArray[Any], n_jobs: int | None = None) -> Float32:
    """Average each column, in float64 or in exact integers, tile by tile.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of any real dtype.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_features,), float32
        The means.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.pixels import column_means
    >>> column_means(np.array([[0, 255], [1, 255]], dtype=np.uint8))
    array([  0.5, 255. ], dtype=float32)
    """
    # 2^16 rows of uint8 or uint16 cannot overflow 32 bits.
    narrow = X.dtype.kind in "bu" and X.dtype.itemsize <= 2
    accumulator, chunk = (np.uint32, 2**16) if narrow else (np.float64, 2**13)

    def tile_mean(bounds: tuple[int, int]) -> NDArray[np.float64]:
        total = np.zeros(bounds[1] - bounds[0])
        for start in range(0, len(X), chunk):
            total += X[start : start + chunk, slice(*bounds)].sum(axis=0, dtype=accumulator)
        return total / len(X)

    return np.concatenate(map_threads(tile_mean, tile_bounds(X.shape[1]), n_jobs)).astype(
        np.float32
    )


def centred(
    X: NDArray[Any], bounds: tuple[int, int], mean: Float32, memory: Float32 | None = None
) -> Float32:
    """Convert one tile of some rows to float32 about the mean, in the memory given if any."""
    pixels = X[:, slice(*bounds)]
    flat = np.empty(pixels.size, dtype=np.float32) if memory is None else memory[: pixels.size]
    tile = flat.reshape(pixels.shape)
    np.copyto(tile, pixels, casting="unsafe")
    tile -= mean[slice(*bounds)]
    return tile


def project_rows(
    X: NDArray[Any],
    group: NDArray[np.int32],
    mean: Float32,
    axes: Float32,
    n_jobs: int | None = None,
) -> Float32:
    """Project rows on the axes; a row's bits depend on that row alone.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features) or (n_samples, n_groups)
        Rows of any real dtype; with a column for each group, those whose pixels are equal within
        each.
    group : ndarray of shape (n_features,), int32
        Group of each pixel, within which the axes are constant.
    mean : ndarray of shape (n_groups,)
        Subtracted from each pixel of a group.
    axes : ndarray of shape (n_components, n_groups)
        What an axis is at each pixel of a group.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_samples, n_components), float32
        The coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.pixels import project_rows
    >>> group, mean = np.arange(2, dtype=np.int32), np.zeros(2, np.float32)
    >>> project_rows(np.array([[3, 4]], np.uint8), group, mean, np.array([[0.0, 1.0]], np.float32))
    array([[4.]], dtype=float32)
    """
    from spurclust.embedding.projection import add_products

    mean = np.require(mean, requirements=["C", "W"])
    columns = np.zeros((axes.shape[1], -(-len(axes) // SIMD_WIDTH) * SIMD_WIDTH), dtype=np.float32)
    columns[:, : len(axes)] = axes.T
    projected = np.zeros((len(X), columns.shape[1]), dtype=np.float32)
    if len(mean) == len(group):
        parts = _tiles(mean)
    else:
        parts = (_merged_sums if X.shape[1] == len(mean) else _group_sums)(group, mean)

    def project(start: int) -> None:
        rows = slice(start, start + TRANSFORM_ROWS)
        for part, bounds in parts(X[rows]):
            add_products(part, columns[bounds], projected[rows])

    map_threads(project, range(0, len(X), TRANSFORM_ROWS), n_jobs)
    return np.ascontiguousarray(projected[:, : len(axes)])


Parts = Callable[[NDArray[Any]], Iterator[tuple[Float32, slice]]]


def _tiles(mean: Float32) -> Parts:
    """Centre rows tile by tile."""
    tiles = tile_bounds(len(mean))

    def parts(rows: NDArray[Any]) -> Iterator[tuple[Float32, slice]]:
        for bounds in tiles:
            yield centred(rows, bounds, mean), slice(*bounds)

    return parts


def _group_sums(group: NDArray[np.int32], mean: Float32) -> Parts:
    """Sum the centred pixels of each group: far fewer numbers than pixels."""
    from spurclust.embedding.projection import sum_groups

    plan = plan_sums(group)
    buffers = BufferPool(TRANSFORM_ROWS * len(mean))

    def parts(rows: NDArray[Any]) -> Iterator[tuple[Float32, slice]]:
        dtype = rows.dtype if rows.dtype in WIDER else np.dtype(np.float32)
        lines = np.empty(len(plan.members), dtype=WIDER[dtype])
        memory = buffers.take()
        sums = memory[: len(rows) * len(mean)].reshape(len(rows), len(mean))
        # All rows in one call: threads that come back for each would wait for one another.
        sum_groups(np.require(rows, dtype, ["C", "A"]), mean, *plan, lines, sums)
        yield sums, slice(None)
        buffers.give_back(memory)

    return parts


def _merged_sums(group: NDArray[np.int32], mean: Float32) -> Parts:
    """Sum the centred pixels of each group, which are equal and given as one, to the same bits."""
    size = np.bincount(group)
    subtracted = size * mean.astype(np.float64)

    def parts(rows: NDArray[Any]) -> Iterator[tuple[Float32, slice]]:
        sums = np.empty(rows.shape, dtype=np.float32)
        for low in range(0, len(rows), SUMMED_ROWS):
            some = slice(low, low + SUMMED_ROWS)
            np.copyto(sums[some], rows[some], casting="unsafe")
            sums[some] = sums[some] * size - subtracted
        yield sums, slice(None)

    return parts
