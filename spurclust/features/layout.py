"""Where the panels of a strip are, and by how much they were enlarged."""

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LAYOUT_SOURCES = 256
"""From so many sources, evenly spaced, a layout is found: enough that no gap is an accident."""


class Axis(NamedTuple):
    """One axis of the panels, in pixels of the strip."""

    starts: tuple[int, ...]
    length: int
    enlargement: int

    @property
    def native_length(self) -> int:
        """Pixels of a panel before it was enlarged."""
        return -(-self.length // self.enlargement)


class Layout(NamedTuple):
    """The panels of a cutout: a grid of rows and columns, for each of its channels."""

    rows: Axis
    columns: Axis
    n_channels: int

    @property
    def n_panels(self) -> int:
        """Panels of a cutout, those of all channels."""
        return len(self.rows.starts) * len(self.columns.starts) * self.n_channels

    @property
    def panel_shape(self) -> tuple[int, int]:
        """Height and width of a panel before it was enlarged, in pixels."""
        return self.rows.native_length, self.columns.native_length


def as_channels(images: NDArray[np.generic]) -> NDArray[np.generic]:
    """View rows, images or images with channels as (n_samples, height, width, n_channels)."""
    if images.ndim == 2:
        return images[:, None, :, None]
    return images if images.ndim == 4 else images[..., None]


def find_layout(
    images: NDArray[np.generic], panels: int | tuple[int, int] | None, enlargement: int | None
) -> Layout:
    """Find the panels of cutouts of one shape.

    Gaps between panels are columns (rows) of one value that is the same in all cutouts. A strip
    without gaps whose width is a whole number of heights is taken for square panels. Enlargement is
    seen from the places where neighbouring pixels ever differ.

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width, n_channels)
        Cutouts.
    panels : int, (int, int) or None
        Number of panels side by side, or rows and columns of them; None finds it.
    enlargement : int or None
        By how much panels were drawn larger than their pixels; None finds it.

    Returns
    -------
    Layout
        Where the panels are.

    Raises
    ------
    ValueError
        When the cutouts cannot be divided into so many panels.
    """
    step = -(-len(images) // LAYOUT_SOURCES)
    some = images[::step]
    n_channels = some.shape[3]
    if n_channels > 1 and equal_channels(some):
        n_channels = 1
    height = some.shape[1]
    rows, columns = _panels_along(some, 1), _panels_along(some, 2)
    if panels is None:
        if len(rows) == len(columns) == 1 and height > 2:
            columns = _squares(columns[0], rows[0])
    else:
        n_rows, n_columns = (1, panels) if isinstance(panels, int) else panels
        if len(rows) != n_rows:
            rows = _divided(_inside(some, 1), n_rows, "height")
        if len(columns) != n_columns:
            columns = _divided(_inside(some, 2), n_columns, "width")
    return Layout(
        _axis(some, 1, rows, enlargement), _axis(some, 2, columns, enlargement), n_channels
    )


def equal_channels(images: NDArray[np.generic]) -> bool:
    """Tell whether all channels hold the same, blank pixels included."""
    first = images[..., :1]
    same = images == first
    if images.dtype.kind == "f":
        same |= np.isnan(images) & np.isnan(first)
    return bool(same.all())


def _constant_lines(images: NDArray[np.generic], axis: int) -> NDArray[np.bool_]:
    """Tell which lines across an axis hold one value, the same in all cutouts."""
    others = tuple(each for each in range(images.ndim) if each != axis)
    first = images[
        tuple(slice(1) if each in others else slice(None) for each in range(images.ndim))
    ]
    return np.asarray((images == first).all(axis=others))


def _inside(images: NDArray[np.generic], axis: int) -> tuple[int, int]:
    """Return the range of an axis without its constant margins; all of it when all is constant."""
    varied = np.flatnonzero(~_constant_lines(images, axis))
    return (int(varied[0]), int(varied[-1]) + 1) if len(varied) else (0, images.shape[axis])


def _panels_along(images: NDArray[np.generic], axis: int) -> list[tuple[int, int]]:
    """Return the ranges between gaps when they have one length, else one range around all."""
    varied = ~_constant_lines(images, axis)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], varied, [False]]).astype(np.int8)))
    ranges = [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
    # Panels of two pixels are noise between constant pixels, as in digits, not panels.
    if len({stop - start for start, stop in ranges}) == 1 and ranges[0][1] - ranges[0][0] > 2:
        return ranges
    return [_inside(images, axis)]


def _squares(columns: tuple[int, int], rows: tuple[int, int]) -> list[tuple[int, int]]:
    """Divide a strip without gaps into square panels where this leaves nothing over."""
    height, width = rows[1] - rows[0], columns[1] - columns[0]
    if width % height:
        return [columns]
    return [(start, start + height) for start in range(columns[0], columns[1], height)]


def _divided(whole: tuple[int, int], count: int, name: str) -> list[tuple[int, int]]:
    """Divide a range into equal panels."""
    length = whole[1] - whole[0]
    if count < 1 or length < count:
        raise ValueError(
            f"The {name} of the cutouts inside their margins is {length} pixels, which are not "
            f"{count} panels: give panels=None, or the number of panels that they show."
        )
    pitch = length / count
    starts = [whole[0] + round(k * pitch) for k in range(count)]
    shortest = min(
        stop - start for start, stop in zip(starts, [*starts[1:], whole[1]], strict=True)
    )
    return [(start, start + shortest) for start in starts]


def _axis(
    images: NDArray[np.generic],
    axis: int,
    ranges: Sequence[tuple[int, int]],
    enlargement: int | None,
) -> Axis:
    """Describe the panels along an axis."""
    length = ranges[0][1] - ranges[0][0]
    factor = _enlargement(images, axis, ranges) if enlargement is None else enlargement
    return Axis(tuple(start for start, _ in ranges), length, min(factor, length))


def _enlargement(images: NDArray[np.generic], axis: int, ranges: Sequence[tuple[int, int]]) -> int:
    """Return the largest factor by which all panels may have been enlarged along an axis."""
    lines = np.moveaxis(images, axis, 0)
    factor = 0
    for start, stop in ranges:
        panel = lines[start:stop]
        same = panel[1:] == panel[:-1]
        if panel.dtype.kind == "f":
            same |= np.isnan(panel[1:]) & np.isnan(panel[:-1])
        changes = 1 + np.flatnonzero(~same.all(axis=(1, 2, 3)))
        factor = gcd(factor, *changes.tolist(), stop - start)
    # A panel in which nothing changes tells nothing.
    return factor if 0 < factor < ranges[0][1] - ranges[0][0] else 1


def cut_panels(images: NDArray[np.generic], layout: Layout) -> NDArray[np.generic]:
    """Cut the panels out of cutouts, at the size that they had before they were enlarged.

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width, n_channels)
        Cutouts.
    layout : Layout
        Where the panels are.

    Returns
    -------
    ndarray of shape (n_samples, n_panels, panel_height, panel_width)
        Panels row by row, those of the first channel first.
    """
    channels = np.moveaxis(images[..., : layout.n_channels], 3, 1)
    rows, columns = layout.rows, layout.columns
    cut = [
        channels[
            :,
            channel,
            top : top + rows.length : rows.enlargement,
            left : left + columns.length : columns.enlargement,
        ]
        for channel in range(layout.n_channels)
        for top in rows.starts
        for left in columns.starts
    ]
    return np.stack(cut, axis=1)
