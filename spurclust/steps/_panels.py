"""Panels made ready to be measured: blank pixels told apart, grey levels between 0 and 1."""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

LOW, HIGH = 0.05, 0.995
"""Quantiles of a panel that become 0 and 1: how strips are commonly drawn, so that a panel means
the same as a strip and as a cube."""

LEAST_NOISE = 0.3 / 255
"""Below this, in grey levels, 8 bits show no noise."""

SMOOTHING = 1.0
"""Standard deviation, in pixels, of the kernel under which peaks are looked for."""

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
"""Quantiles that become features."""

LARGEST = 1e38
"""Beyond this, levels are cut: their differences must fit into float32."""

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


class Panels(NamedTuple):
    """Panels of shape (n, height, width), and numbers of shape (n,) about each.

    `grey` is from 0 to 1, the median where `blank`; `smooth` is `grey` smoothed; `noise` is the
    standard deviation between neighbours; `low`, `high` and `most` are the levels, in units of the
    data, of the quantiles LOW and HIGH and of the brightest pixel.
    """

    grey: Float32
    smooth: Float32
    blank: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    quantiles: Float32
    median: Float32
    noise: Float32
    low: Float32
    high: Float32
    most: Float32


def prepare_panels(values: NDArray[np.generic]) -> Panels:
    """Make panels ready to be measured.

    Parameters
    ----------
    values : ndarray of shape (n, height, width)
        Pixels of any real dtype; NaN is blank, and so are areas of at least 3 x 3 pixels that all
        have the least value of their panel, as they are drawn where there are no data.

    Returns
    -------
    Panels
        Ready.
    """
    flat = flat_pixels(values)
    if values.dtype.kind == "f":
        values = np.clip(values, -LARGEST, LARGEST)
    levels = np.asarray(values, dtype=np.float32)
    missing = np.isnan(levels)
    least = np.where(missing, np.inf, levels).min(axis=(1, 2), keepdims=True)
    blank = missing | (flat & (levels == least))
    ordered = np.where(blank, np.float32(np.inf), levels).reshape(len(levels), -1)
    ordered.sort(axis=1)
    n_good = ordered.shape[1] - np.count_nonzero(blank.reshape(len(blank), -1), axis=1)
    picked = _pick_quantiles(ordered, n_good, (LOW, HIGH, 1.0, *QUANTILES))
    low, high, most = picked[:, 0], picked[:, 1], picked[:, 2]
    quantiles = _scaled(picked[:, 3:], low[:, None], high[:, None])
    median = quantiles[:, QUANTILES.index(0.5)]
    grey = _scaled(levels, low[:, None, None], high[:, None, None])
    grey = np.where(blank, median[:, None, None], grey)
    smooth = scipy.ndimage.gaussian_filter(grey, SMOOTHING, truncate=3.0, axes=(1, 2))
    noise = np.maximum(_noise(grey), np.float32(LEAST_NOISE))
    return Panels(grey, smooth, blank, flat, quantiles, median, noise, low, high, most)


def flat_pixels(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell which pixels lie in a square of 3 x 3 equal ones; pixels outside count as their edge."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    along = padded[:, :, 1:] == padded[:, :, :-1]
    three = along[:, :, 1:] & along[:, :, :-1]
    down = padded[:, 1:, 1:-1] == padded[:, :-1, 1:-1]
    square = three[:, :-2] & three[:, 1:-1] & three[:, 2:] & down[:, :-1] & down[:, 1:]
    around = np.pad(square, ((0, 0), (1, 1), (1, 1)))
    wide = around[:, :, :-2] | around[:, :, 1:-1] | around[:, :, 2:]
    return np.asarray(wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:])


def _pick_quantiles(
    ordered: Float32, n_good: NDArray[np.intp], quantiles: tuple[float, ...]
) -> Float32:
    """Interpolate quantiles of the first `n_good` values of each row; 0 where there are none."""
    place = np.maximum(n_good[:, None] - 1, 0) * np.array(quantiles)
    below = place.astype(np.intp)
    share = (place - below).astype(np.float32)
    above = np.minimum(below + 1, np.maximum(n_good[:, None] - 1, 0))
    first = np.take_along_axis(ordered, below, axis=1)
    second = np.take_along_axis(ordered, above, axis=1)
    none = n_good[:, None] == 0
    first, second = np.where(none, 0, first), np.where(none, 0, second)
    return np.asarray(first * (1 - share) + second * share, dtype=np.float32)


def _scaled(levels: Float32, low: Float32, high: Float32) -> Float32:
    """Scale levels so that `low` is 0 and `high` is 1, and clip them; 0 where both are equal."""
    span = high - low
    scaled = (levels - low) / np.where(span > 0, span, 1)
    return np.asarray(np.clip(np.where(span > 0, scaled, 0), 0, 1), dtype=np.float32)


def _noise(grey: Float32) -> Float32:
    """Estimate the noise from the differences of neighbours, which do not see what is smooth."""
    n, height, width = grey.shape
    steps = [
        np.abs(np.diff(grey, axis=axis)).reshape(n, -1)
        for axis, length in ((1, height), (2, width))
        if length > 1
    ]
    if not steps:
        return np.zeros(n, dtype=np.float32)
    joined = np.concatenate(steps, axis=1)
    middle = joined.shape[1] // 2
    joined.partition(middle, axis=1)
    return np.asarray(joined[:, middle] * np.float32(NORMAL_MAD / np.sqrt(2)), dtype=np.float32)
