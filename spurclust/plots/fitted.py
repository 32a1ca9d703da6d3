"""What the displays take from a fitted detector and from labels."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

SPURIOUS, RELIABLE, UNINSPECTED = 1, 0, -1
# Points across the plane, each way, where the region is evaluated.
_GRID_POINTS = 300
# The region is drawn as far from a source as this part of the embedding's extent.
_REACH = 0.04
# The shorter side of the picture has at least this part of the longer one.
_LEAST_SIDE = 0.35


class RegionGrid(NamedTuple):
    """The components and the region, evaluated on a grid over the embedding.

    Attributes
    ----------
    x, y : ndarray of shape (n_points,)
        The grid's axes, in the embedding's coordinates.
    component : ndarray of shape (n_points, n_points)
        Component at ``[y, x]``.
    flagged : ndarray of shape (n_points, n_points)
        Whether a source there would be flagged.
    near : ndarray of shape (n_points, n_points)
        Whether there are sources around; only there the region is drawn, since a mixture also
        assigns the emptiest places to some component.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    component: NDArray[np.intp]
    flagged: NDArray[np.bool_]
    near: NDArray[np.bool_]


def check_embedding(embedding: ArrayLike) -> NDArray[np.float64]:
    """Return the embedding as an array of n > 0 finite places in two dimensions."""
    places = np.asarray(embedding, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        raise ValueError(
            f"the embedding has shape {places.shape}: pictures need (n_sources, 2), so two "
            "dimensions and at least one source"
        )
    if len(places) == 0:
        raise ValueError("the embedding has no source: there is nothing to draw")
    n_bad = int((~np.isfinite(places)).any(axis=1).sum())
    if n_bad:
        raise ValueError(f"{n_bad} of {len(places)} sources have no finite place in the embedding")
    return places


def check_length(values: ArrayLike, n_sources: int, name: str) -> NDArray[Any]:
    """Return values as an array, one for each source."""
    array = np.asarray(values)
    if array.ndim == 0 or len(array) != n_sources:
        found = "one value" if array.ndim == 0 else f"length {len(array)}"
        raise ValueError(
            f"{name} has {found}, but there are {n_sources} sources: give one for each source, in "
            "the order of the fit"
        )
    return array


def check_labels(label: ArrayLike | None, n_sources: int) -> NDArray[np.int8]:
    """Return labels 1, 0 and -1, one for each source; None means that all are uninspected."""
    if label is None:
        return np.full(n_sources, UNINSPECTED, dtype=np.int8)
    array = check_length(label, n_sources, "label")
    if array.ndim != 1 or not np.isin(array, (SPURIOUS, RELIABLE, UNINSPECTED)).all():
        raise ValueError("label must be 1 (spurious), 0 (reliable) or -1 (uninspected)")
    return array.astype(np.int8)


def check_flagged(flagged: ArrayLike | None, n_sources: int) -> NDArray[np.bool_]:
    """Return flags, one for each source; None means that none is flagged."""
    if flagged is None:
        return np.zeros(n_sources, dtype=bool)
    return check_length(flagged, n_sources, "flagged").astype(bool)


def check_fitted(detector: Any) -> None:
    """Raise an error unless the detector is fitted."""
    if not hasattr(detector, "embedding_"):
        raise NotFittedError(
            f"this {type(detector).__name__} is not fitted: call its fit before drawing"
        )


def encode_labels(detector: Any, y: ArrayLike | None) -> NDArray[np.int8]:
    """Turn labels in the detector's words into 1 spurious, 0 reliable, -1 uninspected."""
    import pandas as pd

    check_fitted(detector)
    n_sources = len(detector.embedding_)
    if y is None:
        return check_labels(None, n_sources)
    values = np.array(check_length(y, n_sources, "y"), dtype=object)
    if values.ndim != 1:
        raise ValueError(f"y has shape {values.shape}: give one label for each source")
    missing = np.asarray(pd.isna(values))
    values[missing] = None
    meaning = _meaning_of_classes(detector)
    codes = np.array([meaning.get(value, -2) for value in values.tolist()], dtype=np.int8)
    unlabeled = getattr(detector, "unlabeled", None)
    if unlabeled is not None:
        is_missing = bool(pd.isna(unlabeled))
        codes[missing if is_missing else values == unlabeled] = UNINSPECTED
    if (codes == -2).any():
        position = int(np.argmax(codes == -2))
        raise ValueError(
            f"y[{position}] is {np.asarray(y, dtype=object)[position]!r}, which is neither one of "
            f"the classes {list(meaning)} nor unlabeled={unlabeled!r}: give the y of the fit"
        )
    return codes


def _meaning_of_classes(detector: Any) -> dict[Any, int]:
    """Map the classes of the detector to spurious and reliable."""
    classes = np.asarray(detector.classes_).tolist()
    if len(classes) == 1:
        # One class alone does not say which; the table of components does.
        n_spurious = int(np.sum(detector.components_["n_spurious"]))
        return {classes[0]: SPURIOUS if n_spurious else RELIABLE}
    return {classes[0]: RELIABLE, classes[1]: SPURIOUS}


def check_reasons(reason: ArrayLike | None, n_sources: int) -> NDArray[np.object_] | None:
    """Return reasons as texts, blank where there is none; None when all are blank."""
    import pandas as pd

    if reason is None:
        return None
    values = check_length(reason, n_sources, "reason").astype(object)
    texts = np.array(["" if pd.isna(v) else " ".join(str(v).split()) for v in values], dtype=object)
    return texts if any(texts) else None


def plane_limits(
    embedding: NDArray[np.float64], margin: float = 0.05
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give x and y limits that hold all sources, with a margin, and are not too flat."""
    low, high = embedding.min(axis=0), embedding.max(axis=0)
    span = float((high - low).max())
    if not span > 0:
        # All sources in one place still need a scale.
        span = 2 * max(1.0, 1e-3 * float(np.abs(high).max()))
    half = (
        np.maximum(high - low, _LEAST_SIDE * span) / 2 + max(margin, 0.25 / len(embedding)) * span
    )
    (left, bottom), (right, top) = (low + high) / 2 - half, (low + high) / 2 + half
    return (float(left), float(right)), (float(bottom), float(top))


def component_covariances(mixture: Any) -> NDArray[np.float64] | None:
    """Return the covariance matrix of each component, or None when the mixture has none."""
    means = getattr(mixture, "means_", None)
    covariances = getattr(mixture, "covariances_", None)
    if means is None or covariances is None or np.shape(means)[1:] != (2,):
        return None
    values = np.asarray(covariances, dtype=np.float64)
    n_components = len(means)
    kind = getattr(mixture, "covariance_type", "full")
    if kind == "tied":
        return np.broadcast_to(values, (n_components, 2, 2)).copy()
    if kind == "diag":
        return values[:, :, None] * np.eye(2)
    if kind == "spherical":
        return values[:, None, None] * np.eye(2)
    return values if values.shape == (n_components, 2, 2) else None


def evaluate_region(detector: Any) -> RegionGrid:
    """Evaluate the mixture and the region on a grid over the embedding."""
    embedding = np.asarray(detector.embedding_)
    mixture = detector.pipeline_[-1]
    x, y = (np.linspace(*limits, _GRID_POINTS) for limits in plane_limits(embedding))
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(embedding.dtype)
    if getattr(detector, "assignment", "hard") == "soft":
        responsibility = np.asarray(mixture.predict_proba(points))
        component = responsibility.argmax(axis=1)
        fraction = np.nan_to_num(detector.components_["fraction"].to_numpy(dtype=np.float64))
        flagged = responsibility @ fraction >= detector.threshold
    else:
        component = np.asarray(mixture.predict(points))
        flagged = np.asarray(detector.region_, dtype=bool)[component]
    shape = (len(y), len(x))
    near = _is_near(points, embedding).reshape(shape)
    return RegionGrid(x, y, component.reshape(shape), flagged.reshape(shape), near)


def _is_near(points: NDArray[Any], embedding: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which points have a source near enough for the region to mean something there."""
    from scipy.spatial import cKDTree

    span = float(np.ptp(embedding, axis=0).max()) or 2.0
    # Few sources lie far apart, and the part around each must still be seen.
    reach = span * max(_REACH, 0.15 / len(embedding) ** 0.5)
    distance, _ = cKDTree(embedding).query(points, distance_upper_bound=reach)
    return np.asarray(np.isfinite(distance))
