"""Flatten images: one row of pixels per source."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from spurclust.features.images import (
    LAYOUT_SOURCES,
    PanelAxis,
    PanelLayout,
    as_channels,
    find_layout,
    sample_sources,
    validate_images,
)
from spurclust.fitted import COUNT, IMAGES, Maybe, Values

N_TRIES = 3
"""Number of layouts to try, each also found from sources that the last one did not suit."""

BLOCK_VALUES = 8_000_000
"""Number of pixels that are compared at a time."""


def find_lossless_layout(images: NDArray[Any]) -> PanelLayout:
    """Find the panels and the enlargement that hold in every image."""
    chosen = sample_sources(images, LAYOUT_SOURCES)
    for _ in range(N_TRIES):
        layout = find_layout(images[chosen], None, None)
        unlike = np.flatnonzero(~_suits(layout, images))
        if not len(unlike):
            return layout
        others = unlike[sample_sources(images[unlike], LAYOUT_SOURCES // 2)]
        chosen = np.concatenate([chosen[::2], others])[:LAYOUT_SOURCES]
    height, width, n_channels = images.shape[1:]
    return PanelLayout(PanelAxis((0,), height, 1), PanelAxis((0,), width, 1), n_channels)


def kept_lines(axis: PanelAxis) -> NDArray[np.intp]:
    """Return the lines of an axis that hold a panel's own pixels: the first of equal ones."""
    return np.concatenate(
        [np.arange(start, start + axis.length, axis.enlargement) for start in axis.starts]
    )


def _suits(layout: PanelLayout, images: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each image whether its kept pixels hold all of it."""
    step = max(1, BLOCK_VALUES // images[0].size)
    blocks = [images[start : start + step] for start in range(0, len(images), step)]
    return np.concatenate([_loses_nothing(layout, block, images[:1]) for block in blocks])


def _loses_nothing(
    layout: PanelLayout, images: NDArray[Any], first: NDArray[Any]
) -> NDArray[np.bool_]:
    """Compare the pixels left out with the pixels kept, or, in gaps, with the first image."""
    n_channels = layout.n_channels
    lossless = _are_equal(images[..., n_channels:], images[..., :1])
    images, first = images[..., :n_channels], first[..., :n_channels]
    for number, axis in enumerate((layout.rows, layout.columns), start=1):
        lines = kept_lines(axis)
        kept = images.take(lines, axis=number)
        for offset in range(1, axis.enlargement):
            lossless &= _are_equal(images.take(lines + offset, axis=number), kept)
        inside = np.add.outer(lines, np.arange(axis.enlargement))
        gaps = np.setdiff1d(np.arange(images.shape[number]), inside)
        lossless &= _are_equal(images.take(gaps, axis=number), first.take(gaps, axis=number))
        images, first = kept, first.take(lines, axis=number)
    return lossless


def _are_equal(images: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each image whether it equals another in all pixels, including blank ones."""
    same = images == others
    if images.dtype.kind == "f":
        same |= np.isnan(images) & np.isnan(others)
    return np.asarray(same.all(axis=(1, 2, 3)))


class ImageFlattener(TransformerMixin, BaseEstimator):
    """Flatten each source's image to one row of pixels.

    Use it to compare cutouts pixel by pixel, as the original method does. Two defects at different
    positions then do not look similar.

    Repeated pixels are taken once: those of enlarged panels, of gaps between panels, and of
    channels that equal the first. A pixel is left out only if it repeats in every fitted image, so
    no difference is lost. The dtype stays (uint8 stays uint8).

    Parameters
    ----------
    fill_value : float, default=0.0
        Value for pixels without data (NaN), in the units of the image. Zero is the sky of a
        background-subtracted cutout.

    Attributes
    ----------
    kept_rows_, kept_columns_ : ndarray of int
        Rows and columns of the image whose pixels are taken; absent for rows.
    n_channels_ : int
        Channels that are taken; absent for rows.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source: (n_features,), (height, width) or (height, width, n_channels).
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding import ImageFlattener
    >>> images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    >>> enlarged = images.repeat(3, axis=1).repeat(3, axis=2)
    >>> ImageFlattener().fit_transform(enlarged)
    array([[0, 1, 2, 3],
           [4, 5, 6, 7]], dtype=uint8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"fill_value": [Real]}

    _fitted_attributes: ClassVar[dict[str, Any]] = {
        **IMAGES,
        "kept_rows_": Maybe(Values("i8", ("n_rows",), 0)),
        "kept_columns_": Maybe(Values("i8", ("n_columns",), 0)),
        "n_channels_": Maybe(COUNT),
    }

    def _fitted_problem(self) -> str | None:
        """Return what is wrong if pixels are taken that an image does not have."""
        if len(self.image_shape_) == 1:
            return None
        kept = self.kept_rows_, self.kept_columns_, np.arange(self.n_channels_)
        sound = [
            (np.diff(lines) > 0).all() and lines[-1] < size
            for lines, size in zip(kept, (*self.image_shape_, 1), strict=False)
        ]
        return None if all(sound) else "pixels are taken that the image does not have"

    def __init__(self, *, fill_value: float = 0.0) -> None:
        self.fill_value = fill_value

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Learn the shape of one source, and which of its pixels differ.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows, which stay unchanged, or images.
        y : None
            Not used.

        Returns
        -------
        ImageFlattener
            Itself.
        """
        self._validate_params()
        images = validate_images(self, X, reset=True)
        if images.ndim > 2:
            layout = find_lossless_layout(as_channels(images))
            self.kept_rows_ = kept_lines(layout.rows)
            self.kept_columns_ = kept_lines(layout.columns)
            self.n_channels_ = layout.n_channels
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Flatten images to rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or images of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            One row per source, row-major (`image[y, x, channel]`), in the dtype of `X`.
        """
        check_is_fitted(self)
        images = validate_images(self, X, reset=False)
        if images.ndim > 2:
            images = as_channels(images)[..., : self.n_channels_]
            # Images that are taken whole are not copied.
            for axis, kept in enumerate((self.kept_rows_, self.kept_columns_), start=1):
                if len(kept) < images.shape[axis]:
                    images = images.take(kept, axis=axis)
        rows = images.reshape(len(images), -1)
        if rows.dtype.kind == "f":
            blank = np.isnan(rows)
            if blank.any():
                rows = np.where(blank, rows.dtype.type(self.fill_value), rows)
        return rows

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Name the pixels: `y<row>_x<column>` and the channel, or the names of the columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns, for rows only.

        Returns
        -------
        ndarray of shape (n_features_out,)
            Names.
        """
        check_is_fitted(self)
        if len(self.image_shape_) == 1:
            return np.asarray(_check_feature_names_in(self, input_features), dtype=object)
        # One channel for all equal ones needs no number.
        channels = [f"_c{c}" for c in range(self.n_channels_)] if self.n_channels_ > 1 else [""]
        return np.array(
            [
                f"y{y}_x{x}{channel}"
                for y in self.kept_rows_
                for x in self.kept_columns_
                for channel in channels
            ],
            dtype=object,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
