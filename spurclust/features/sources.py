"""The source in the center: light of both signs, and its shape.

Difference images have negative light beside or instead of positive light. Scaling a panel from its
background to its highlights cuts it off. So pixels here are in units of the noise, above or below
the median.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.features.panels import Features, Float32, Panels, round_exact

APERTURE = 5.5
"""Radius, in pixels, around the center within which a source is measured."""

REACH = 7
"""Pixels on each side of the center that are smoothed."""

LIGHT_SIGMA = 1.5
"""Light is above or below the median by this multiple of the noise."""

CLEAR_SIGMA = 2.0
"""Counted pixels differ from the median by this multiple of the noise."""

BRIGHTEST = 1e5
"""Limit of pixels in units of the noise."""


class Center(NamedTuple):
    """The pixels around the center of a panel."""

    rows: slice
    columns: slice
    # Of the aperture: indices in these rows and columns, and distances from the center in pixels.
    inside: NDArray[np.intp]
    x: Float32
    y: Float32
    # The same pixels after half a turn, and after a quarter of one.
    half_turn: NDArray[np.intp]
    quarter_turn: NDArray[np.intp]
    # Weights of shape (n_rings, n_inside) that take the mean of rings of one pixel's width.
    rings: Float32


@lru_cache(maxsize=8)
def center_geometry(height: int, width: int) -> Center:
    """Compute the geometry of the center of all panels of one shape."""
    rows, columns = _middle(height), _middle(width)
    y, x = np.mgrid[rows, columns].astype(np.float32)
    y -= np.float32((height - 1) / 2)
    x -= np.float32((width - 1) / 2)
    radius = np.hypot(x, y)
    near = radius <= max(APERTURE, float(radius.min()))
    index = np.arange(x.size).reshape(x.shape)
    # A quarter turn of a rectangle leads out of it.
    turned = np.rot90(index) if x.shape[0] == x.shape[1] else index
    ring = np.rint(radius[near]).astype(int)
    masks = (ring == np.unique(ring)[:, None]).astype(np.float32)
    return Center(
        rows,
        columns,
        index[near],
        x[near],
        y[near],
        index[::-1, ::-1][near],
        turned[near],
        masks / masks.sum(axis=1, keepdims=True),
    )


def _middle(length: int) -> slice:
    """Return the pixels around the middle of an axis."""
    start = max((length - 1) // 2 - REACH, 0)
    return slice(start, length - start)


def measure_sources(panels: Panels) -> Features:
    """Measure the source in the center of each panel: its light of both signs, and its shape."""
    where = center_geometry(*panels.gray.shape[1:])
    above = _in_noise(panels, where)
    smooth = _smooth(above).reshape(len(above), -1)[:, where.inside]
    pixels = above.reshape(len(above), -1)
    near = pixels[:, where.inside]
    light = np.maximum(near - LIGHT_SIGMA, 0)
    dark = np.maximum(-near - LIGHT_SIGMA, 0)
    total = (light + dark).sum(axis=1) + 1
    signed = light - dark
    along, down = (signed * where.x).sum(axis=1), (signed * where.y).sum(axis=1)
    features = {
        "height": round_exact(np.arcsinh, smooth.max(axis=1)),
        "depth": round_exact(np.arcsinh, -smooth.min(axis=1)),
        "balance": signed.sum(axis=1) / total,
        "dipole": np.sqrt(along**2 + down**2) / (total * np.float32(APERTURE)),
        "positive": (near > CLEAR_SIGMA).mean(axis=1, dtype=np.float32),
        "negative": (near < -CLEAR_SIGMA).mean(axis=1, dtype=np.float32),
        "sharpness": np.abs(near).max(axis=1) / (np.abs(smooth).max(axis=1) + 1),
        **_measure_roundness(pixels, where),
    }
    return {f"source_{name}": values for name, values in features.items()}


def _in_noise(panels: Panels, where: Center) -> Float32:
    """Return the pixels around the center in units of the noise; 0 where blank."""
    crop = slice(None), where.rows, where.columns
    signed = panels.levels[crop] - panels.middle[:, None, None]
    unit = (panels.high - panels.low) * panels.noise
    signed /= np.where(unit > 0, unit, np.inf)[:, None, None]
    return np.where(panels.blank[crop], np.float32(0), np.clip(signed, -BRIGHTEST, BRIGHTEST))


def _smooth(panels: Float32) -> Float32:
    """Average 3 x 3 pixels; pixels outside repeat the edge."""
    padded = np.pad(panels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return np.asarray((down[..., :-2] + down[..., 1:-1] + down[..., 2:]) / np.float32(9))


def _measure_roundness(pixels: Float32, where: Center) -> Features:
    """Correlate the aperture with itself, turned, and with its mean profile."""
    near = pixels[:, where.inside]
    mean = near.mean(axis=1, keepdims=True)
    level = near - mean
    power = (level**2).sum(axis=1) + 1
    half, quarter = (pixels[:, turn] - mean for turn in (where.half_turn, where.quarter_turn))
    profile = np.einsum("ik,rk->ir", level, where.rings)
    explained = (profile**2 * np.count_nonzero(where.rings, axis=1)).sum(axis=1)
    return {
        "symmetry": (level * half).sum(axis=1) / power,
        "roundness": (level * quarter).sum(axis=1) / power,
        "radial": np.asarray(explained / power, dtype=np.float32),
    }
