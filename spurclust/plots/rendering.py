"""Cutouts as pictures: brightness of the pixels, and frames for labels and flags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import SPURIOUS
from spurclust.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Crop = tuple[int, int, int, int]
Origin = Literal["upper", "lower"]
Channels = Literal["tile", "mean"]
# The faintest per cent is black and the brightest half per cent white: noise and cores show.
_PERCENTILES = (1.0, 99.5)
# White columns between the channels of a cube, as a fraction of a channel's width.
_CHANNEL_GAP = 0.03


class Frame(NamedTuple):
    """The look of a frame: its meaning, color, and line width in points."""

    name: str
    color: str
    width: float


# In gray print, the thickness distinguishes them.
SPURIOUS_FRAME = Frame("known spurious", style.SPURIOUS_COLOR, 2.0)
FLAGGED_FRAME = Frame("flagged", style.REGION_COLOR, 1.2)
OTHER_FRAME = Frame("other", style.UNINSPECTED_COLOR, 0.4)


def choose_frame(label: int, flagged: bool) -> Frame:
    """Choose the frame of a source."""
    if label == SPURIOUS:
        return SPURIOUS_FRAME
    return FLAGGED_FRAME if flagged else OTHER_FRAME


def frame_handles(frames: Iterable[Frame]) -> dict[str, Any]:
    """Return the legend handles of frames by their meaning."""
    from matplotlib.patches import Patch

    used = set(frames)
    return {
        frame.name: Patch(facecolor="none", edgecolor=frame.color, linewidth=frame.width)
        for frame in (SPURIOUS_FRAME, FLAGGED_FRAME, OTHER_FRAME)
        if frame in used
    }


def draw_pictures(
    ax: Axes,
    pictures: Sequence[NDArray[np.uint8]],
    corners: NDArray[np.float64],
    size: Any,
    frames: Sequence[Frame],
    origin: Origin,
) -> None:
    """Draw pictures of one size with frames, at their lower left corners."""
    from matplotlib.collections import PolyCollection

    for picture, (left, bottom) in zip(pictures, corners, strict=True):
        extent = (left, left + size[0], bottom, bottom + size[1])
        ax.imshow(picture, extent=extent, origin=origin, zorder=1)
    look: dict[str, Any] = {
        "edgecolors": [frame.color for frame in frames],
        "linewidths": [frame.width for frame in frames],
    }
    outlines = corners[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size
    look |= {"facecolors": "none", "clip_on": False, "zorder": 2}
    ax.add_collection(PolyCollection(list(outlines), **look))


def check_cutouts(cutouts: Any, n_sources: int, crop: Crop | None) -> float:
    """Check that there is an image per source, and return its width / height after the crop."""
    if len(cutouts) != n_sources:
        raise ValueError(
            f"there are {len(cutouts)} cutouts, but {n_sources} sources: give one cutout for each "
            "source, in the same order"
        )
    shape = np.shape(cutouts[0])
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(
            f"a cutout has shape {shape}: give images, (height, width) or (height, width, "
            "n_channels), not flattened rows"
        )
    height, width = _crop(cutouts[0], crop).shape[:2]
    if not height or not width:
        raise ValueError(
            f"crop={crop} (top, bottom, left, right) leaves nothing of a cutout of {shape[0]} x "
            f"{shape[1]} pixels"
        )
    return float(width / height)


def render_source(
    cutouts: Any,
    source: int,
    crop: Crop | None,
    *,
    size: Sequence[float] | None = None,
    channels: Channels = "tile",
) -> NDArray[np.uint8]:
    """Render the shown part of a cutout, in the resolution for a size in inches."""
    from PIL import Image

    picture = render_cutout(_crop(cutouts[source], crop), channels=channels)
    if size is None:
        return picture
    width, height = (max(1, round(style.VECTOR_DPI * side)) for side in size)
    # Enlarged pixels have sharp edges.
    is_larger = width > picture.shape[1]
    method = Image.Resampling.NEAREST if is_larger else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize((width, height), method))


def _crop(cutout: Any, crop: Crop | None) -> NDArray[Any]:
    top, bottom, left, right = crop or (None,) * 4
    return np.asarray(cutout)[top:bottom, left:right]


def render_cutout(cutout: ArrayLike, *, channels: Channels = "tile") -> NDArray[np.uint8]:
    """Return a cutout of any real dtype as RGB, with channels side by side or averaged."""
    pixels = np.asarray(cutout)
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        if channels == "tile":
            return _tile([render_cutout(pixels[:, :, i]) for i in range(pixels.shape[2])])
        pixels = np.ma.masked_invalid(pixels).mean(axis=2).filled(np.nan)
    blank = ~np.isfinite(pixels)
    picture = _stretch(pixels, blank)
    if pixels.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    else:
        blank = blank.all(axis=2)
    picture[blank] = list(bytes.fromhex(style.BLANK_COLOR[1:]))
    return picture


def _stretch(pixels: NDArray[Any], blank: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Stretch pixels to 0..255, and blank ones to 0; 8-bit pixels stay."""
    if pixels.dtype == np.uint8:
        return pixels.copy()
    shown = np.zeros(pixels.shape, dtype=np.uint8)
    values = pixels[~blank].astype(np.float64)
    if values.size == 0:
        return shown
    low, high = np.percentile(values, _PERCENTILES)
    if high <= low:
        # If all but a few pixels are equal, the few must still be visible.
        low, high = values.min(), values.max()
    unit = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    shown[~blank] = np.rint(255 * np.clip(unit, 0, 1))
    return shown


def _tile(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put pictures of one size side by side, with a white gap."""
    height, width, _ = pictures[0].shape
    gap = np.full((height, max(1, round(_CHANNEL_GAP * width)), 3), 255, dtype=np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis=1)
