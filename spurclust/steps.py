"""The steps up to the embedding: their defaults, and fitting each on the output of the last."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.validation import check_memory

from spurclust.embedding import TSNE, GuidedMixture, GuidedProjection, ImageFlattener
from spurclust.embedding.guided import N_QUANTILES
from spurclust.embedding.neighbors import order_by_content
from spurclust.features import CutoutFeatures
from spurclust.labels import UNINSPECTED
from spurclust.printing import short_repr

FEATURE_STEPS = {
    "flatten": CutoutFeatures,
    "reduce": GuidedProjection(random_state=0),
    "embed": TSNE,
}
"""The default steps for cutouts, in order. The axis that labels teach has its own random state: it
is the same for every `random_state` of the detector."""

PIXEL_STEPS = {"flatten": ImageFlattener, "reduce": "passthrough", "embed": TSNE}
"""The default steps for rows, and after any other flatten step."""


class FittedSteps(NamedTuple):
    """Fitted steps, or "passthrough", and the output of each for the fitted sources."""

    steps: dict[str, Any]
    outputs: dict[str, NDArray[Any]]

    @property
    def embedding(self) -> NDArray[np.float64]:
        """The output of the last step."""
        return np.asarray(self.outputs["embed"], dtype=np.float64)

    def novelty_rows(self) -> NDArray[Any]:
        """Return the rows that measure novelty: those before labels have a part."""
        reduce = self.steps["reduce"]
        if isinstance(reduce, GuidedProjection):
            return reduce.normalize(self.outputs["flatten"])
        return self.outputs["reduce"]

    def __repr__(self) -> str:
        return short_repr(self)


class Assignment(NamedTuple):
    """What a fitted detector finds out about sources.

    Attributes
    ----------
    embedding : ndarray of shape (n_samples, 2)
        Points in the embedding.
    component : ndarray of int of shape (n_samples,)
        Most likely component of each source.
    spurious_probability : ndarray of shape (n_samples,)
        Spurious fraction at each source.
    novelty : ndarray of shape (n_samples,)
        Distance to the nearest of up to 2000 fitted sources. 1 is the distance that 95 % of the
        fitted sources do not exceed, so 5 % of similar new sources are above 1. It uses all
        features, each made normal, and no labels; without a `GuidedProjection` it uses the rows
        that are embedded. It shows other stretches, point spread functions and new defects. It does
        not show what features undo, such as a factor on all pixels.
    features : ndarray of shape (n_samples, n_features)
        Output of the first step.
    """

    embedding: NDArray[np.float64]
    component: NDArray[np.int64]
    spurious_probability: NDArray[np.float64]
    novelty: NDArray[np.float64]
    features: NDArray[Any]

    def __repr__(self) -> str:
        return short_repr(self)


def configure_steps(
    detector: Any, shape: tuple[int, ...], *, labeled: bool = True
) -> dict[str, Any]:
    """Return flatten, reduce and embed, unfitted, with the detector's settings."""
    flatten = detector.flatten
    by_features = isinstance(flatten, CutoutFeatures) or (flatten is None and len(shape) > 2)
    settings = {name: getattr(detector, name) for name in ("perplexity", "random_state", "n_jobs")}
    steps = {
        name: set_missing(_own(getattr(detector, name), default), **settings, unlabeled=UNINSPECTED)
        for name, default in (FEATURE_STEPS if by_features else PIXEL_STEPS).items()
    }
    if not labeled and isinstance(steps["reduce"], GuidedProjection):
        steps["reduce"] = _untaught(steps["reduce"], shape[0])
    return steps


def _untaught(guided: GuidedProjection, n_sources: int) -> Pipeline:
    """Return the part of a projection that labels do not teach."""
    return make_pipeline(
        QuantileTransformer(
            n_quantiles=min(N_QUANTILES, n_sources),
            output_distribution="normal",
            random_state=guided.random_state,
        ),
        PCA(min(guided.n_components, n_sources), svd_solver="covariance_eigh"),
    )


def configure_mixture(mixture: Any, reduce: Any, random_state: Any = None) -> Any:
    """Return the mixture that follows a step, unfitted, with a random state if it has none."""
    default = GuidedMixture if isinstance(reduce, GuidedProjection) else GaussianMixture
    return set_missing(_own(mixture, default), random_state=random_state)


def _own(step: Any, default: Any) -> Any:
    """Return a clone of a step, or the default for None."""
    chosen = default if step is None else step
    if chosen == "passthrough":
        return chosen
    return chosen() if isinstance(chosen, type) else clone(chosen)


def set_missing(step: Any, **values: Any) -> Any:
    """Set the parameters of a step that still have their defaults."""
    if step == "passthrough":
        return step
    own = step.get_params(deep=False)
    defaults = signature(type(step)).parameters
    unset = {
        name: value
        for name, value in values.items()
        if name in own and value is not None and own[name] == defaults[name].default
    }
    return step.set_params(**unset)


def _do(_name: str, work: Callable[[], Any]) -> Any:
    """Do the work of a step, untimed."""
    return work()


def fit_steps(
    steps: Mapping[str, Any],
    images: NDArray[Any],
    codes: NDArray[np.int8],
    *,
    fitted: FittedSteps | None = None,
    memory: Any = None,
    timed: Callable[[str, Callable[[], Any]], Any] = _do,
) -> FittedSteps:
    """Fit each step on the output of the one before, but keep those that are `fitted` already."""
    # The output of flatten is large and quick to compute, so memory does not keep it.
    cached = check_memory(memory).cache(fit_step)
    found = FittedSteps({}, {})
    rows = images
    for name, step in steps.items():
        if fitted is not None and name in fitted.steps:
            rows, step = fitted.outputs[name], fitted.steps[name]
        elif step != "passthrough":
            fit = _fit_flatten if name == "flatten" else cached
            rows, step = timed(name, partial(fit, step, rows, codes))
        found.steps[name], found.outputs[name] = step, rows
    return found


def _fit_flatten(step: Any, X: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], Any]:
    """Fit the first step in the given order, as its input is large; return output and step."""
    return step.fit_transform(X, y), step


def fit_step(step: Any, X: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], Any]:
    """Fit one step; return its output and the step. `memory` keeps both."""
    # Sums and random draws depend on the order of the rows, so they are sorted by content.
    if isinstance(getattr(step, "init", None), np.ndarray):  # in the given order
        return step.fit_transform(X, y), step
    order = order_by_content(X, y)
    made = np.asarray(step.fit_transform(X[order], y[order]))
    return made[np.argsort(order)], step


def transform_step(step: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Transform rows with a fitted step, or pass them through."""
    return rows if step == "passthrough" else np.asarray(step.transform(rows))


def transform_steps(
    steps: Mapping[str, Any], images: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Return the features of sources, the rows that measure their novelty, and their points."""
    features = transform_step(steps["flatten"], images)
    reduce = steps["reduce"]
    if isinstance(reduce, GuidedProjection):
        normal = reduce.normalize(features)
        reduced = reduce.project(features, normal)
    else:
        normal = reduced = transform_step(reduce, features)
    return features, normal, np.asarray(transform_step(steps["embed"], reduced), dtype=np.float64)
