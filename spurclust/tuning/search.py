"""SpuriousRegionDetectorCV: the detector that chooses its settings on held-out sources."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from spurclust.detector import Assignment, SpuriousRegionDetector
from spurclust.features.images import validate_images
from spurclust.labels import SPURIOUS, labels_of_fit
from spurclust.region import FlaggingMixin, check_mixture, describe_excess, is_flagged
from spurclust.tuning.held_out import (
    HeldOut,
    SearchSpace,
    predict_held_out,
    quiet_about_few_sources,
    warn_about_few_sources,
)
from spurclust.tuning.scores import (
    DEFAULT_COMPLETENESS,
    check_bounds,
    choose_setting,
    describe_edges,
    fold_scores,
    lay_by_repeat,
    mean_of_known,
    pool_metrics,
    tabulate_results,
)
from spurclust.tuning.splitters import Split, check_both_classes, list_splits

SEARCHED = ("n_components", "perplexity", "threshold")
"""The parameters to search, in the order in which `ParameterGrid` varies them."""

GIVEN = ("assignment", "unlabeled", "flatten", "reduce", "embed", "mixture", "n_jobs", "verbose")
"""The parameters that the detector takes unchanged."""

N_COMPONENTS = (2, 3, 4, 6, 8, 10, 15, 20, 30, 40)
"""Numbers of components whose effects are about equally far apart."""

THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
"""From below the spurious fraction of a typical survey to one half."""


class SpuriousRegionDetectorCV(FlaggingMixin, ClassifierMixin, BaseEstimator):
    """Choose the settings of the detector on held-out labels, in little more time than one fit.

    The result is that of a grid search over `SpuriousRegionDetector`, but faster: it embeds once
    per split and perplexity, fits one mixture per number of components, and tries all thresholds at
    once. The held-out scores of the chosen setting are slightly too good, because they chose it.
    For scores without that flaw, pass this estimator to `cross_validate`.

    Parameters
    ----------
    n_components : int or sequence of int, default=(2, 3, 4, 6, 8, 10, 15, 20, 30, 40)
        Numbers of components to try. Those above the number of distinct points of an embedding
        shrink to it, with a warning.
    threshold : float or sequence of float, default=(0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, \
0.3, 0.5)
        Thresholds to try, in (0, 1].
    perplexity : float or sequence of float, default=50
        Perplexities to try; each costs an embedding.
    completeness : float, default=0.95
        Minimum mean held-out completeness, in (0, 1]. Among the settings that reach it, the one
        with the least workload is chosen. See `choose_setting`.
    workload : float, default=None
        Maximum mean held-out workload, in (0, 1]. Among the settings within it, the one with the
        most completeness is chosen. Leave `completeness` at its default then.
    cv : int, splitter or iterable, default=None
        The splits. An int is the number of folds of an `InspectedStratifiedKFold`; None is 5.
    protocol : {"transductive", "inductive"}, default="transductive"
        "transductive" embeds the sources of the test fold with all others, and hides their labels.
        Use it if you have all cutouts. "inductive" keeps them out of the fit, and places them by
        `transform`. Use it for sources that come later. It is slower.
    assignment : {"hard", "soft"}, default="hard"
        As in `SpuriousRegionDetector`.
    unlabeled : object, default=None
        Value of `y` that means uninspected, for example -1. Such sources are in every training set
        and in no score.
    flatten, reduce, embed : transformer or "passthrough", default=None
        The steps; None is as in `SpuriousRegionDetector`. With the transductive protocol, steps
        that may use labels are fitted for each split, on the codes 1 (spurious), 0 (reliable) and
        -1 (uninspected or held out).
    mixture : estimator with `predict` and `predict_proba`, default=None
        The last step; None is as in `SpuriousRegionDetector`.
    random_state : int, RandomState or None, default=None
        Seeds the folds, and every step without a `random_state` of its own. RandomState and None
        draw an int first.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores. The result is the same for any.
    verbose : int, default=0
        Whether to print the name and the time of each stage.

    Attributes
    ----------
    best_estimator_ : SpuriousRegionDetector
        The detector with the chosen settings, fitted to all sources.
    best_params_ : dict of str to number
        The chosen n_components, perplexity and threshold.
    best_index_ : int
        Their index in `cv_results_`.
    cv_results_ : dict of str to array
        For each setting, in the form of `GridSearchCV`: its parameters; completeness, purity and
        workload of each test fold, their mean, standard deviation and rank.
    completeness_, purity_, workload_ : float
        Held-out metrics of the chosen setting. Each inspected source counts once. With repeats,
        counts are averages over them.
    completeness_interval_, purity_interval_, workload_interval_ : tuple of float
        Their exact 95 % intervals.
    held_out_probability_ : ndarray of shape (n_samples,)
        Spurious probability of each source when it was held out, with the chosen setting: the mean
        over the repeats; NaN if it never was.
    held_out_probability_by_repeat_ : ndarray of shape (n_repeats, n_samples)
        The same for each repeat.
    held_out_flagged_ : ndarray of shape (n_samples,)
        Share of the repeats in which each source was flagged when it was held out.
    edges_ : list of str
        Sentences on chosen values that are the smallest or the largest of those tried.
    n_splits_ : int
        Number of splits.
    classes_ : ndarray of shape (2,)
        Reliable and spurious.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Notes
    -----
    A setting is chosen by the means over the folds, as in scikit-learn. In these means every fold
    has the same weight, but in `completeness_` every source has. The two differ a little.

    The intervals are those of the held-out sources. They do not include the choice among many
    settings. They hold for the survey only if the inspected sources are a random sample of it.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.tuning import SpuriousRegionDetectorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 8, 8)) + 6 * (np.arange(200) < 20)[:, None, None]
    >>> y = (np.arange(200) < 20).astype(int)
    >>> search = SpuriousRegionDetectorCV((4, 8, 16), perplexity=20, random_state=0).fit(X, y)
    >>> search.completeness_, search.workload_
    (1.0, 0.105)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        **SpuriousRegionDetector._parameter_constraints,
        # Each of their values is checked separately.
        **dict.fromkeys(SEARCHED, "no_validation"),
        "completeness": [Interval(Real, 0, 1, closed="right")],
        "workload": [None, Interval(Real, 0, 1, closed="right")],
        "cv": ["cv_object"],
        "protocol": [StrOptions({"transductive", "inductive"})],
    }
    del _parameter_constraints["memory"]

    def __init__(
        self,
        n_components: int | Sequence[int] = N_COMPONENTS,
        threshold: float | Sequence[float] = THRESHOLDS,
        *,
        perplexity: float | Sequence[float] = 50,
        completeness: float = DEFAULT_COMPLETENESS,
        workload: float | None = None,
        cv: Any = None,
        protocol: str = "transductive",
        assignment: str = "hard",
        unlabeled: object = None,
        flatten: Any = None,
        reduce: Any = None,
        embed: Any = None,
        mixture: Any = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.threshold = threshold
        self.perplexity = perplexity
        self.completeness = completeness
        self.workload = workload
        self.cv = cv
        self.protocol = protocol
        self.assignment = assignment
        self.unlabeled = unlabeled
        self.flatten = flatten
        self.reduce = reduce
        self.embed = embed
        self.mixture = mixture
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Try all settings on held-out sources, and fit the best to all sources.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or cutouts of any real dtype.
        y : array-like of shape (n_samples,)
            1 spurious, 0 reliable, or any two values: the larger one is spurious. `unlabeled` where
            uninspected. At least two inspected sources of each class.

        Returns
        -------
        SpuriousRegionDetectorCV
            Itself.

        Raises
        ------
        ValueError
            When the settings, sources or labels cannot be used; the message says what to do.

        Warns
        -----
        UserWarning
            When no setting keeps the bound; when the chosen one is at the edge of those tried, or
            its region holds nearly all sources; or when there are too few sources for the folds,
            `n_components` or `perplexity`.
        """
        self._fit(X, y)
        return self

    def fit_assign(self, X: ArrayLike, y: ArrayLike) -> Assignment:
        """Fit, and assign the fitted sources without computing their features again.

        Parameters
        ----------
        X, y : array-like
            As for `fit`.

        Returns
        -------
        Assignment
            What `fit(X, y).best_estimator_.assign(X)` returns.
        """
        return self._fit(X, y)

    def _fit(self, X: ArrayLike, y: ArrayLike) -> Assignment:
        """Search and fit; return the assignment by the best detector."""
        self._validate_params()
        check_bounds(self.completeness, self.workload)
        check_mixture(self.mixture, self.assignment)
        grid = list_settings(self)
        images = validate_images(self, X, reset=True, min_samples=2)
        self.classes_, codes = labels_of_fit(self, y, len(images))
        check_both_classes(codes)
        labels = np.asarray(y).ravel()
        # An int, so that the last fit repeats those of the search.
        random_state = self.random_state
        if not isinstance(random_state, Integral):
            random_state = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        space = self._space(grid, int(random_state))
        splits = list_splits(
            self.cv, images, labels, codes, unlabeled=self.unlabeled, random_state=int(random_state)
        )
        self.n_splits_ = len(splits)
        with quiet_about_few_sources():
            held_out = self._timed(
                "search", predict_held_out, space, images, codes, splits, self.protocol
            )
        for name, used in (
            ("n_components", held_out.used_components),
            ("perplexity", held_out.used_perplexities),
        ):
            warn_about_few_sources(name, grid[name], used, stacklevel=4)
        self._choose(grid, held_out, codes, splits)
        for sentence in self.edges_:
            warnings.warn(sentence, stacklevel=3)
        with quiet_about_few_sources():
            assignment: Assignment = self._timed("fit", self._refit, space, held_out, X, y)
        best = self.best_estimator_
        excess = describe_excess(best.components_, best.threshold, best.flagged_)
        if excess:
            warnings.warn(excess, stacklevel=3)
        return assignment

    def _space(self, grid: dict[str, list[Any]], random_state: int) -> SearchSpace:
        """Return the detector with the given settings, and the values to try."""
        given = {name: getattr(self, name) for name in GIVEN}
        detector = SpuriousRegionDetector(**given, random_state=random_state)
        return SearchSpace(detector, grid["n_components"], grid["perplexity"])

    def _timed(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do the work of a stage, and print its seconds if verbose."""
        start = time.perf_counter()
        result = work(*arguments)
        if self.verbose:
            print(f"[{type(self).__name__}] {name}: {time.perf_counter() - start:.2f} s")
        return result

    def _choose(
        self,
        grid: dict[str, list[Any]],
        held_out: HeldOut,
        codes: NDArray[np.int8],
        splits: list[Split],
    ) -> None:
        """Tabulate the held-out scores, choose a setting, and pool its scores."""
        spurious = codes == SPURIOUS
        self.cv_results_ = tabulate_results(
            grid,
            [
                fold_scores(probabilities, grid["threshold"], spurious[test])
                for probabilities, (_, test) in zip(held_out.probabilities, splits, strict=True)
            ],
        )
        self.best_index_ = choose_setting(
            self.cv_results_, completeness=self.completeness, workload=self.workload
        )
        self.best_params_ = dict(self.cv_results_["params"][self.best_index_])
        # If numbers of components shrank, the sources allow none beyond: no edge there.
        is_shrunk = bool(np.max(held_out.used_components) < max(grid["n_components"]))
        tried = {**grid, "n_components": [*grid["n_components"], *[np.inf] * is_shrunk]}
        self.edges_ = describe_edges(tried, self.cv_results_, self.best_index_)
        row, column = (
            grid[name].index(self.best_params_[name]) for name in ("n_components", "perplexity")
        )
        chosen = [probabilities[row, column] for probabilities in held_out.probabilities]
        by_repeat = lay_by_repeat(chosen, splits, len(codes))
        tested = ~np.isnan(by_repeat)
        self.held_out_probability_by_repeat_ = by_repeat
        self.held_out_probability_ = mean_of_known(by_repeat, tested)
        self.held_out_flagged_ = mean_of_known(
            is_flagged(by_repeat, self.best_params_["threshold"]), tested
        )
        pooled = pool_metrics(self.held_out_flagged_, spurious)
        for name, metric in pooled._asdict().items():
            setattr(self, f"{name}_", metric.value)
            setattr(self, f"{name}_interval_", (metric.low, metric.high))

    def _refit(
        self, space: SearchSpace, held_out: HeldOut, X: ArrayLike, y: ArrayLike
    ) -> Assignment:
        """Fit a detector with the chosen settings to all sources, and reuse fitted steps."""
        fitted = None
        if held_out.fitted is not None:
            fitted = held_out.fitted[space.perplexities.index(self.best_params_["perplexity"])]
        best: SpuriousRegionDetector = clone(space.detector).set_params(**self.best_params_)
        self.best_estimator_ = best
        return best.fit_assign(X, y, fitted=fitted)

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
        check_is_fitted(self)
        return np.asarray(self.best_estimator_.spurious_probability(X))

    @property
    def _threshold(self) -> float:
        return float(self.best_params_["threshold"])

    def __sklearn_tags__(self) -> Tags:
        return get_tags(SpuriousRegionDetector(flatten=self.flatten))


def list_settings(estimator: Any) -> dict[str, list[Any]]:
    """Check the searched parameters of an estimator and list the values of each."""
    caller = type(estimator).__name__
    constraints = SpuriousRegionDetector._parameter_constraints
    settings = {}
    for name in SEARCHED:
        settings[name] = np.ravel(getattr(estimator, name)).tolist()
        if not settings[name]:
            raise ValueError(f"{name} is empty: give at least one value to try.")
        for value in settings[name]:
            validate_parameter_constraints({name: constraints[name]}, {name: value}, caller)
    if len(settings["n_components"]) > 1 and estimator.mixture is not None:
        _parameter_of("mixture", estimator.mixture, "n_components")
    if len(settings["perplexity"]) > 1 and estimator.embed is not None:
        own = _parameter_of("embed", estimator.embed, "perplexity")
        if own != signature(type(estimator.embed)).parameters["perplexity"].default:
            raise ValueError(
                f"embed has perplexity={own!r} of its own, so the perplexity cannot be tuned: give "
                "one perplexity, or leave that of embed at its default."
            )
    return settings


def _parameter_of(name: str, step: Any, parameter: str) -> Any:
    """Return a parameter of a step to tune; raise if it has no such parameter."""
    own = {} if step == "passthrough" else step.get_params(deep=False)
    if parameter not in own:
        raise ValueError(
            f"{name}={step!r} has no {parameter}, so it cannot be tuned: give one {parameter}."
        )
    return own[parameter]
