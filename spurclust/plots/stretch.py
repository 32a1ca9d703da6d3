"""Pixels to brightness: what a cutout looks like on paper."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.plots.style import BLANK_COLOR

# The faintest per cent is black, the brightest half per cent white: noise and cores both show.
_LOW_PERCENTILE, _HIGH_PERCENTILE = 1.0, 99.5
# White columns between the channels of a cube, as a fraction of a channel's width.
_GAP = 0.03


def render_cutout(
    cutout: ArrayLike, *, channels: Literal["tile", "mean"] = "tile"
) -> NDArray[np.uint8]:
    """Turn a cutout of any dtype into an RGB picture, with pixels without data in their own colour.

    8-bit pixels are shown as they are; others are stretched between percentiles 1 and 99.5 of the
    cutout, or of each channel of a cube. Brightness is then not comparable between cutouts.

    Parameters
    ----------
    cutout : array-like of shape (height, width) or (height, width, n_channels)
        Pixels, ``cutout[y, x]``. Three channels are red, green and blue; another number is a cube.
    channels : {"tile", "mean"}, default="tile"
        Draw a cube's channels side by side, or their mean.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        The picture; wider than the cutout when channels are tiled.
    """
    pixels = np.asarray(cutout)
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        if channels == "tile":
            return _tile([render_cutout(pixels[:, :, i]) for i in range(pixels.shape[2])])
        pixels = _mean(pixels)
    blank = ~np.isfinite(pixels)
    picture = _to_uint8(pixels, blank)
    if pixels.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    else:
        blank = blank.all(axis=2)
    picture[blank] = [int(BLANK_COLOR[i : i + 2], 16) for i in (1, 3, 5)]
    return picture


def _to_uint8(pixels: NDArray[Any], blank: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Stretch pixels to 0..255, blank ones to 0; 8-bit ones stay."""
    if pixels.dtype == np.uint8:
        return pixels.copy()
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    values = pixels[~blank].astype(np.float64)
    shown = np.zeros(pixels.shape, dtype=np.uint8)
    if values.size == 0:
        return shown
    low, high = np.percentile(values, (_LOW_PERCENTILE, _HIGH_PERCENTILE))
    if high <= low:
        # All but a few pixels are alike: those few must still be seen.
        low, high = values.min(), values.max()
    unit = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    shown[~blank] = np.rint(255 * np.clip(unit, 0, 1))
    return shown


def _tile(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put pictures of one size side by side, with a white gap."""
    height, width, _ = pictures[0].shape
    gap = np.full((height, max(1, round(_GAP * width)), 3), 255, dtype=np.uint8)
    row = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(row[1:], axis=1)


def _mean(cube: NDArray[Any]) -> NDArray[np.float64]:
    """Average the channels of a cube; pixels without data take no part."""
    good = np.isfinite(cube)
    n_good = good.sum(axis=2)
    total = np.where(good, cube, 0).sum(axis=2, dtype=np.float64)
    return np.where(n_good > 0, total / np.maximum(n_good, 1), np.nan)
