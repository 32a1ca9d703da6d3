"""SpuriousRegionDetector: flatten, reduce, embed, cluster, and flag the spurious region."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spurclust.features.images import validate_images
from spurclust.fitted import COUNT, IMAGES, Maybe, Number, Part, Plain, Values
from spurclust.labels import (
    labels_of_fit,
    no_labels,
    warn_if_mostly_spurious,
    warn_if_none_spurious,
)
from spurclust.novelty import NoveltyScale
from spurclust.progress import stage
from spurclust.region import (
    FlaggingMixin,
    allowed_components,
    assign_components,
    check_mixture,
    component_counts,
    component_table,
    count_components,
    describe_excess,
    fit_mixture,
    is_flagged,
    region_html,
    region_of,
    spurious_fractions,
    spurious_probability,
)
from spurclust.steps import (
    FEATURE_STEPS,
    Assignment,
    FittedSteps,
    configure_mixture,
    configure_steps,
    fit_steps,
    transform_steps,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Assignment", "SpuriousRegionDetector"]


ORIGINAL_COMPONENTS = 6
"""Components of the original method."""


class SpuriousRegionDetector(FlaggingMixin, ClassifierMixin, BaseEstimator):
    """Flag the sources that lie where known spurious sources gather.

    It computes features of each cutout, embeds them with t-SNE, and fits a Gaussian mixture on the
    embedding. In each component, it divides the known spurious sources by the inspected ones. The
    components at or above the threshold form the spurious region, whose sources are flagged.
    With `flatten=ImageFlattener()`, cutouts are compared pixel by pixel. Metrics on the labels that
    chose the region are too good: judge it on held-out sources, see `SpuriousRegionDetectorCV`.

    Parameters
    ----------
    n_components : int, default=6
        Number of components of the mixture. Raising it makes a finer region, with fewer labels in
        each component. It shrinks, with a warning, to a tenth of the distinct points of the
        embedding; ten points allow two.
    threshold : float, default=0.05
        Minimum spurious fraction of a component in the region, in (0, 1]. Raising it flags less.
    perplexity : float, default=50
        Perplexity of the embedding, unless `embed` has one of its own.
    assignment : {"hard", "soft"}, default="hard"
        How a source gets its spurious probability. "hard" is the fraction of its most likely
        component. "soft" is the mean over all components, weighted by its responsibilities.
    unlabeled : object, default=None
        Value of `y` that means uninspected, for example -1. Such sources shape the embedding and
        the mixture, never the fractions.
    flatten, reduce, embed : transformer or "passthrough", default=None
        The steps. None is `CutoutFeatures()`, `GuidedProjection(random_state=0)` and `TSNE()` for
        cutouts; `ImageFlattener()`, "passthrough" and `TSNE()` for rows, and after any other
        `flatten`. They are fitted on codes: 1 spurious, 0 reliable, -1 uninspected.
    mixture : estimator with `predict` and `predict_proba`, default=None
        The last step. None is `GuidedMixture()` after a `GuidedProjection`, else
        `GaussianMixture()`. Its parameter `n_components` is set, if it has one. A clusterer without
        `predict`, such as HDBSCAN, is refused.
    memory : str, path or joblib.Memory, default=None
        Where to keep the results of `reduce` and `embed`. A search over `n_components` and
        `threshold` then computes the embedding of each split once.
    random_state : int, RandomState or None, default=None
        Seeds every step without a random state of its own. The default `reduce` has one, so the
        region hardly depends on this parameter.
    n_jobs : int, default=None
        Number of threads of the steps; None is 1, -1 is all cores.
    verbose : int, default=0
        Whether to print the name and the time of each step.

    Attributes
    ----------
    pipeline_ : sklearn.pipeline.Pipeline
        The fitted steps flatten, reduce, embed, mixture.
    embedding_ : ndarray of shape (n_samples, 2)
        The embedding of the fitted sources.
    component_ : ndarray of int of shape (n_samples,)
        Most likely component of each fitted source.
    components_ : pandas.DataFrame
        One row per component: size, n_inspected, n_spurious, fraction, its exact 95 % interval
        fraction_low and fraction_high, in_region.
    component_counts_ : ndarray of int of shape (n_components, 3)
        Size, inspected and spurious of each component.
    region_ : ndarray of bool of shape (n_components,)
        Which components form the spurious region.
    spurious_probability_ : ndarray of shape (n_samples,)
        Spurious fraction at each fitted source; 0 where its component holds no inspected one.
    flagged_ : ndarray of bool of shape (n_samples,)
        Which fitted sources are flagged.
    classes_ : ndarray of shape (2,)
        Reliable and spurious.
    n_components_ : int
        Number of components used.
    perplexity_ : float
        Perplexity used; absent when the embedding has none.
    novelty_scale_ : NoveltyScale
        The fitted sources that novelty is measured from.
    stage_seconds_ : dict of str to float
        Seconds of each step that was fitted.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 12, 12))
    >>> X[:20, 3] += 6  # a streak
    >>> y = (np.arange(200) < 20).astype(int)
    >>> detector = SpuriousRegionDetector(3, perplexity=20, random_state=0).fit(X, y)
    >>> int(detector.flagged_.sum())
    20
    """

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0, 1, closed="right")],
        "perplexity": [Interval(Real, 0, None, closed="neither")],
        "assignment": [StrOptions({"hard", "soft"})],
        "unlabeled": "no_validation",
        "flatten": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "reduce": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "embed": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "mixture": "no_validation",  # by check_mixture
        "memory": "no_validation",
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    _fitted_attributes: ClassVar[dict[str, Any]] = {
        **IMAGES,
        "n_components_": COUNT,
        "classes_": Values("b i u f U", (2,)),
        "stage_seconds_": Plain(),
        "perplexity_": Maybe(Number(0)),
        "pipeline_": Part(Pipeline),
        "novelty_scale_": Part(NoveltyScale),
        "embedding_": Values("f8", ("n_samples", "n_axes")),
        "component_": Values("i8", ("n_samples",), 0, "n_components_"),
        "component_counts_": Values("i8", ("n_components_", 3), 0),
        "region_": Values("b1", ("n_components_",)),
        "spurious_probability_": Values("f8", ("n_samples",), 0, 1 + 1e-6),
        "flagged_": Values("b1", ("n_samples",)),
    }

    def _fitted_problem(self) -> str | None:
        """Return what is wrong if the parts do not fit together."""
        if list(self.pipeline_.named_steps) != [*FEATURE_STEPS, "mixture"]:
            return "the steps are not flatten, reduce, embed and mixture"
        mixture = self.pipeline_.named_steps["mixture"]
        sizes, inspected, spurious = self.component_counts_.T
        found = np.bincount(self.component_, minlength=self.n_components_)
        if (spurious > inspected).any() or (inspected > sizes).any() or (sizes != found).any():
            return "the counts of the components are not those of the sources"
        same = count_components(mixture, self.component_) == self.n_components_
        return None if same else "the components are not those of the mixture"

    def __init__(
        self,
        n_components: int = ORIGINAL_COMPONENTS,
        threshold: float = 0.05,
        *,
        perplexity: float = 50,
        assignment: str = "hard",
        unlabeled: object = None,
        flatten: Any = None,
        reduce: Any = None,
        embed: Any = None,
        mixture: Any = None,
        memory: Any = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.threshold = threshold
        self.perplexity = perplexity
        self.assignment = assignment
        self.unlabeled = unlabeled
        self.flatten = flatten
        self.reduce = reduce
        self.embed = embed
        self.mixture = mixture
        self.memory = memory
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Embed the sources, fit the mixture and choose the region.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or cutouts of any real dtype, at least two.
        y : array-like of shape (n_samples,)
            1 spurious, 0 reliable, or any two values: the larger one is spurious. `unlabeled` where
            uninspected.

        Returns
        -------
        SpuriousRegionDetector
            Itself.

        Raises
        ------
        ValueError
            When the sources or labels cannot be used; the message says what to do.

        Warns
        -----
        UserWarning
            When no inspected source is spurious, or more than half of them are; when the region
            holds nearly all sources; or when there are too few sources for `n_components` or
            `perplexity`.
        """
        self._fit(X, y)
        excess = describe_excess(self.components_, self.threshold, self.flagged_)
        if excess:
            warnings.warn(excess, stacklevel=2)
        return self

    def fit_assign(
        self, X: ArrayLike, y: ArrayLike | None, *, fitted: FittedSteps | None = None
    ) -> Assignment:
        """Fit, and assign the fitted sources without computing their features again.

        Parameters
        ----------
        X, y : array-like
            As for `fit`. Without any label `y` is None; then the region is empty.
        fitted : FittedSteps, default=None
            First steps that were already fitted to the same sources with the same settings.

        Returns
        -------
        Assignment
            What `fit(X, y).assign(X)` returns.
        """
        steps, space = self._fit(X, y, fitted, labeled=y is not None)
        return Assignment(
            self.embedding_,
            self.component_,
            self.spurious_probability_,
            self.novelty_scale_.measure(space, self.n_jobs),
            steps.outputs["flatten"],
        )

    def _fit(
        self, X: ArrayLike, y: Any, fitted: FittedSteps | None = None, *, labeled: bool = True
    ) -> tuple[FittedSteps, NDArray[Any]]:
        """Fit. Return the fitted steps with their outputs, and the rows that novelty uses."""
        self._validate_params()
        check_mixture(self.mixture, self.assignment)
        images = validate_images(self, X, reset=True, min_samples=2)
        if labeled:
            self.classes_, codes = labels_of_fit(self, y, len(images))
            warn_if_none_spurious(codes, stacklevel=4)
            warn_if_mostly_spurious(codes, stacklevel=4)
        else:
            self.classes_, codes = no_labels(len(images))
        self.stage_seconds_: dict[str, float] = {}
        steps = configure_steps(self, images.shape, labeled=labeled)
        found = fit_steps(
            steps, images, codes, fitted=fitted, memory=self.memory, timed=self._timed
        )
        self.embedding_ = found.embedding
        space = found.novelty_rows()
        self.novelty_scale_ = NoveltyScale.fit(space, self.n_jobs)
        if hasattr(found.steps["embed"], "perplexity_"):
            self.perplexity_ = found.steps["embed"].perplexity_
        mixture = self._timed("mixture", partial(self._fit_mixture, found.steps["reduce"], codes))
        self.pipeline_ = Pipeline([*found.steps.items(), ("mixture", mixture)])
        self._fit_region(mixture, codes)
        return found, space

    def _timed(self, name: str, work: Callable[[], Any]) -> Any:
        """Do the work of a stage and note its seconds."""
        start = time.perf_counter()
        with stage(name):
            result = work()
        self.stage_seconds_[name] = time.perf_counter() - start
        if self.verbose:
            print(f"[{type(self).__name__}] {name}: {self.stage_seconds_[name]:.2f} s")
        return result

    def _fit_mixture(self, reduce: Any, codes: NDArray[np.int8]) -> Any:
        """Fit the mixture with as many components as there are sources for."""
        mixture = configure_mixture(self.mixture, reduce, self.random_state)
        n_used = allowed_components(mixture, [self.n_components], self.embedding_)[0]
        if n_used < self.n_components:
            warnings.warn(
                f"n_components={self.n_components} is too large for {len(self.embedding_)} "
                "sources: a spurious fraction needs about ten sources in its component. "
                f"{n_used} are used.",
                stacklevel=5,
            )
        return fit_mixture(mixture, self.embedding_, n_used, codes)

    def _fit_region(self, mixture: Any, codes: NDArray[np.int8]) -> None:
        """Choose the region from the labels in each component, and flag the fitted sources."""
        self.component_ = assign_components(mixture, self.embedding_)
        self.n_components_ = count_components(mixture, self.component_)
        self._warn_if_ignored(mixture)
        self.component_counts_ = component_counts(self.component_, codes, self.n_components_)
        self.region_ = region_of(spurious_fractions(self.component_counts_), self.threshold)
        self.spurious_probability_ = self._probability(self.embedding_)
        self.flagged_ = is_flagged(self.spurious_probability_, self.threshold)

    def _warn_if_ignored(self, mixture: Any) -> None:
        """Warn if the mixture does not use `n_components`."""
        takes_it = "n_components" in mixture.get_params(deep=False)
        if not takes_it and self.n_components not in (ORIGINAL_COMPONENTS, self.n_components_):
            warnings.warn(
                f"n_components={self.n_components} is ignored: mixture={mixture!r:.60} takes no "
                f"n_components, and has {self.n_components_}. Set the number there.",
                stacklevel=5,
            )

    def _probability(self, embedding: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the spurious probability at points of the embedding."""
        mixture = self.pipeline_.named_steps["mixture"]
        return spurious_probability(mixture, embedding, self.component_counts_, self.assignment)

    def _transform(self, X: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        """Return the features of sources, the rows of their novelty, and their points."""
        check_is_fitted(self)
        return transform_steps(self.pipeline_.named_steps, validate_images(self, X, reset=False))

    def assign(self, X: ArrayLike) -> Assignment:
        """Compute all that the detector finds out about sources, in one pass.

        Parameters
        ----------
        X : array-like
            Rows or cutouts of the fitted shape.

        Returns
        -------
        Assignment
            embedding, component, spurious_probability, novelty and features. A fitted source has
            its fitted point.
        """
        features, space, embedding = self._transform(X)
        mixture = self.pipeline_.named_steps["mixture"]
        return Assignment(
            embedding,
            assign_components(mixture, embedding),
            self._probability(embedding),
            self.novelty_scale_.measure(space, self.n_jobs),
            features,
        )

    def spurious_probability(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the spurious fraction at each source.

        Parameters
        ----------
        X : array-like
            Rows or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples,)
            Between 0 and 1.
        """
        return self._probability(self._transform(X)[2])

    @property
    def _threshold(self) -> float:
        return self.threshold

    @property
    def components_(self) -> pd.DataFrame:
        """The table of components."""
        if not hasattr(self, "component_counts_"):
            raise AttributeError("components_ is known after fit.")
        return component_table(self.component_counts_, self.threshold)

    def _repr_html_inner(self) -> str:
        """Return the estimator as scikit-learn draws it, and its region below."""
        html = str(super()._repr_html_inner())
        if not hasattr(self, "flagged_"):
            return html
        return html + region_html(self.components_, self.threshold, self.flagged_)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return the estimator in the formats that a notebook shows."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._repr_html_inner()
        return bundle

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        # Most sources of the region may be reliable.
        tags.classifier_tags.poor_score = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.flatten is None or (
            self.flatten != "passthrough" and get_tags(self.flatten).input_tags.allow_nan
        )
        return tags
