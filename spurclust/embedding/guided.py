"""Project features on a few axes, one of them taught by the labels."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from spurclust.embedding.forest import CrossFittedForest
from spurclust.embedding.neighbors import Float32
from spurclust.fitted import COUNT, INPUT, POSITIVE, TINY, Part, Values
from spurclust.labels import is_uninspected
from spurclust.parallel import map_row_blocks, single_threaded_blas

N_QUANTILES = 200

LARGEST_SCORE = 5.2
"""Limit of normal scores, as in scikit-learn: that of the shares 1e-7 and 1 - 1e-7."""

LEAST_SHARE = 0.05
"""Shares of trees are clipped to this. Beyond it they depend on the random splits of a few trees,
and would move clear cases on the axis more than doubtful ones."""

BLOCK_ROWS = 64
"""Number of rows that one thread projects at a time."""


class GuidedProjection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Project features on principal components, and on one axis that the labels teach.

    Use it between `CutoutFeatures` and the embedding. The taught axis is the score of a
    cross-fitted forest: a fitted source is scored by trees that have not seen it, and a new source
    by all trees. So fitted sources look no better separated than new ones. The principal components
    ignore the labels. With very few labels, the taught axis is mostly noise.

    Parameters
    ----------
    n_components : int, default=10
        Number of principal components. Raising it keeps finer differences among reliable sources.
    strength : float, default=3.0
        Standard deviation of the taught axis; that of all others together is 1. Raising it
        separates spurious sources more, and shows less of their differences.
    n_estimators : int, default=500
        Total number of trees. Raising it makes scores steadier, and takes longer.
    n_folds : int, default=5
        Number of folds, at least 2.
    unlabeled : object, default=None
        Value of `y` that means uninspected, for example -1. Such sources shape the principal
        components only.
    random_state : int, RandomState or None, default=None
        Seeds the folds and the trees.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Values of `y` that are not `unlabeled`.
    forest_ : CrossFittedForest
        Extremely randomized trees, grown without each fold in turn.
    n_components_ : int
        Number of principal components used.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, when fitted on a data frame with string columns.

    Notes
    -----
    The score is the log odds of the share of trees that vote for spurious. With more than two
    classes, each class has an axis. Each feature is transformed to a normal distribution first.

    References
    ----------
    P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 3
    (2006). V. Chernozhukov et al., "Double/debiased machine learning for treatment and structural
    parameters", Econometrics Journal 21, C1 (2018), for cross-fitting.

    Examples
    --------
    >>> from spurclust.simulate import simulate_survey
    >>> from spurclust.embedding import GuidedProjection
    >>> from spurclust.features import CutoutFeatures
    >>> survey = simulate_survey(40, 12, random_state=0)
    >>> features = CutoutFeatures().fit_transform(survey.images)
    >>> GuidedProjection(5, random_state=0).fit_transform(features, survey.y).shape
    (40, 6)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "strength": [Interval(Real, 0, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "unlabeled": "no_validation",
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    _fitted_attributes: ClassVar[dict[str, Any]] = {
        **INPUT,
        "n_components_": COUNT,
        "classes_": Values("b i u f U", ("n_classes",)),
        "forest_": Part(
            CrossFittedForest, {"n_features": "n_features_in_", "n_classes": "n_classes"}
        ),
        "_quantiles": Part(QuantileTransformer),
        "_components": Part(PCA),
        "_scale": POSITIVE,
        "_score_mean": Values("f8", ("n_scores",)),
        "_score_deviation": Values("f8", ("n_scores",), TINY),
    }

    def __init__(
        self,
        n_components: int = 10,
        *,
        strength: float = 3.0,
        n_estimators: int = 500,
        n_folds: int = 5,
        unlabeled: object = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.strength = strength
        self.n_estimators = n_estimators
        self.n_folds = n_folds
        self.unlabeled = unlabeled
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the principal components and grow the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes, or `unlabeled`.

        Returns
        -------
        GuidedProjection
            Itself.

        Raises
        ------
        ValueError
            When no source is inspected.
        """
        self._fit(X, y)
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike) -> Float32:
        """Fit, and project the fitted features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes, or `unlabeled`.

        Returns
        -------
        ndarray of shape (n_samples, n_components_ + 1), float32
            What `transform` returns.
        """
        return self.project(X, self._fit(X, y))

    def fit_transform_like(
        self, X: ArrayLike, y: ArrayLike, other: GuidedProjection, projected: Float32
    ) -> Float32:
        """Fit to other labels of the same features, and project them.

        The principal components ignore the labels, so they are those of the other projection.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes, or `unlabeled`.
        other : GuidedProjection
            A projection with the same parameters, fitted to the same features.
        projected : ndarray of shape (n_samples, other.n_components_ + 1), float32
            What its `fit_transform` returned.

        Returns
        -------
        ndarray of shape (n_samples, n_components_ + 1), float32
            What `fit_transform(X, y)` returns.
        """
        self._validate_params()
        rows, labels = validate_data(self, X, y, dtype=np.float32, y_numeric=False)
        rng = check_random_state(self.random_state)
        # Choosing rows for quantiles draws numbers, which the trees must not draw again.
        _fit_quantiles(rows[:, :1], rng)
        for name in ("_quantiles", "_components", "_scale", "n_components_"):
            setattr(self, name, getattr(other, name))
        self._teach(rows, labels, rng)
        return self._beside_taught(projected[:, : self.n_components_], rows)

    def _fit(self, X: ArrayLike, y: ArrayLike) -> Float32:
        """Fit, and return the normalized features."""
        self._validate_params()
        rows, labels = validate_data(
            self, X, y, dtype=np.float32, ensure_min_samples=2, y_numeric=False
        )
        rng = check_random_state(self.random_state)
        normal = self._fit_components(rows, rng)
        self._teach(rows, labels, rng)
        return normal

    def _teach(self, rows: Float32, labels: NDArray[Any], rng: np.random.RandomState) -> None:
        """Grow the trees of the taught axis."""
        known = ~is_uninspected(labels, self.unlabeled)
        if not known.any():
            raise ValueError(
                f"All {len(rows)} sources are uninspected (unlabeled={self.unlabeled!r}): label at "
                "least one."
            )
        check_classification_targets(labels[known])
        self.classes_, codes = np.unique(labels[known], return_inverse=True)
        self.forest_ = CrossFittedForest.grow(
            rows[known],
            codes,
            n_classes=len(self.classes_),
            n_estimators=self.n_estimators,
            n_folds=self.n_folds,
            random_state=rng,
            n_jobs=self.n_jobs,
        )
        self._score_mean, self._score_deviation = _moments(self._scores(self.forest_, rows))

    def _fit_components(self, rows: Float32, rng: np.random.RandomState) -> Float32:
        """Fit the quantiles and the principal components; return the features made normal."""
        self._quantiles = _fit_quantiles(rows, rng)
        normal = self._normal_scores(rows)
        self.n_components_ = min(self.n_components, *rows.shape)
        # The smaller of the two numbers decides which solver is fast.
        solver = "covariance_eigh" if len(rows) > rows.shape[1] else "full"
        self._components = PCA(self.n_components_, svd_solver=solver)
        # In float64, rounding removes the last bits, which differ between processors. Equal rows
        # have no variance, and PCA would divide by it.
        with single_threaded_blas(), np.errstate(invalid="ignore"):
            spread = self._components.fit(normal.astype(np.float64)).explained_variance_.sum()
        self._scale = float(np.sqrt(spread)) or 1.0
        return normal

    def _normal_scores(self, rows: Float32) -> Float32:
        """Make each feature normal by its quantiles in the fit."""
        from spurclust.embedding.kernels import interpolate_shares

        shares = np.empty(rows.shape, dtype=np.float32)
        quantiles = np.ascontiguousarray(self._quantiles.quantiles_.T)
        references = self._quantiles.references_
        interpolate_shares(np.ascontiguousarray(rows), quantiles, references, shares)
        scores = ndtri(shares)
        return np.asarray(np.clip(scores, -LARGEST_SCORE, LARGEST_SCORE, out=scores))

    def _scores(self, forest: CrossFittedForest, rows: Float32) -> NDArray[np.float64]:
        """Return the log odds of each class, or of the second of two, by trees without the row."""
        shares = np.clip(forest.shares(rows, self.n_jobs), LEAST_SHARE, 1 - LEAST_SHARE)
        odds = np.log(shares / (1 - shares))
        return odds[:, 1:] if len(self.classes_) == 2 else odds

    def transform(self, X: ArrayLike) -> Float32:
        """Project features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features; fitted rows are judged by the trees that have not seen them.

        Returns
        -------
        ndarray of shape (n_samples, n_components_ + 1), float32
            Principal components and the taught axis, or one axis per class unless there are two.
        """
        return self.project(X, self.normalize(X))

    def normalize(self, X: ArrayLike) -> Float32:
        """Make each feature normal, with mean 0 and deviation 1 among the fitted sources.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32
            Normal scores between -5.2 and 5.2.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return self._normal_scores(rows)

    def project(self, X: ArrayLike, normal: Float32) -> Float32:
        """Project features that are normalized already.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        normal : ndarray of shape (n_samples, n_features), float32
            Result of `normalize` for these features.

        Returns
        -------
        ndarray of shape (n_samples, n_components_ + 1), float32
            What `transform` returns.
        """
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return self._beside_taught(self._on_components(normal), rows)

    def _beside_taught(self, components: Float32, rows: Float32) -> Float32:
        """Return the components and the taught axis of features."""
        taught = (self._scores(self.forest_, rows) - self._score_mean) / self._score_deviation
        return np.hstack([components, self.strength * taught]).astype(np.float32)

    def _on_components(self, normal: Float32) -> Float32:
        """Project features that have been made normal on the principal components, scaled."""
        mean, axes = (
            part.astype(np.float32)
            for part in (self._components.mean_, self._components.components_)
        )

        def on_axes(block: Float32) -> Float32:
            # Unlike BLAS, einsum sums every row in the same order.
            return np.asarray(np.einsum("ij,kj->ik", block - mean, axes))

        components: Float32 = map_row_blocks(on_axes, normal, BLOCK_ROWS, self.n_jobs)
        return np.asarray(components / self._scale, dtype=np.float32)

    def project_by_parts(self, X: ArrayLike, n_parts: int) -> Iterator[Float32]:
        """Project the fitted features on axes that parts of the trees have taught.

        The mean of a third of the trees differs from the mean of all trees as much as the means of
        two full forests differ. So each of three parts shows the effect of other random trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the fitted sources.
        n_parts : int
            Number of parts, each with other trees. There are fewer if a fold has fewer trees.

        Yields
        ------
        ndarray of shape (n_samples, n_components_ + 1), float32
            The result of `transform` for each part.
        """
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        components = self._on_components(self.normalize(rows))
        for forest in self.forest_.split(n_parts):
            scores = self._scores(forest, rows)
            mean, deviation = _moments(scores)
            taught = self.strength * (scores - mean) / deviation
            yield np.hstack([components, taught]).astype(np.float32)

    @property
    def _n_features_out(self) -> int:
        """Number of names that ClassNamePrefixFeaturesOutMixin makes."""
        return int(self.n_components_) + len(self._score_mean)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _fit_quantiles(rows: Float32, rng: np.random.RandomState) -> QuantileTransformer:
    """Fit the quantiles of each feature."""
    n_quantiles = min(N_QUANTILES, len(rows))
    return QuantileTransformer(n_quantiles=n_quantiles, random_state=rng).fit(rows)


def _moments(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column; the latter is 1 where all are equal."""
    deviation = scores.std(axis=0)
    return scores.mean(axis=0), np.where(deviation > 0, deviation, 1)
