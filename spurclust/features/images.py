"""Cutouts as images: check them, find the panels of a strip, and cut them out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import gcd, prod
from typing import Annotated, Any, NamedTuple
from zlib import adler32, crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from spurclust.fitted import COUNT, Number, Part, Several

LAYOUT_SOURCES = 256
"""Number of sources from which to find a layout: enough to exclude accidental gaps."""


class LazyImages(ABC):
    """Images that are read when asked for, in parts: they do not all fit in memory."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    keys: NDArray[np.uint64]
    """The `content_keys`, known without reading the images again."""

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @abstractmethod
    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Read the image of a row, or those of a slice or of several rows."""


def validate_images(
    estimator: BaseEstimator, X: ArrayLike, *, reset: bool, min_samples: int = 1
) -> NDArray[Any]:
    """Check rows or images of any real dtype; store or compare the shape of one source."""
    images: Any = X
    if not isinstance(X, LazyImages):
        images = check_array(
            X,
            dtype="numeric",
            allow_nd=True,
            ensure_all_finite="allow-nan",
            ensure_min_samples=min_samples,
            estimator=estimator,
            input_name="X",
        )
    if images.ndim > 4 or 0 in images.shape[1:]:
        raise ValueError(
            f"Found array with shape {images.shape}: a source is a row of pixels or an image "
            "(height, width) or (height, width, n_channels), none of them 0."
        )
    shape = images.shape[1:]
    # scikit-learn reports rows of another length.
    if (
        not reset
        and shape != estimator.image_shape_
        and max(images.ndim - 1, len(estimator.image_shape_)) > 1
    ):
        raise ValueError(
            f"X holds sources of shape {shape}, but {type(estimator).__name__} was fitted on "
            f"sources of shape {estimator.image_shape_}: give cutouts of the size and number of "
            "channels of the fit."
        )
    # Only the number of pixels and names of columns are compared.
    row = np.empty((1, prod(shape)), dtype=images.dtype)
    validate_data(estimator, X if images.ndim == 2 else row, reset=reset, skip_check_array=True)
    if reset:
        estimator.image_shape_ = shape
    checked: NDArray[Any] = images
    return checked


def content_keys(X: Any) -> NDArray[np.uint64]:
    """Return a checksum of each image, row or path, which defines an order."""
    if isinstance(X, LazyImages):
        return X.keys
    rows = X if isinstance(X, list | tuple) else np.asarray(X)
    return np.array([content_key(row) for row in rows], dtype=np.uint64)


def content_key(row: Any) -> int:
    """Return a checksum of an image, row or path."""
    content = str(row).encode() if isinstance(row, str) else np.ascontiguousarray(row).data
    # Among 100 000 rows, two would have the same crc32.
    return crc32(content) << 32 | adler32(content)


def sample_sources(images: NDArray[Any], most: int) -> NDArray[np.intp]:
    """Choose at most `most` sources, independent of their order."""
    if len(images) <= most:
        return np.arange(len(images))
    return np.argsort(content_keys(images), kind="stable")[:most]


def as_channels(images: NDArray[Any]) -> NDArray[Any]:
    """View rows, images or images with channels as (n_samples, height, width, n_channels)."""
    if images.ndim == 2:
        return images[:, None, :, None]
    return images if images.ndim == 4 else images[..., None]


class PanelAxis(NamedTuple):
    """The panels along one axis of a strip, in pixels of the strip."""

    starts: Annotated[tuple[int, ...], Several(Number(0, whole=True))]
    length: Annotated[int, COUNT]
    enlargement: Annotated[int, COUNT]


class PanelLayout(NamedTuple):
    """The panels of a cutout: a grid of rows and columns, for each of its channels."""

    rows: Annotated[PanelAxis, Part(PanelAxis)]
    columns: Annotated[PanelAxis, Part(PanelAxis)]
    n_channels: Annotated[int, COUNT]

    @property
    def n_panels(self) -> int:
        """Number of panels of a cutout, in all channels."""
        return len(self.rows.starts) * len(self.columns.starts) * self.n_channels


def lies_within(layout: PanelLayout, shape: tuple[int, ...]) -> bool:
    """Return whether the panels lie within images of shape (height, width, n_channels)."""
    axes = zip((layout.rows, layout.columns), shape, strict=False)
    inside = [
        max(axis.starts) + axis.length <= size and axis.enlargement <= axis.length
        for axis, size in axes
    ]
    return all(inside) and layout.n_channels <= shape[2]


def find_layout(
    images: NDArray[Any], panels: int | tuple[int, int] | None, enlargement: int | None
) -> PanelLayout:
    """Find the panels of some cutouts of shape (n_samples, height, width, n_channels)."""
    # Gaps between panels are columns or rows of one value, equal in all cutouts.
    rows, columns = _panels_along(images, 1), _panels_along(images, 2)
    if panels is None:
        if len(rows) == len(columns) == 1 and images.shape[1] > 2:
            columns = _squares(columns[0], rows[0])
    else:
        n_rows, n_columns = (1, panels) if isinstance(panels, int) else panels
        if len(rows) != n_rows:
            rows = _divided(_inside(images, 1), n_rows, "height")
        if len(columns) != n_columns:
            columns = _divided(_inside(images, 2), n_columns, "width")
    return PanelLayout(
        _axis(images, 1, rows, enlargement),
        _axis(images, 2, columns, enlargement),
        1 if _equal(images, images[..., :1]).all() else images.shape[3],
    )


def _equal(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare pixels; blank pixels are equal to each other."""
    same = one == other
    if one.dtype.kind == "f":
        same |= np.isnan(one) & np.isnan(other)
    return np.asarray(same)


def _varied_lines(images: NDArray[Any], axis: int) -> NDArray[np.bool_]:
    """Return which lines across an axis hold more than one value in all cutouts together."""
    others = tuple(each for each in range(images.ndim) if each != axis)
    return np.asarray(images.min(axis=others) != images.max(axis=others))


def _inside(images: NDArray[Any], axis: int) -> tuple[int, int]:
    """Return the range of an axis without constant margins, or all of a constant axis."""
    varied = np.flatnonzero(_varied_lines(images, axis))
    return (int(varied[0]), int(varied[-1]) + 1) if len(varied) else (0, images.shape[axis])


def _panels_along(images: NDArray[Any], axis: int) -> list[tuple[int, int]]:
    """Return the ranges between gaps if their lengths are equal, else one range around all."""
    varied = _varied_lines(images, axis)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], varied, [False]]).astype(np.int8)))
    ranges = [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
    # Ranges of two pixels, as in images of digits, are noise between constant pixels.
    if len({stop - start for start, stop in ranges}) == 1 and ranges[0][1] - ranges[0][0] > 2:
        return ranges
    return [_inside(images, axis)]


def _squares(columns: tuple[int, int], rows: tuple[int, int]) -> list[tuple[int, int]]:
    """Divide a strip without gaps into square panels, if they fill it."""
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
    edges = [whole[0] + round(k * pitch) for k in range(count)] + [whole[1]]
    shortest = int(np.diff(edges).min())
    return [(start, start + shortest) for start in edges[:-1]]


def _axis(
    images: NDArray[Any],
    axis: int,
    ranges: Sequence[tuple[int, int]],
    enlargement: int | None,
) -> PanelAxis:
    """Describe the panels along an axis."""
    length = ranges[0][1] - ranges[0][0]
    factor = _enlargement(images, axis, ranges) if enlargement is None else enlargement
    return PanelAxis(tuple(start for start, _ in ranges), length, min(factor, length))


def _enlargement(images: NDArray[Any], axis: int, ranges: Sequence[tuple[int, int]]) -> int:
    """Return the largest possible enlargement of all panels along an axis."""
    lines = np.moveaxis(images, axis, 0)
    factor = 0
    for start, stop in ranges:
        panel = lines[start:stop]
        changes = 1 + np.flatnonzero(~_equal(panel[1:], panel[:-1]).all(axis=(1, 2, 3)))
        factor = gcd(factor, *changes.tolist(), stop - start)
    # Constant panels show no enlargement.
    return factor if 0 < factor < ranges[0][1] - ranges[0][0] else 1


def cut_panels(images: NDArray[Any], layout: PanelLayout, panel_size: int) -> NDArray[Any]:
    """Cut out panels, undo their enlargement, and average those larger than `panel_size`."""
    # To (n_samples, n_panels, height, width), row by row; the first channel comes first.
    rows, columns = layout.rows, layout.columns
    cut = [
        images[
            :,
            top : top + rows.length : rows.enlargement,
            left : left + columns.length : columns.enlargement,
            channel,
        ]
        for channel in range(layout.n_channels)
        for top in rows.starts
        for left in columns.starts
    ]
    return _shrunk(np.stack(cut, axis=1), panel_size)


def _shrunk(panels: NDArray[Any], panel_size: int) -> NDArray[Any]:
    """Average squares of pixels of panels that are too large; NaN is left out."""
    height, width = panels.shape[2:]
    factor = -(-max(height, width) // panel_size)
    if factor == 1:
        return panels
    across, along = min(factor, height), min(factor, width)
    rows, columns = height // across, width // along
    top, left = (height - rows * across) // 2, (width - columns * along) // 2
    inside = panels[:, :, top : top + rows * across, left : left + columns * along]
    squares = inside.reshape(*panels.shape[:2], rows, across, columns, along)
    if squares.dtype.kind != "f":
        return np.asarray(squares.mean(axis=(3, 5), dtype=np.float32))
    good = ~np.isnan(squares)
    count = np.count_nonzero(good, axis=(3, 5))
    total = np.where(good, squares, 0).sum(axis=(3, 5), dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
