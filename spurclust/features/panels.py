"""Prepare panels, and define the parts of a panel for sums.

Flips and quarter turns of a square panel map each set of parts to itself. So results from the sums
need not depend on the orientation of a panel.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Features = dict[str, Float32]

LOW, HIGH = 0.05, 0.995
"""Quantiles of a panel that become 0 and 1. Strips are commonly drawn like this, so panels of a
strip and of a cube are equal."""

LEAST_NOISE = 0.3 / 255
"""Below this, in gray levels, 8 bits show no noise."""

SMOOTHING = 1.0
"""Standard deviation, in pixels, of the kernel by which panels are smoothed."""

QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
"""Quantiles that become features."""

LARGEST = np.float32(1e38)
"""Limit of levels: their differences must fit into float32. Its own type makes float16 wider."""

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

N_RINGS = 8
N_WEDGES = 24
N_ANGLES = 24
"""Directions of the Radon transform, 7.5 degrees apart."""

WEDGE_RANGES = {"inner": (0.2, 0.55), "outer": (0.5, 1.0)}
"""Distances from the center, in half panels, between which wedges lie."""

CENTER_RADIUS, SKY_RADII = 2.5, (4.5, 8.0)
"""Radii, in pixels, of the aperture around the source and of the ring of sky around that."""

LINE_WIDTH = 2.0
"""Width, in pixels, of one line of the Radon transform."""

LEAST_CHORD = 0.5
"""Lines of the Radon transform shorter than this share of the longest are left out."""


class Panels(NamedTuple):
    """Prepared panels."""

    # Of shape (n, height, width): gray levels from 0 to 1, the median where blank, and smoothed.
    gray: Float32
    smooth: Float32
    blank: Mask
    # Where 3 x 3 pixels are equal.
    flat: Mask
    # Gray levels, of shape (n, len(QUANTILES)) and (n,).
    quantiles: Float32
    median: Float32
    # Standard deviation between neighbors.
    noise: Float32
    # In units of the data: the pixels, the quantiles LOW and HIGH, the median, the brightest pixel.
    levels: Float32
    low: Float32
    high: Float32
    middle: Float32
    highest: Float32


def prepare_panels(values: NDArray[Any]) -> Panels:
    """Scale panels, mark blank pixels, smooth, and estimate the noise."""
    flat = flat_pixels(values)
    levels = _levels(values)
    rows = levels.reshape(len(levels), -1)
    # Blank pixels are NaN, or lie in areas of at least 3 x 3 pixels with the minimum of their
    # panel, which is how pixels without data are drawn.
    missing = np.isnan(levels)
    undrawn = flat & (levels == np.fmin.reduce(rows, axis=1)[:, None, None])
    # In ascending order, blank pixels with the minimum come first, and NaN comes last.
    start = np.count_nonzero(undrawn, axis=(1, 2))
    stop = rows.shape[1] - np.count_nonzero(missing, axis=(1, 2))
    picked = _quantiles(_sorted_rows(values, rows), start, stop, (LOW, HIGH, 0.5, 1.0, *QUANTILES))
    units = low, high, _, _ = np.ascontiguousarray(picked[:, :4].T)
    quantiles = _scale(picked[:, 4:], low, high)
    median = quantiles[:, QUANTILES.index(0.5)].copy()
    gray = _scale(rows, low, high).reshape(levels.shape)
    blank = undrawn | missing
    np.copyto(gray, median[:, None, None], where=blank)
    noise = np.maximum(_noise(gray), np.float32(LEAST_NOISE))
    return Panels(gray, _smooth(gray), blank, flat, quantiles, median, noise, levels, *units)


def round_exact(function: np.ufunc, values: NDArray[np.floating[Any]]) -> Float32:
    """Evaluate in float64 and round, because last bits of float32 depend on the processor."""
    return np.asarray(function(values, dtype=np.float64), dtype=np.float32)


def flat_pixels(values: NDArray[Any]) -> Mask:
    """Mark pixels in squares of 3 x 3 equal pixels; pixels outside repeat the edge."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    # Comparing pixels in one line is fastest; squares across the ends of a row are removed.
    line, width = padded.ravel(), padded.shape[2]
    along = line[1:] == line[:-1]
    down = line[width:] == line[:-width]
    three = along[1:] & along[:-1]
    n = line.size - 2 * width - 2
    square = np.zeros(line.size, dtype=np.bool_)  # marked at its first pixel
    np.logical_and(down[1 : 1 + n], down[width + 1 : width + 1 + n], out=square[:n])
    for row in range(3):
        square[:n] &= three[row * width : row * width + n]
    square.reshape(padded.shape)[:, :, -2:] = False
    square.reshape(padded.shape)[:, -2:] = False
    for step in (1, width):
        first = square.copy()
        square[step:] |= first[:-step]
        square[2 * step :] |= first[: -2 * step]
    return np.ascontiguousarray(square.reshape(padded.shape)[:, 1:-1, 1:-1])


def _levels(values: NDArray[Any]) -> Float32:
    """Convert pixels to float32 with finite differences."""
    if values.dtype.kind == "f":
        values = np.clip(values, -LARGEST, LARGEST)
    return np.ascontiguousarray(values, dtype=np.float32)


def _sorted_rows(values: NDArray[Any], levels: Float32) -> NDArray[Any]:
    """Sort the levels of each panel; NaN comes last."""
    if values.dtype.kind != "f" and values.dtype.itemsize <= 2:
        # A stable sort of small integers is a radix sort.
        return np.sort(values.reshape(levels.shape), axis=1, kind="stable")
    return np.sort(levels, axis=1)


def _quantiles(
    ordered: NDArray[Any],
    start: NDArray[np.intp],
    stop: NDArray[np.intp],
    shares: tuple[float, ...],
) -> Float32:
    """Interpolate quantiles of the values from `start` to `stop` of each row; 0 without values."""
    last = np.maximum(stop - start - 1, 0)[:, None]
    position = last * np.array(shares)
    below = position.astype(np.intp)
    weight = (position - below).astype(np.float32)
    values = []
    for index in (below, np.minimum(below + 1, last)):
        inside = np.minimum(start[:, None] + index, ordered.shape[1] - 1)
        values.append(np.take_along_axis(ordered, inside, axis=1).astype(np.float32))
    between = values[0] * (1 - weight) + values[1] * weight
    return np.asarray(np.where((start < stop)[:, None], between, 0), dtype=np.float32)


def _scale(levels: Float32, low: Float32, high: Float32) -> Float32:
    """Scale rows so that `low` is 0 and `high` is 1, and clip them; 0 where both are equal."""
    span = (high - low)[:, None]
    scaled = levels - low[:, None]
    # Other libraries may set the processor to treat subnormal numbers as 0.
    scaled /= np.where(span >= np.finfo(np.float32).tiny, span, np.inf)
    return np.clip(scaled, 0, 1, out=scaled)


def _noise(gray: Float32) -> Float32:
    """Estimate the noise from differences of neighbors, which smooth light hardly changes."""
    from spurclust.features.panel_kernels import median_difference

    middle = np.zeros(len(gray), dtype=np.float32)
    if gray[0].size > 1:
        median_difference(gray, middle)
    return np.asarray(middle * np.float32(NORMAL_MAD / np.sqrt(2)))


def _smooth(gray: Float32) -> Float32:
    """Smooth with Gaussian weights."""
    from spurclust.features.panel_kernels import REACH, smooth_panels

    weights = np.exp(-0.5 / SMOOTHING**2 * np.arange(-REACH, REACH + 1) ** 2)
    smooth = np.empty_like(gray)
    down, along = (np.pad(np.arange(side), REACH, mode="symmetric") for side in gray.shape[1:])
    smooth_panels(gray, (weights / weights.sum())[REACH:], down, along, smooth)
    return smooth


class PanelGeometry(NamedTuple):
    """The positions of the pixels of a panel, and the weights of sums over its parts."""

    # Distance from the center, in half panels and in pixels.
    radius: Float32
    radius_pixels: Float32
    outer: Mask
    border: Mask
    # The rows of `weights` by the name of their parts.
    parts: dict[str, slice]
    weights: scipy.sparse.csr_array
    # Weights of 1, x, y, x^2, y^2, xy, and the pixels within a quarter and a half of half a panel.
    moments: scipy.sparse.csr_array
    # The lines of each direction of the Radon transform that are long enough.
    long_lines: Mask


@lru_cache(maxsize=8)
def panel_geometry(height: int, width: int) -> PanelGeometry:
    """Compute the geometry of all panels of one shape."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y -= np.float32((height - 1) / 2)
    x -= np.float32((width - 1) / 2)
    pixels = np.hypot(x, y)
    half = np.float32(max(min(height, width), 2) / 2)
    radius = pixels / half
    border_width = max(min(height, width) // 12, 1)
    border = (np.abs(y) > height / 2 - border_width) | (np.abs(x) > width / 2 - border_width)
    lines, long_lines = _lines(x, y, radius)
    rows = {
        "rings": _means(_ring_masks(radius)),
        **{name: _means(_wedge_masks(x, y, radius, *ends)) for name, ends in WEDGE_RANGES.items()},
        "center": _means([pixels <= max(CENTER_RADIUS, float(pixels.min()))]),
        "sky": _means([(pixels >= SKY_RADII[0]) & (pixels <= SKY_RADII[1])]),
        "sides": _means(_side_masks(x, y)),
        "quadrants": _means([(x * i > 0) & (y * j > 0) for i in (-1, 1) for j in (-1, 1)]),
        "slopes": _slopes(x, y),
        "lines": lines,
    }
    stops = np.cumsum([block.shape[0] for block in rows.values()]).tolist()
    weights = scipy.sparse.csr_array(scipy.sparse.vstack(list(rows.values())), dtype=np.float32)
    weights.eliminate_zeros()
    x, y = x / half, y / half
    moments = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, radius < 0.25, radius < 0.5])
    return PanelGeometry(
        radius=radius,
        radius_pixels=pixels,
        outer=radius > 0.6,
        border=border,
        parts=dict(zip(rows, map(slice, [0, *stops], stops), strict=False)),
        weights=weights,
        moments=scipy.sparse.csr_array(moments.reshape(len(moments), -1).astype(np.float32)),
        long_lines=long_lines,
    )


def sum_weighted(weights: scipy.sparse.csr_array, rows: Float32, n_squared: int = 0) -> Float32:
    """Sum the weighted pixels of each panel by part; then the squares of the first `n_squared`."""
    from spurclust.features.panel_kernels import sum_parts

    sums = np.empty((len(rows), weights.shape[0] + n_squared), dtype=np.float32)
    pixels = weights.indices.astype(np.int64, copy=False)
    starts = weights.indptr.astype(np.int64, copy=False)
    data = weights.data.astype(np.float32, copy=False)
    sum_parts(np.ascontiguousarray(rows), data, pixels, starts, n_squared, sums)
    return sums


def _means(masks: list[Mask]) -> scipy.sparse.csr_array:
    """Return one row of weights per mask for the mean of its pixels; 0 if it is empty."""
    rows = np.array([mask.ravel() for mask in masks], dtype=np.float64)
    return scipy.sparse.csr_array(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1))


def _ring_masks(radius: Float32) -> list[Mask]:
    """Divide a panel into rings; the corners belong to the last."""
    ring = np.minimum((radius * N_RINGS).astype(int), N_RINGS - 1)
    return [ring == k for k in range(N_RINGS)]


def _wedge_masks(
    x: Float32, y: Float32, radius: Float32, nearest: float, farthest: float
) -> list[Mask]:
    """Divide the pixels between two distances by their direction, one wedge along each axis."""
    wedge = np.rint(np.arctan2(y, x) / (2 * np.pi) * N_WEDGES).astype(int) % N_WEDGES
    between = (radius >= nearest) & (radius < farthest)
    return [between & (wedge == k) for k in range(N_WEDGES)]


def _side_masks(x: Float32, y: Float32) -> list[Mask]:
    """Mark the pixels next to each of the four sides."""
    depth = max(min(x.shape) // 8, 1)
    return [along * sign > along.max() - depth for along in (x, y) for sign in (-1, 1)]


def _slopes(x: Float32, y: Float32) -> scipy.sparse.csr_array:
    """Return the weights that fit a plane: its slopes along x and y, across the whole panel."""
    rows = [
        along.ravel() / max(float((along**2).sum()), 1e-9) * (2 * float(along.max()) + 1)
        for along in (x, y)
    ]
    return scipy.sparse.csr_array(np.array(rows))


def _lines(x: Float32, y: Float32, radius: Float32) -> tuple[scipy.sparse.csr_array, Mask]:
    """Return the weights of a Radon transform: means along lines across the disk inside a panel."""
    # The two nearest lines share a pixel. The middle line of each direction passes through the
    # center.
    disk = np.flatnonzero(radius.ravel() <= 1)
    x, y = x.ravel()[disk], y.ravel()[disk]
    reach = int(np.abs(np.concatenate([x, y])).max() / LINE_WIDTH) + 1
    n_lines = 2 * reach + 1
    directions, long_lines = [], []
    for angle in np.arange(N_ANGLES) * (np.pi / N_ANGLES):
        offset = (x * np.cos(angle) + y * np.sin(angle)) / LINE_WIDTH
        below = np.floor(offset)
        share = offset - below
        line = np.clip(np.concatenate([below, below + 1]).astype(int) + reach, 0, n_lines - 1)
        table = scipy.sparse.coo_array(
            (np.concatenate([1 - share, share]), (line, np.concatenate([disk, disk]))),
            shape=(n_lines, radius.size),
        ).tocsr()
        lengths = np.asarray(table.sum(axis=1)).ravel()
        kept = lengths >= LEAST_CHORD * lengths.max()
        scale = np.where(kept, 1 / np.maximum(lengths, 1e-9), 0)
        directions.append(scipy.sparse.csr_array(scipy.sparse.diags(scale)) @ table)
        long_lines.append(kept)
    return scipy.sparse.csr_array(scipy.sparse.vstack(directions)), np.array(long_lines)
