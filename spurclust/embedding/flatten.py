"""Images to rows: one source, one row of pixels."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from spurclust.features.images import validate_images


class ImageFlattener(TransformerMixin, BaseEstimator):
    """Flatten each source's image to one row of pixels.

    The first step of the detector. The dtype stays (uint8 stays uint8) and nothing is copied
    unless pixels without data have to be filled. It compares pixels place by place, so it cannot
    see that two defects at different places are alike.

    Parameters
    ----------
    fill_value : float, default=0.0
        What stands in for pixels without data (NaN), in the units of the image. Zero is the sky
        of a background-subtracted cutout.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels times channels.
    image_shape_ : tuple of int
        Shape of one source: (n_features,), (height, width) or (height, width, n_channels).
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding import ImageFlattener
    >>> images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    >>> ImageFlattener().fit_transform(images)
    array([[ 0,  1,  2,  3,  4,  5],
           [ 6,  7,  8,  9, 10, 11]], dtype=uint8)
    """

    def __init__(self, *, fill_value: float = 0.0) -> None:
        self.fill_value = fill_value

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Learn the shape of one source.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or images.
        y : None
            Not used.

        Returns
        -------
        ImageFlattener
            Itself.
        """
        validate_images(self, X, reset=True)
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
        ndarray of shape (n_samples, n_features)
            One row a source, row-major (`image[y, x, channel]`), in the dtype of `X`.
        """
        check_is_fitted(self)
        images = validate_images(self, X, reset=False)
        rows = images.reshape(len(images), -1)
        if rows.dtype.kind == "f":
            blank = np.isnan(rows)
            if blank.any():
                rows = np.where(blank, rows.dtype.type(self.fill_value), rows)
        return rows

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Name the pixels: `y<row>_x<column>` and the channel, or the columns' own names.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns, for rows only.

        Returns
        -------
        ndarray of shape (n_features,)
            Names.
        """
        check_is_fitted(self)
        if len(self.image_shape_) == 1:
            return np.asarray(_check_feature_names_in(self, input_features), dtype=object)
        axes = ("y", "x", "c")
        return np.array(
            [
                "_".join(f"{axis}{place}" for axis, place in zip(axes, index, strict=False))
                for index in np.ndindex(*self.image_shape_)
            ],
            dtype=object,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
