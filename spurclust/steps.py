"""The steps up to the embedding: which they are, and fitting one on what the other makes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_memory

from spurclust.embedding import TSNE, GuidedProjection, ImageFlattener, PixelPCA
from spurclust.features import CutoutFeatures
from spurclust.labels import UNINSPECTED
from spurclust.region import set_missing

FEATURE_STEPS = {"flatten": CutoutFeatures, "reduce": GuidedProjection, "embed": TSNE}
"""What a step of cutouts is when None was given, in the order of the steps."""

PIXEL_STEPS = {"flatten": ImageFlattener, "reduce": PixelPCA, "embed": TSNE}
"""The same for rows, whose numbers have places but no neighbours, and for other flatten steps."""


class Assignment(NamedTuple):
    """What a fitted detector tells of sources.

    Attributes
    ----------
    embedding : ndarray of shape (n_samples, 2)
        The points.
    component : ndarray of int of shape (n_samples,)
        The most likely component of each.
    spurious_probability : ndarray of shape (n_samples,)
        Spurious fraction at each source.
    novelty : ndarray of shape (n_samples,)
        Distance to the nearest of up to 2000 fitted sources, as a multiple of the distance that
        95 % of the fitted have at most: of new sources of their kind, 5 % are above 1. Measured
        where no label rules: among all features, each made normal, or, without a
        `GuidedProjection`, among the rows that are embedded. It shows other stretches, point spread
        functions and defects never met, but not what the features undo by themselves, as a factor
        on all pixels.
    measured : ndarray of shape (n_samples, n_measured)
        The rows that the first step made of the sources.
    """

    embedding: NDArray[np.float64]
    component: NDArray[np.int64]
    spurious_probability: NDArray[np.float64]
    novelty: NDArray[np.float64]
    measured: NDArray[Any]


def default_steps(flatten: Any, image_shape: tuple[int, ...]) -> dict[str, type]:
    """Tell what the steps are that were not given.

    Parameters
    ----------
    flatten : transformer, "passthrough" or None
        The first step, as it was given.
    image_shape : tuple of int
        Shape of one source.

    Returns
    -------
    dict of str to type
        Classes of flatten, reduce and embed.
    """
    by_features = isinstance(flatten, CutoutFeatures) or (flatten is None and len(image_shape) > 1)
    return FEATURE_STEPS if by_features else PIXEL_STEPS


def configure_steps(
    given: dict[str, Any],
    image_shape: tuple[int, ...],
    *,
    perplexity: float,
    random_state: Any,
    n_jobs: int | None,
) -> dict[str, Any]:
    """Make the steps flatten, reduce and embed, unfitted, with the settings they were not given.

    They are fitted on codes: 1 spurious, 0 reliable, -1 uninspected.
    """
    steps = {}
    for name, default in default_steps(given["flatten"], image_shape).items():
        step = given[name]
        if step != "passthrough":
            step = default() if step is None else clone(step)
        steps[name] = set_missing(
            step,
            random_state=random_state,
            n_jobs=n_jobs,
            perplexity=perplexity,
            unlabeled=UNINSPECTED,
        )
    return steps


class FittedSteps(NamedTuple):
    """The steps up to the embedding, and what they made of the sources.

    Attributes
    ----------
    steps : dict of str to transformer or "passthrough"
        flatten, reduce and embed, fitted.
    measured : ndarray of shape (n_samples, n_measured)
        What the first made of the sources.
    space : ndarray of shape (n_samples, n_columns)
        The rows of the novelty.
    embedding : ndarray of shape (n_samples, 2)
        The points.
    """

    steps: dict[str, Any]
    measured: NDArray[Any]
    space: NDArray[Any]
    embedding: NDArray[np.float64]


def fit_steps(
    steps: Mapping[str, Any],
    images: NDArray[Any],
    codes: NDArray[np.int8],
    *,
    memory: Any,
    timed: Callable[[str, Callable[[], Any]], Any],
) -> FittedSteps:
    """Fit flatten, reduce and embed, one on what the other makes, through `memory`.

    `timed` does the work of a step under its name. The first step is not worth keeping.
    """
    cached = check_memory(memory).cache(fit_step)
    rows, fitted = images, {}
    for name, step in steps.items():
        given = rows
        if step != "passthrough":
            apply = fit_step if name == "flatten" else cached
            rows, step = timed(name, partial(apply, step, given, codes))
        if name == "reduce":
            measured, space = given, novelty_space(step, given, rows)
        fitted[name] = step
    return FittedSteps(fitted, measured, space, np.asarray(rows, dtype=np.float64))


def novelty_space(reduce: Any, rows: NDArray[Any], reduced: NDArray[Any]) -> NDArray[Any]:
    """Choose the rows by which novelty is measured: before labels have a part, if they have."""
    return reduce.normalize(rows) if isinstance(reduce, GuidedProjection) else reduced


def place(
    steps: Mapping[str, Any], images: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Measure sources, and tell the rows of their novelty and their points."""
    measured = _apply(steps["flatten"], images)
    reduce = steps["reduce"]
    if isinstance(reduce, GuidedProjection):
        space = reduce.normalize(measured)
        reduced = reduce.project(measured, space)
    else:
        space = reduced = _apply(reduce, measured)
    return measured, space, np.asarray(_apply(steps["embed"], reduced), dtype=np.float64)


def _apply(step: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Apply a step that may be left out."""
    return rows if step == "passthrough" else np.asarray(step.transform(rows))


def fit_step(step: Any, X: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], Any]:
    """Fit one step and return its output and itself; this is what `memory` keeps."""
    return step.fit_transform(X, y), step
