"""What the pixels of a cutout may be, whatever file they come from."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# 8192 x 8192 grey values. No cutout comes near; a header that declares more is damaged or a
# decompression bomb.
MAX_VALUES = 2**26


def check_size(shape: tuple[int, ...]) -> None:
    """Refuse a declared shape that no cutout has, before any memory is taken."""
    if math.prod(shape) > MAX_VALUES:
        declared = " x ".join(map(str, shape))
        raise ValueError(f"it declares {declared} values, more than any cutout: a bomb?")


def canonical(image: NDArray[Any]) -> NDArray[Any]:
    """Give the pixels one of the dtypes that cutouts have, in native byte order."""
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"its shape {image.shape} is not that of a picture")
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


def split_alpha(image: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Drop the last channel, an alpha; tell whether it was more than a constant."""
    alpha = image[..., -1]
    return image[..., :-1], bool(alpha.min() != alpha.max())
