"""What sources may be given: rows, or images of one shape."""

from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data


def validate_images(
    estimator: BaseEstimator, X: ArrayLike, *, reset: bool, min_samples: int = 1
) -> NDArray[Any]:
    """Check rows or images, keep their dtype, and learn or compare the shape of one source.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets `n_features_in_` (pixels times channels), `image_shape_` and, for a data frame,
        `feature_names_in_` when `reset` is true.
    X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
        Rows or images of any real dtype; NaN is allowed, infinity is not.
    reset : bool
        Whether to learn the shape (in fit) or to compare with what was learnt.
    min_samples : int, default=1
        The least number of sources.

    Returns
    -------
    ndarray
        `X` as an array, not copied where it was one.

    Raises
    ------
    ValueError
        When it is empty, infinite, not numeric, has more than four axes, or has another shape
        than in fit.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.flatten import ImageFlattener, validate_images
    >>> flattener = ImageFlattener()
    >>> validate_images(flattener, np.ones((2, 3, 4)), reset=True).shape
    (2, 3, 4)
    >>> flattener.image_shape_
    (3, 4)
    """
    images: NDArray[Any] = check_array(
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
    # Rows of another length are told by scikit-learn, in its own words.
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
    rows = images.reshape(len(images), -1)
    validate_data(estimator, X if images.ndim == 2 else rows, reset=reset, skip_check_array=True)
    if reset:
        estimator.image_shape_ = shape
    return images
