"""InspectionRanker: in which order to inspect sources."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spurclust.embedding.forest import CrossFittedForest
from spurclust.embedding.neighbors import row_keys
from spurclust.features import CutoutFeatures
from spurclust.features.images import validate_images
from spurclust.fitted import IMAGES, Number, Part, Step, Values
from spurclust.labels import SPURIOUS, UNINSPECTED, labels_of_fit, warn_if_none_spurious
from spurclust.ranking.calibration import fit_calibration, log_odds
from spurclust.ranking.similarity import SimilaritySpace
from spurclust.ranking.suggestions import Strategy, inspection_rank, outlyingness, suggest_sources
from spurclust.steps import set_missing

Float32 = NDArray[np.float32]


class InspectionRanker(ClassifierMixin, BaseEstimator):
    """Order sources by their probability of being spurious.

    Use it to inspect the most probable sources first: a region says which sources to inspect, but
    not in which order. It recognizes only kinds of defect that have labels.

    It computes features of the cutouts, and grows one forest of randomized trees per fold, without
    the sources of that fold. A fitted source is judged by the forest that has not seen it, and a
    new source by all forests.

    Parameters
    ----------
    n_estimators : int, default=500
        Total number of trees. Raising it makes the order steadier, and takes longer.
    extractor : transformer or "passthrough", default=None
        Computes features of cutouts. None is `CutoutFeatures()` for cutouts, and "passthrough" for
        rows, which are features already.
    n_folds : int, default=5
        Number of forests, at least 2.
    unlabeled : object, default=None
        Value of `y` that means uninspected, for example -1.
    random_state : int, RandomState or None, default=None
        Controls the folds and the forests.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Reliable and spurious.
    extractor_ : transformer or "passthrough"
        The fitted extractor.
    feature_names_ : ndarray of str of shape (n_features_out,)
        Names of the features.
    forest_ : CrossFittedForest
        One forest per fold: extremely randomized trees as arrays.
    typical_ : ndarray of shape (n_features_out,), float32
        Median of each feature over the sources that are not spurious.
    inspected_ : ndarray of bool of shape (n_samples,)
        Which fitted sources have a label.
    feature_importances_ : ndarray of shape (n_features_out,)
        Mean decrease of the impurity by each feature; they sum to 1.
    inspection_probability_ : ndarray of shape (n_samples,)
        Probability that each fitted source is spurious, judged without its own label.
    inspection_rank_ : ndarray of int of shape (n_samples,)
        Position of each fitted source in the order of inspection, from 1.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Notes
    -----
    A logistic function of the log odds calibrates the probabilities. It is fitted on scores of
    forests that have not seen the sources, and keeps the order. A fitted source is recognized by
    features that are equal to the bit.

    References
    ----------
    P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 3
    (2006). J. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin
    Classifiers (1999), for the calibration.

    Examples
    --------
    >>> from spurclust import InspectionRanker
    >>> from spurclust.simulate import simulate_survey
    >>> survey = simulate_survey(60, 20, random_state=0)
    >>> ranker = InspectionRanker(100, random_state=1).fit(survey.images, survey.y)
    >>> first = ranker.inspection_rank_.argsort()[:10]
    >>> bool(survey.y[first].mean() >= 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "extractor": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "unlabeled": "no_validation",
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    _fitted_attributes: ClassVar[dict[str, Any]] = {
        **IMAGES,
        "classes_": Values("b i u f U", (2,)),
        "extractor_": Step(),
        "feature_names_": Values("O", ("n_features",)),
        "inspected_": Values("b1", ("n_samples",)),
        "forest_": Part(CrossFittedForest, {"n_features": "n_features", "n_classes": 2}),
        "feature_importances_": Values("f8", ("n_features",)),
        "typical_": Values("f4", ("n_features",), missing=True),
        "_similarity": Part(
            SimilaritySpace, {"n_features": "n_features", "n_samples": "n_samples"}
        ),
        "_slope": Number(0),
        "_offset": Number(),
        "inspection_probability_": Values("f8", ("n_samples",), 0, 1),
        "inspection_rank_": Values("i8", ("n_samples",), 1),
    }

    def __init__(
        self,
        n_estimators: int = 500,
        *,
        extractor: Any = None,
        n_folds: int = 5,
        unlabeled: object = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.extractor = extractor
        self.n_folds = n_folds
        self.unlabeled = unlabeled
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        features: Float32 | None = None,
        forest: CrossFittedForest | None = None,
    ) -> Self:
        """Learn from the inspected sources, and judge all.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Features, or cutouts.
        y : array-like of shape (n_samples,)
            Two values, the larger one spurious, and `unlabeled`.
        features : ndarray of shape (n_samples, n_features_out), float32, default=None
            Features of `X`, if a fitted `extractor` has computed them already, for example those
            that `SpuriousRegionDetector.fit_assign` returns.
        forest : CrossFittedForest, default=None
            Forest grown on the features and labels of the inspected sources, for example `forest_`
            of a `GuidedProjection`. Then `n_estimators`, `n_folds` and `random_state` are not used.
            None grows one.

        Returns
        -------
        InspectionRanker
            The fitted ranker itself.

        Raises
        ------
        ValueError
            When no source is inspected, there are more than two classes, or `features` or `forest`
            are not of these sources.
        sklearn.exceptions.NotFittedError
            When `features` are given and the extractor is not fitted.
        """
        self._validate_params()
        images = validate_images(self, X, reset=True, min_samples=2)
        self.classes_, codes = labels_of_fit(self, y, len(images))
        warn_if_none_spurious(codes)
        rows = self._fit_extractor(images, features)
        self.inspected_ = codes != UNINSPECTED
        self.forest_ = self._cross_fit(rows[self.inspected_], codes[self.inspected_], forest)
        self.feature_importances_ = self.forest_.importances
        spurious = codes == SPURIOUS
        self.typical_ = np.nanmedian(rows[~spurious] if not spurious.all() else rows, axis=0)
        self._similarity = SimilaritySpace.fit(rows, codes, self.feature_importances_)
        odds = log_odds(self.forest_.shares(rows, self.n_jobs))
        self._slope, self._offset = fit_calibration(odds[self.inspected_], codes[self.inspected_])
        self.inspection_probability_ = self._calibrate(odds)
        self.inspection_rank_ = inspection_rank(self.inspection_probability_, row_keys(rows))
        return self

    def _fit_extractor(self, images: NDArray[Any], features: Float32 | None) -> Float32:
        """Fit the extractor, or take the fitted one with its features; return the features."""
        extractor = self.extractor
        if features is None:
            if extractor is None:
                extractor = "passthrough" if images.ndim == 2 else CutoutFeatures()
            self.extractor_ = set_missing(clone(extractor, safe=False), n_jobs=self.n_jobs)
            if extractor != "passthrough":
                self.extractor_.fit(images)
        elif extractor is None or extractor == "passthrough":
            raise ValueError(
                f"extractor={extractor!r}, but features are given: give the fitted transformer "
                "that computed them as extractor, or leave features out."
            )
        else:
            check_is_fitted(extractor)
            self.extractor_ = set_missing(copy(extractor), n_jobs=self.n_jobs)
        self.feature_names_ = self._name_features(images)
        return self._extract(images, features)

    def _name_features(self, images: NDArray[Any]) -> NDArray[Any]:
        """Name the features; rows are named by their columns, if these have names."""
        if self.extractor_ != "passthrough":
            names = self.extractor_.get_feature_names_out()
        else:
            unnamed = [f"feature{k + 1}" for k in range(images[0].size)]
            names = getattr(self, "feature_names_in_", unnamed)
        return np.asarray(names, dtype=object)

    def _extract(self, images: NDArray[Any], features: Float32 | None = None) -> Float32:
        """Compute features of checked images, or check those that are given."""
        if features is None and self.extractor_ == "passthrough":
            features = images.reshape(len(images), -1)
        elif features is None:
            features = self.extractor_.transform(images)
        shape = len(images), len(self.feature_names_)
        if np.shape(features) != shape:
            raise ValueError(
                f"features have shape {np.shape(features)}, but {shape[0]} sources in X have "
                f"{shape[1]} features: give what extractor.transform makes of X."
            )
        return np.asarray(features, dtype=np.float32)

    def _cross_fit(
        self, rows: Float32, codes: NDArray[np.int8], forest: CrossFittedForest | None
    ) -> CrossFittedForest:
        """Grow the forest on the inspected sources, or check a given one."""
        if forest is None:
            return CrossFittedForest.grow(
                rows,
                codes,
                n_classes=2,
                n_estimators=self.n_estimators,
                n_folds=self.n_folds,
                random_state=self.random_state,
                n_jobs=self.n_jobs,
            )
        same_rows = len(forest.keys) == len(rows) and (forest.folds_of(rows) >= 0).all()
        if not same_rows or forest.trees[0].shares.shape[1] != len(self.classes_):
            raise ValueError(
                f"forest was not grown on features and two classes of the {len(rows)} inspected "
                "sources: give forest_ of the GuidedProjection that was fitted on them, or leave "
                "forest out."
            )
        return forest

    def _rows(self, X: ArrayLike, features: Float32 | None = None) -> Float32:
        """Return the features of sources, and check given ones."""
        check_is_fitted(self)
        return self._extract(validate_images(self, X, reset=False), features)

    def _calibrate(self, odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn the forests' log odds into probabilities."""
        return np.asarray(1 / (1 + np.exp(-(self._slope * odds + self._offset))))

    def extract_features(self, X: ArrayLike) -> Float32:
        """Compute the features of sources.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            The features. Their names are `feature_names_`.
        """
        return self._rows(X)

    def predict_proba(
        self, X: ArrayLike, *, features: Float32 | None = None
    ) -> NDArray[np.float64]:
        """Predict the probabilities of being reliable and spurious.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape. Fitted sources are judged without their own
            labels.
        features : ndarray of shape (n_samples, n_features_out), float32, default=None
            Features of `X`, if they are computed already.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities, in the order of `classes_`.
        """
        rows = self._rows(X, features)
        spurious = self._calibrate(log_odds(self.forest_.shares(rows, self.n_jobs)))
        return np.column_stack([1 - spurious, spurious])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict which sources are more probably spurious than reliable.

        If few sources are spurious, few are predicted to be. To find them, inspect sources in the
        order of `predict_proba`.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples,)
            Values of `classes_`.
        """
        probable = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[probable])

    def probability_without(
        self, row: Float32, groups: Sequence[NDArray[np.intp]]
    ) -> NDArray[np.float64]:
        """Predict the probability of a source with some features replaced by typical ones.

        Parameters
        ----------
        row : ndarray of shape (n_features_out,), float32
            Features of the source, from `extract_features`.
        groups : sequence of ndarray of int
            Indices of the features to replace by `typical_` together, one group at a time.

        Returns
        -------
        ndarray of shape (n_groups,)
            Probabilities that the source is spurious, by the forests that judge it.
        """
        check_is_fitted(self)
        changed = np.tile(row, (len(groups), 1))
        for one, group in zip(changed, groups, strict=True):
            one[group] = self.typical_[group]
        fold = int(self.forest_.folds_of(row[None])[0])
        return self._calibrate(log_odds(self.forest_.shares_of_fold(changed, fold)))

    def nearest_spurious(
        self, X: ArrayLike, n_neighbors: int = 3, *, features: Float32 | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Find the most similar known spurious sources.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape.
        n_neighbors : int, default=3
            Number of neighbors, at least 1.
        features : ndarray of shape (n_samples, n_features_out), float32, default=None
            Features of `X`, if they are computed already.

        Returns
        -------
        indices : ndarray of int of shape (n_samples, n_neighbors)
            Indices among the fitted sources, the most similar first; -1 where there are fewer. A
            fitted source is not its own neighbor.
        distances : ndarray of shape (n_samples, n_neighbors)
            Distances in the scaled features, weighted by their importance; 1 is typical of two
            random sources. NaN where there is no neighbor.
        """
        return self._similarity.nearest(self._rows(X, features), n_neighbors, self.n_jobs)

    def suggest(
        self,
        X: ArrayLike,
        n: int = 20,
        *,
        strategy: Strategy = "mixed",
        features: Float32 | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[np.intp]:
        """Suggest which of the fitted sources to inspect next.

        Parameters
        ----------
        X : array-like
            The fitted sources, in the order of the fit.
        n : int, default=20
            Number of suggestions; fewer when fewer sources are uninspected.
        strategy : {"mixed", "probable", "uncertain", "diverse", "random"}, default="mixed"
            How `suggest_sources` chooses. While no spurious source is known, the most outlying
            sources count as the most probable.
        features : ndarray of shape (n_samples, n_features_out), float32, default=None
            Features of `X`, if they are computed already.
        random_state : int, RandomState or None, default=None
            Controls the draw of "random".

        Returns
        -------
        ndarray of int of shape (n_suggested,)
            Indices in `X`, in the order in which to inspect them.

        Raises
        ------
        ValueError
            When `X` does not hold as many sources as the fit.
        """
        rows = self._rows(X, features)
        probability = self.inspection_probability_
        if not len(self._similarity.indices) and len(rows) == len(probability):
            probability = outlyingness(rows, n_jobs=self.n_jobs)
        return suggest_sources(
            rows, self.inspected_, probability, n, strategy=strategy, random_state=random_state
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags
