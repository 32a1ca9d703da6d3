"""Sums over parts of a panel as sparse rows of weights, one multiplication for all of them.

Every set of parts is mapped to itself by the flips and quarter turns of a square panel, so that
what is made of the sums need not know which way up a panel is.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

N_RINGS = 8
N_WEDGES = 24
N_ANGLES = 24
"""Directions of the Radon transform, 7.5 degrees apart."""

WEDGE_RANGES = {"inner": (0.2, 0.55), "outer": (0.5, 1.0)}
"""Distances from the centre, in half panels, between which wedges lie."""

CENTRE_RADIUS, SKY_RADII = 2.5, (4.5, 8.0)
"""Radii, in pixels, of the aperture around the source and of the ring of sky around that."""

STRIP_WIDTH = 2.0
"""Width, in pixels, of one line of the Radon transform."""

LEAST_CHORD = 0.5
"""Lines of the Radon transform shorter than this share of the longest are left out."""


class PanelPlaces(NamedTuple):
    """Where the pixels of a panel are, and the weights of sums over its parts.

    `x`, `y` and `radius` are distances from the centre in half panels, `radius_pixels` in pixels;
    `outer` and `border` tell which pixels lie there; `parts` names the rows of `weights`; `moments`
    has the rows 1, x, y, x^2, y^2, xy, and the pixels within a quarter and a half; `long_lines`
    tells which lines of which direction are long enough.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    radius: NDArray[np.float32]
    radius_pixels: NDArray[np.float32]
    outer: NDArray[np.bool_]
    border: NDArray[np.bool_]
    parts: dict[str, slice]
    weights: scipy.sparse.csr_array
    moments: scipy.sparse.csr_array
    long_lines: NDArray[np.bool_]


@lru_cache(maxsize=8)
def panel_places(height: int, width: int) -> PanelPlaces:
    """Make the places and weights of panels of one shape.

    Parameters
    ----------
    height, width : int
        Shape of the panels, in pixels.

    Returns
    -------
    PanelPlaces
        For all panels of this shape.
    """
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
        "centre": _means([pixels <= max(CENTRE_RADIUS, float(pixels.min()))]),
        "sky": _means([(pixels >= SKY_RADII[0]) & (pixels <= SKY_RADII[1])]),
        "sides": _means(_side_masks(x, y)),
        "quadrants": _means([(x * i > 0) & (y * j > 0) for i in (-1, 1) for j in (-1, 1)]),
        "slopes": _slopes(x, y),
        "lines": lines,
    }
    parts, start = {}, 0
    for name, block in rows.items():
        parts[name] = slice(start, start + block.shape[0])
        start += block.shape[0]
    weights = scipy.sparse.csr_array(scipy.sparse.vstack(list(rows.values())), dtype=np.float32)
    weights.eliminate_zeros()
    x, y = x / half, y / half
    moments = [np.ones_like(x), x, y, x * x, y * y, x * y, radius < 0.25, radius < 0.5]
    return PanelPlaces(
        x,
        y,
        radius,
        pixels,
        radius > 0.6,
        border,
        parts,
        weights,
        scipy.sparse.csr_array(np.array(moments, dtype=np.float32).reshape(len(moments), -1)),
        long_lines,
    )


def sum_weighted(weights: scipy.sparse.csr_array, rows: Float32, n_squared: int = 0) -> Float32:
    """Sum the weighted pixels of each panel, each in the order of the weights.

    Parameters
    ----------
    weights : scipy.sparse.csr_array of shape (n_parts, n_pixels)
        Weights of the parts.
    rows : ndarray of shape (n, n_pixels)
        Panels.
    n_squared : int, default=0
        For so many of the first parts the squares of the pixels are summed as well.

    Returns
    -------
    ndarray of shape (n, n_parts + n_squared), float32
        Sums, those of squares behind.
    """
    from spurclust.features.panel_kernels import sum_parts

    sums = np.empty((len(rows), weights.shape[0] + n_squared), dtype=np.float32)
    places = weights.indices.astype(np.int64, copy=False)
    starts = weights.indptr.astype(np.int64, copy=False)
    data = weights.data.astype(np.float32, copy=False)
    sum_parts(np.ascontiguousarray(rows), data, places, starts, n_squared, sums)
    return sums


def _means(masks: list[NDArray[np.bool_]]) -> scipy.sparse.csr_array:
    """Make one row a mask, which takes the mean of its pixels; 0 where a mask is empty."""
    rows = np.array([mask.ravel() for mask in masks], dtype=np.float64)
    return scipy.sparse.csr_array(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1))


def _ring_masks(radius: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """Divide a panel into rings; the corners belong to the last."""
    ring = np.minimum((radius * N_RINGS).astype(int), N_RINGS - 1)
    return [ring == k for k in range(N_RINGS)]


def _wedge_masks(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    radius: NDArray[np.float32],
    nearest: float,
    farthest: float,
) -> list[NDArray[np.bool_]]:
    """Divide the pixels between two distances by their direction, one wedge along each axis."""
    wedge = np.rint(np.arctan2(y, x) / (2 * np.pi) * N_WEDGES).astype(int) % N_WEDGES
    between = (radius >= nearest) & (radius < farthest)
    return [between & (wedge == k) for k in range(N_WEDGES)]


def _side_masks(x: NDArray[np.float32], y: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """Tell the pixels next to each of the four sides."""
    depth = max(min(x.shape) // 8, 1)
    return [along * sign > along.max() - depth for along in (x, y) for sign in (-1, 1)]


def _slopes(x: NDArray[np.float32], y: NDArray[np.float32]) -> scipy.sparse.csr_array:
    """Make the rows that fit a plane: its slopes along x and y, across the whole panel."""
    rows = [
        along.ravel() / max(float((along**2).sum()), 1e-9) * (2 * float(along.max()) + 1)
        for along in (x, y)
    ]
    return scipy.sparse.csr_array(np.array(rows))


def _lines(
    x: NDArray[np.float32], y: NDArray[np.float32], radius: NDArray[np.float32]
) -> tuple[scipy.sparse.csr_array, NDArray[np.bool_]]:
    """Make the rows of a Radon transform: means along lines across the disc inside a panel.

    A pixel is shared between the two lines nearest to it. The middle line of each direction passes
    through the centre.
    """
    disc = np.flatnonzero(radius.ravel() <= 1)
    reach = int(np.abs(np.concatenate([x.ravel()[disc], y.ravel()[disc]])).max() / STRIP_WIDTH) + 1
    n_lines = 2 * reach + 1
    directions, long_lines = [], []
    for angle in np.arange(N_ANGLES) * (np.pi / N_ANGLES):
        offset = (x.ravel()[disc] * np.cos(angle) + y.ravel()[disc] * np.sin(angle)) / STRIP_WIDTH
        below = np.floor(offset)
        share = offset - below
        row = np.concatenate([below, below + 1]).astype(int) + reach
        row = np.clip(row, 0, n_lines - 1)
        table = scipy.sparse.coo_array(
            (np.concatenate([1 - share, share]), (row, np.concatenate([disc, disc]))),
            shape=(n_lines, radius.size),
        ).tocsr()
        lengths = np.asarray(table.sum(axis=1)).ravel()
        kept = lengths >= LEAST_CHORD * lengths.max()
        scale = np.where(kept, 1 / np.maximum(lengths, 1e-9), 0)
        directions.append(scipy.sparse.csr_array(scipy.sparse.diags(scale)) @ table)
        long_lines.append(kept)
    return scipy.sparse.csr_array(scipy.sparse.vstack(directions)), np.array(long_lines)
