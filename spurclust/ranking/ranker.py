"""InspectionRanker: in which order to look."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spurclust.embedding.forest import CrossFittedForest
from spurclust.features.images import validate_images
from spurclust.labels import binary_labels, require_labels, require_one_each
from spurclust.ranking.calibration import calibrate, inspection_rank, log_odds
from spurclust.ranking.measuring import (
    check_measured,
    fit_features,
    measure_with,
    name_features,
    take_fitted,
)
from spurclust.ranking.similarity import LikenessSpace, nearest_spurious
from spurclust.ranking.suggestions import Strategy, outlyingness, suggest_sources

Float32 = NDArray[np.float32]


class InspectionRanker(ClassifierMixin, BaseEstimator):
    """Order sources by how probably each is spurious, so that most are found by looking at few.

    Measures the cutouts and grows forests of randomised trees, each without one fold of the
    inspected sources. A fitted source is judged by the forest that has not seen it, a new one by
    all. Where the region says which sources to look at, this says which to look at first. It knows
    only the kinds of defect that have been labelled.

    Parameters
    ----------
    n_estimators : int, default=500
        Trees of all forests together. More make a steadier order and take longer.
    features : transformer or "passthrough", default=None
        Measures cutouts. None is `CutoutFeatures()` for cutouts, and nothing for rows, which are
        taken for features.
    n_folds : int, default=5
        Number of forests, at least 2.
    unlabeled : object, default=None
        Value of `y` that means uninspected, for example -1.
    random_state : int, RandomState or None, default=None
        Seeds the folds and the forests.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Reliable and spurious.
    features_ : transformer or "passthrough"
        What measures the cutouts, fitted.
    feature_names_ : ndarray of str of shape (n_measured,)
        Names of what is measured.
    forest_ : CrossFittedForest
        Extremely randomized trees, grown without each fold in turn.
    typical_ : ndarray of shape (n_measured,), float32
        Median of what is measured in the reliable sources.
    inspected_ : ndarray of bool of shape (n_samples,)
        Which fitted sources have a label.
    feature_importances_ : ndarray of shape (n_measured,)
        Mean decrease of the impurity by each feature; they sum to 1.
    inspection_probability_ : ndarray of shape (n_samples,)
        Probability that each fitted source is spurious, judged without its own label.
    inspection_rank_ : ndarray of int of shape (n_samples,)
        Place of each fitted source in the order of inspection, from 1.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Notes
    -----
    The probabilities are calibrated by a logistic function of the forests' odds, fitted on what
    they say about sources they have not seen; this leaves the order as it is. Fitted sources are
    recognised when their features are equal to the bit.

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
    >>> ranker = InspectionRanker(100, random_state=0).fit(survey.images, survey.y)
    >>> first = ranker.inspection_rank_.argsort()[:10]
    >>> int(survey.y[first].sum())
    10
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "features": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "unlabeled": "no_validation",
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_estimators: int = 500,
        *,
        features: Any = None,
        n_folds: int = 5,
        unlabeled: object = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.features = features
        self.n_folds = n_folds
        self.unlabeled = unlabeled
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: ArrayLike, *, measured: Float32 | None = None) -> Self:
        """Learn from the inspected sources, and judge all.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Features, or cutouts.
        y : array-like of shape (n_samples,)
            Two values, of which the larger is spurious, and `unlabeled`.
        measured : ndarray of shape (n_samples, n_measured), float32, default=None
            What `features`, which must then be fitted, has made of `X` already, as in what
            `SpuriousRegionDetector.fit_assign` returns: measuring is most of the work.

        Returns
        -------
        InspectionRanker
            Itself.

        Raises
        ------
        ValueError
            When no source is inspected, there are more than two classes, or `measured` is not of
            these sources and features.
        sklearn.exceptions.NotFittedError
            When there is `measured` of features that are not fitted.
        """
        self._validate_params()
        require_labels(self, y)
        images = validate_images(self, X, reset=True, min_samples=2)
        self.classes_, codes = binary_labels(y, self.unlabeled)
        require_one_each(images, codes)
        rows = self._fit_features(images, measured)
        self.inspected_ = known = codes >= 0
        self.forest_ = CrossFittedForest.grow(
            rows[known],
            codes[known],
            n_classes=2,
            n_estimators=self.n_estimators,
            n_folds=self.n_folds,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        odds = self._odds(rows)
        self._slope, self._offset = calibrate(odds[known], codes[known])
        self.feature_importances_ = self.forest_.importances
        self.typical_ = np.nanmedian(rows[codes != 1] if (codes != 1).any() else rows, axis=0)
        self._likeness = LikenessSpace.fit(rows, codes, self.feature_importances_)
        self.inspection_probability_ = self._calibrated(odds)
        self.inspection_rank_ = inspection_rank(self.inspection_probability_)
        return self

    def _fit_features(self, images: NDArray[Any], measured: Float32 | None) -> Float32:
        """Fit what measures the cutouts, and measure them, where it is not done."""
        if measured is None:
            self.features_ = fit_features(self.features, images, self.n_jobs)
        else:
            self.features_ = take_fitted(self.features, self.n_jobs)
        columns = getattr(self, "feature_names_in_", None)
        self.feature_names_ = name_features(self.features_, images, columns)
        if measured is None:
            return measure_with(self.features_, images)
        return check_measured(measured, len(images), len(self.feature_names_))

    def measure(self, X: ArrayLike) -> Float32:
        """Measure sources.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples, n_measured), float32
            What is measured, under `feature_names_`.
        """
        check_is_fitted(self)
        return measure_with(self.features_, validate_images(self, X, reset=False))

    def _odds(self, rows: Float32) -> NDArray[np.float64]:
        """Tell the log odds of the forests that have not seen the rows."""
        return log_odds(self.forest_.shares(rows, self.n_jobs)[:, 1])

    def _calibrated(self, odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn the forests' odds into probabilities."""
        return np.asarray(1 / (1 + np.exp(-(self._slope * odds + self._offset))))

    def probability_without(
        self, row: Float32, groups: Sequence[NDArray[np.intp]]
    ) -> NDArray[np.float64]:
        """Tell the probability of a source if some of its features were typical of reliable ones.

        Parameters
        ----------
        row : ndarray of shape (n_measured,), float32
            What `measure` returned for the source.
        groups : sequence of ndarray of int
            Features to replace, together, one group after the other.

        Returns
        -------
        ndarray of shape (n_groups,)
            Probabilities, by the forests that judge the source itself.
        """
        check_is_fitted(self)
        changed = np.tile(row, (len(groups), 1))
        for one, group in zip(changed, groups, strict=True):
            one[group] = self.typical_[group]
        fold = int(self.forest_.folds_of(row[None])[0])
        return self._calibrated(log_odds(self.forest_.shares_of_fold(changed, fold)[:, 1]))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Tell how probable it is that each source is reliable, or spurious.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape. Fitted sources are judged without their own
            labels.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities, in the order of `classes_`.
        """
        return self.predict_measured(self.measure(X))

    def predict_measured(self, rows: Float32) -> NDArray[np.float64]:
        """Do what `predict_proba` does with sources that are measured already.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_measured), float32
            What `measure` returned.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities, in the order of `classes_`.
        """
        spurious = self._calibrated(self._odds(rows))
        return np.column_stack([1 - spurious, spurious])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Tell which sources are more probably spurious than reliable.

        Few are, where few sources are spurious: to find them, look in the order of
        `predict_proba`.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples,)
            Values of `classes_`.
        """
        most = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most])

    def nearest_spurious(
        self, X: ArrayLike, n_neighbors: int = 3
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Find the known spurious sources that are most alike.

        Parameters
        ----------
        X : array-like
            Features or cutouts of the fitted shape.
        n_neighbors : int, default=3
            How many to find, at least 1.

        Returns
        -------
        indices : ndarray of int of shape (n_samples, n_neighbors)
            Places among the fitted sources, the most alike first; -1 where there are not so many.
            A fitted source is not its own neighbour.
        distances : ndarray of shape (n_samples, n_neighbors)
            Distances of the features, weighted by their importance; 1 is typical of two sources
            drawn at random. NaN where there is none.
        """
        return self.nearest_measured(self.measure(X), n_neighbors)

    def nearest_measured(
        self, rows: Float32, n_neighbors: int = 3
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Do what `nearest_spurious` does with sources that are measured already.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_measured), float32
            What `measure` returned.
        n_neighbors : int, default=3
            How many to find, at least 1.

        Returns
        -------
        indices : ndarray of int of shape (n_samples, n_neighbors)
            As of `nearest_spurious`.
        distances : ndarray of shape (n_samples, n_neighbors)
            As of `nearest_spurious`.
        """
        return nearest_spurious(self._likeness, rows, n_neighbors, self.n_jobs)

    def suggest(
        self,
        X: ArrayLike,
        n: int = 20,
        *,
        strategy: Strategy = "mixed",
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[np.intp]:
        """Suggest which of the fitted sources to look at next.

        Parameters
        ----------
        X : array-like
            The fitted sources, in the order of the fit.
        n : int, default=20
            How many; no more than are uninspected.
        strategy : {"mixed", "probable", "uncertain", "diverse", "random"}, default="mixed"
            How `suggest_sources` chooses. While no spurious source is known, the probable ones are
            those that are easily isolated from the others.
        random_state : int, RandomState or None, default=None
            Seed of "random".

        Returns
        -------
        ndarray of int of shape (n_suggested,)
            Places in `X`, to be looked at in this order.

        Raises
        ------
        ValueError
            When `X` does not hold as many sources as the fit.
        """
        rows = self.measure(X)
        probability = self.inspection_probability_
        if not len(self._likeness.indices) and len(rows) == len(probability):
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
