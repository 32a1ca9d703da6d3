"""Panels made ready to be measured: blank pixels told apart, grey levels between 0 and 1."""

from typing import Any, NamedTuple

import numpy as np
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
    from spurclust.features.panel_kernels import scale_panels

    flat = flat_pixels(values)
    levels = _levels(values)
    blank, ordered, n_good = _order_levels(values, levels, flat)
    picked = _pick_quantiles(ordered, n_good, (LOW, HIGH, 1.0, *QUANTILES))
    low, high, most = np.ascontiguousarray(picked[:, :3].T)
    quantiles = _scaled(picked[:, 3:], low[:, None], high[:, None])
    median = quantiles[:, QUANTILES.index(0.5)].copy()
    grey = np.empty_like(levels)
    scale_panels(_rows(levels), _rows(blank), low, high, median, _rows(grey))
    noise = np.maximum(_noise(grey), np.float32(LEAST_NOISE))
    return Panels(grey, _smooth(grey), blank, flat, quantiles, median, noise, low, high, most)


def flat_pixels(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell which pixels lie in a square of 3 x 3 equal ones; pixels outside count as their edge."""
    from spurclust.features.panel_kernels import mark_flat

    holds_all = np.can_cast(values.dtype, np.float32)
    flat = np.empty(values.shape, dtype=np.bool_)
    mark_flat(np.ascontiguousarray(values, dtype=np.float32 if holds_all else np.float64), flat)
    return flat


def _levels(values: NDArray[np.generic]) -> Float32:
    """Turn pixels into float32, of which differences are finite."""
    if values.dtype.kind == "f":
        values = np.clip(values, -LARGEST, LARGEST)
    return np.ascontiguousarray(values, dtype=np.float32)


def _rows(panels: NDArray[Any]) -> NDArray[Any]:
    """View panels as rows."""
    return panels.reshape(len(panels), -1)


def _order_levels(
    values: NDArray[np.generic], levels: Float32, flat: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Float32, NDArray[np.int64]]:
    """Tell which pixels are blank, the other levels in rising order, and how many they are."""
    from spurclust.features.panel_kernels import mark_blank, sort_bytes

    blank, n_good = np.empty_like(flat), np.empty(len(levels), dtype=np.int64)
    ordered = np.empty_like(_rows(levels))
    mark_blank(_rows(levels), _rows(flat), _rows(blank), ordered, n_good)
    if values.dtype == np.uint8:
        sort_bytes(np.ascontiguousarray(_rows(values)), n_good, ordered)
    else:
        ordered.sort(axis=1)
    return blank, ordered, n_good


def _smooth(grey: Float32) -> Float32:
    """Weigh the neighbours of each pixel by a normal distribution."""
    from spurclust.features.panel_kernels import REACH, smooth_panels

    weights = np.exp(-0.5 / SMOOTHING**2 * np.arange(-REACH, REACH + 1) ** 2)
    smooth = np.empty_like(grey)
    down, along = (np.pad(np.arange(side), REACH, mode="symmetric") for side in grey.shape[1:])
    smooth_panels(grey, (weights / weights.sum())[REACH:], down, along, smooth)
    return smooth


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
    from spurclust.features.panel_kernels import middle_steps

    middle = np.zeros(len(grey), dtype=np.float32)
    if grey[0].size > 1:
        middle_steps(grey, middle)
    return np.asarray(middle * np.float32(NORMAL_MAD / np.sqrt(2)))
