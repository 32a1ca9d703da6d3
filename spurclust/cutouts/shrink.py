"""Exact area averages of one image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Edges of the new pixels along one axis, and the width of an old pixel in the same integer unit.
_Bins = tuple[NDArray[np.int64], int]


def shrink(
    image: NDArray[Any], *, size: tuple[int, int] | None = None, reduce: int | None = None
) -> NDArray[Any]:
    """Average an image down to `size`, or over blocks of `reduce` x `reduce` pixels.

    Every new pixel is the mean over its area of the old ones, with fractional overlaps. Integers
    are summed exactly and rounded, halves up, to the same dtype; of floats, NaN takes no part.
    """
    if reduce is not None:
        rows, columns = (_block_bins(n, reduce) for n in image.shape[:2])
    elif size is not None:
        if size[0] > image.shape[0] or size[1] > image.shape[1]:
            raise ValueError(
                f"it is {image.shape[0]} x {image.shape[1]} pixels (height x width), smaller than "
                f"size={size}, and cutouts are only ever shrunk"
            )
        rows, columns = (_equal_bins(n, m) for n, m in zip(image.shape[:2], size, strict=True))
    else:
        return image
    if (len(rows[0]) - 1, len(columns[0]) - 1) == image.shape[:2]:
        return image
    area = np.outer(np.diff(rows[0]), np.diff(columns[0]))
    area = area.reshape(*area.shape, *[1] * (image.ndim - 2))
    if image.dtype.kind == "f":
        return _mean_of_floats(image, rows, columns, area)
    return _mean_of_integers(image, rows, columns, area)


def _equal_bins(n_old: int, n_new: int) -> _Bins:
    """Cut `n_old` pixels into `n_new` equal parts; the unit is 1 / n_new of a pixel."""
    return np.arange(n_new + 1, dtype=np.int64) * n_old, n_new


def _block_bins(n_old: int, factor: int) -> _Bins:
    """Cut `n_old` pixels into blocks of `factor`; the last may be smaller."""
    n_new = -(-n_old // factor)
    return np.minimum(np.arange(n_new + 1, dtype=np.int64) * factor, n_old), 1


def _sum_rows(image: NDArray[Any], bins: _Bins) -> NDArray[Any]:
    """Add up the rows in every bin, each weighted by its overlap with the bin."""
    edges, unit = bins
    low, high = edges[:-1], edges[1:]
    first = low // unit
    last = -(-high // unit)
    total = np.zeros((len(low), *image.shape[1:]), dtype=image.dtype)
    for step in range(int((last - first).max())):
        row = first + step
        overlap = np.minimum(high, (row + 1) * unit) - np.maximum(low, row * unit)
        # Not a weight of zero instead: that makes NaN of infinite pixels next to the bin.
        used = np.flatnonzero(overlap > 0)
        weight = overlap[used].astype(image.dtype).reshape(-1, *[1] * (image.ndim - 1))
        total[used] += weight * image[row[used]]
    return total


def _sum_bins(image: NDArray[Any], rows: _Bins, columns: _Bins) -> NDArray[Any]:
    """Add up the pixels in every bin of rows and columns."""
    partial = _sum_rows(image, rows)
    return _sum_rows(partial.swapaxes(0, 1), columns).swapaxes(0, 1)


def _mean_of_integers(
    image: NDArray[Any], rows: _Bins, columns: _Bins, area: NDArray[np.int64]
) -> NDArray[Any]:
    """Average integers exactly; halves are rounded up."""
    largest = max(abs(int(np.iinfo(image.dtype).min)), int(np.iinfo(image.dtype).max))
    # 32 bits are faster and hold every sum of 8-bit cutouts of up to two million pixels.
    fits = 4 * largest * image.shape[0] * image.shape[1] < 2**31
    wide = np.dtype(np.int32 if fits else np.int64)
    total = _sum_bins(image.astype(wide), rows, columns)
    area = area.astype(wide)
    return ((2 * total + area) // (2 * area)).astype(image.dtype)


def _mean_of_floats(
    image: NDArray[Any], rows: _Bins, columns: _Bins, area: NDArray[np.int64]
) -> NDArray[Any]:
    """Average what is not NaN; a new pixel without any data is NaN."""
    empty = np.isnan(image)
    weight = area.astype(np.float64)
    if empty.any():
        image = np.where(empty, 0, image)
        weight = _sum_bins((~empty).astype(np.float64), rows, columns)
    with np.errstate(invalid="ignore"):
        total = _sum_bins(image.astype(np.float64), rows, columns)
        mean = np.full(total.shape, np.nan)
        np.divide(total, weight, out=mean, where=weight > 0)
    return mean.astype(image.dtype)
