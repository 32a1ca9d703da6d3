"""Check, convert, place and shrink the pixels of one image."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# About 5800 x 5800 gray values, far more than any cutout. A header that declares more is damaged or
# a decompression bomb.
MAX_VALUES = 2**25

LARGEST = 1e15
"""Far above any flux. Larger values mean a pixel without data, and their squares overflow."""


def check_size(shape: tuple[int, ...]) -> None:
    """Raise for a declared shape that no cutout has, before memory is allocated."""
    if math.prod(shape) > MAX_VALUES:
        declared = " x ".join(map(str, shape))
        raise ValueError(f"it declares {declared} values, more than any cutout: a bomb?")


def canonical(image: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels in one of the dtypes that cutouts have, in native byte order."""
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"its shape {image.shape} is not that of a picture: save one picture per file, with "
            "height, width and channels"
        )
    kind, width = image.dtype.kind, image.dtype.itemsize
    if kind == "b":
        return image.astype(np.uint8) * np.uint8(255)
    if kind in "ui" and width <= 4:
        return image.astype(image.dtype.newbyteorder("="), copy=False)
    if kind not in "uif":
        raise ValueError(f"its pixels are of type {image.dtype}")
    with np.errstate(over="ignore"):
        narrow = image.astype(np.float32)
    if width > 4 and np.count_nonzero(np.isinf(narrow)) > np.count_nonzero(np.isinf(image)):
        raise ValueError("it holds values beyond the range of float32")
    return narrow


def is_absurd(image: NDArray[Any]) -> bool:
    """Return whether a float is infinite or larger than any flux; NaN is neither."""
    with np.errstate(invalid="ignore"):
        # A float16 cannot hold the limit.
        return bool((np.abs(image) > min(LARGEST, float(np.finfo(image.dtype).max))).any())


def gray_as_one_channel(image: NDArray[Any]) -> NDArray[Any]:
    """Return one channel of an image whose channels are all equal, else the image."""
    if image.ndim == 2:
        return image
    if image.dtype == np.uint8 and image.shape[2] == 3:
        from spurclust.cutouts.decoding.pixel_kernels import take_gray

        gray = np.empty(image.shape[:2], dtype=np.uint8)
        return gray if take_gray(image.ravel(), gray.reshape(-1)) else image
    first, is_float = image[..., 0], image.dtype.kind == "f"
    others = np.moveaxis(image, -1, 0)[1:]
    same = all(np.array_equal(first, other, equal_nan=is_float) for other in others)
    return first if same else image


def convert(image: NDArray[Any], dtype: np.dtype[Any], *, by_value: bool) -> NDArray[Any] | None:
    """Return an image in another pixel type where that is exact, else None.

    Pictures span their type, so 8 bits become 16 by a factor of 257. FITS stores values. Floats of
    any width are converted.
    """
    if image.dtype == dtype:
        return image
    kinds = (str(image.dtype), str(dtype))
    if image.dtype.kind == dtype.kind == "f":
        return image.astype(dtype)
    if by_value:
        with np.errstate(invalid="ignore"):
            converted = image.astype(dtype)
        return converted if np.array_equal(converted, image) else None
    if kinds == ("uint8", "uint16"):
        return image * np.uint16(257)
    if kinds == ("uint16", "uint8") and not (image % 257).any():
        return (image // 257).astype(np.uint8)
    return None


def place(image: NDArray[Any], shape: tuple[int, ...], offset: tuple[int, int]) -> NDArray[Any]:
    """Put an image into a frame at a row and column, and cut off what is outside.

    Pixels without data are NaN, or 0 for integers.
    """
    fill = np.nan if image.dtype.kind == "f" else 0
    frame = np.full((*shape[:2], *image.shape[2:]), fill, dtype=image.dtype)
    inside = [
        (slice(max(start, 0), start + n), slice(max(-start, 0), room - start))
        for start, n, room in zip(offset, image.shape, shape, strict=False)
    ]
    (to_y, from_y), (to_x, from_x) = inside
    frame[to_y, to_x] = image[from_y, from_x]
    return frame


def shrink(
    image: NDArray[Any], *, size: tuple[int, int] | None = None, reduce: int | None = None
) -> NDArray[Any]:
    """Average an image down to `size`, or over blocks of `reduce` x `reduce` pixels.

    Every new pixel is the mean of the old ones over its area, with fractional overlaps. Integers
    are summed exactly and rounded to the same dtype, halves up. NaN does not count.
    """
    height, width = image.shape[:2]
    if size is not None and (size[0] > height or size[1] > width):
        raise ValueError(
            f"it is {height} x {width} pixels (height x width), smaller than size={size}, but "
            "cutouts can only be shrunk: give a smaller size"
        )
    if size in (None, (height, width)) and reduce in (None, 1):
        return image
    # Edges of the new pixels along each axis, in units that divide an old pixel into whole parts.
    units = (1, 1) if size is None else size
    steps = (reduce, reduce) if size is None else (height, width)
    edges = [
        np.minimum(np.arange(0, n * unit + step, step), n * unit)
        for n, unit, step in zip((height, width), units, steps, strict=True)
    ]

    def total(values: NDArray[Any]) -> NDArray[Any]:
        by_row = _sum_rows(values, edges[0], units[0])
        return _sum_rows(by_row.swapaxes(0, 1), edges[1], units[1]).swapaxes(0, 1)

    area = np.outer(np.diff(edges[0]), np.diff(edges[1]))
    area = area.reshape(*area.shape, *[1] * (image.ndim - 2))
    if image.dtype.kind != "f":
        rounded = (2 * total(image.astype(np.int64)) + area) // (2 * area)
        return np.asarray(rounded, dtype=image.dtype)
    has_data = ~np.isnan(image)
    weight = area if has_data.all() else total(has_data.astype(np.float64))
    sums = total(np.where(has_data, image, 0).astype(np.float64))
    mean = np.full(sums.shape, np.nan)
    np.divide(sums, weight, out=mean, where=weight > 0)
    return np.asarray(mean, dtype=image.dtype)


def _sum_rows(image: NDArray[Any], edges: NDArray[np.int64], unit: int) -> NDArray[Any]:
    """Add up the rows between edges, each weighted by its overlap; a row is `unit` wide."""
    low, high = edges[:-1], edges[1:]
    first, last = low // unit, -(-high // unit)
    total = np.zeros((len(low), *image.shape[1:]), dtype=image.dtype)
    for step in range(int((last - first).max())):
        row = np.minimum(first + step, len(image) - 1)
        overlap = np.minimum(high, (first + step + 1) * unit) - np.maximum(
            low, (first + step) * unit
        )
        weight = np.maximum(overlap, 0).astype(image.dtype)
        total += weight.reshape(-1, *[1] * (image.ndim - 1)) * image[row]
    return total
