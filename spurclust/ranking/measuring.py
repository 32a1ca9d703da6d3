"""What measures the cutouts for the ranker, and what it makes of them."""

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from spurclust.features import CutoutFeatures
from spurclust.region import set_missing

Float32 = NDArray[np.float32]


def fit_features(features: Any, images: NDArray[Any], n_jobs: int | None) -> Any:
    """Fit a clone of what measures sources; None is cutouts' features, and nothing for rows."""
    if features is None:
        features = "passthrough" if images.ndim == 2 else CutoutFeatures()
    if features == "passthrough":
        return features
    return set_missing(clone(features), n_jobs=n_jobs).fit(images)


def take_fitted(features: Any, n_jobs: int | None) -> Any:
    """Take over features that are fitted, and have measured already."""
    if features is None or features == "passthrough":
        raise ValueError(
            f"measured needs the fitted transformer that made it as features, which are "
            f"{features!r}: set features, or leave measured out."
        )
    check_is_fitted(features)
    return set_missing(copy(features), n_jobs=n_jobs)


def check_measured(measured: Any, n_sources: int, n_features: int) -> Float32:
    """Return what was measured, or say that it is not of these sources and features."""
    if np.shape(measured) != (n_sources, n_features):
        raise ValueError(
            f"measured has shape {np.shape(measured)}, but {n_sources} sources in X have "
            f"{n_features} features: give what features.transform makes of X."
        )
    return np.asarray(measured, dtype=np.float32)


def name_features(features: Any, images: NDArray[Any], columns: Any) -> NDArray[Any]:
    """Name what is measured; of rows, which are taken for features, by their columns if named."""
    if features != "passthrough":
        names = features.get_feature_names_out()
    elif columns is not None:
        names = columns
    else:
        names = [f"feature{k + 1}" for k in range(images[0].size)]
    return np.asarray(names, dtype=object)


def measure_with(features: Any, images: NDArray[Any]) -> Float32:
    """Turn sources into rows of features."""
    if features == "passthrough":
        rows = images.reshape(len(images), -1)
    else:
        rows = features.transform(images)
    return np.asarray(rows, dtype=np.float32)
