"""Scorers in scikit-learn's searches."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from spurclust import SpuriousRegionDetector, metrics
from spurclust.metrics import get_scorer, get_scorer_names

# Small surveys end in a region that holds nearly all, and small grids at their edges.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The region holds:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*of those tried:UserWarning"),
    pytest.mark.filterwarnings("ignore:n_components=:UserWarning"),
]

RANKS = [
    "average_precision",
    "completeness_at_workload",
    "neg_workload_at_completeness",
    "work_saved_over_sampling",
]
FLAGS = ["completeness", "constrained_neg_workload", "neg_workload", "purity"]


class FlagsAtOrAbove(ClassifierMixin, BaseEstimator):
    """Scores a source with its only feature."""

    def __init__(self, threshold=0.5, unlabeled=None):
        self.threshold = threshold
        self.unlabeled = unlabeled

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X):
        return np.asarray(X)[:, 0] - self.threshold

    def predict(self, X):
        return (self.decision_function(X) >= 0).astype(int)


def detector(**parameters):
    """A detector that takes two coordinates as they are."""
    parts = {"flatten": "passthrough", "reduce": "passthrough", "embed": "passthrough"}
    return SpuriousRegionDetector(**{"random_state": 0, **parts, **parameters})


@pytest.fixture
def survey():
    """Two coordinates, a tenth of the sources spurious and apart, a quarter uninspected."""
    rng = np.random.default_rng(0)
    y = (np.arange(240) % 10 == 0).astype(int)
    X = rng.normal(size=(240, 2)) + 2.5 * y[:, None]
    y[rng.random(240) < 0.25] = -1
    return X, y


def expected_score(name, truth, score, flags):
    sign = -1 if name.startswith("neg_") else 1
    function = getattr(metrics, name.removeprefix("neg_"))
    if name == "neg_workload":
        return -function(flags)
    return sign * function(truth, flags if name in FLAGS else score)


@pytest.mark.parametrize("name", sorted({*RANKS, *FLAGS} - {"constrained_neg_workload"}))
def test_a_scorer_is_its_function_on_the_inspected(name, survey):
    X, y = survey
    fitted = detector(unlabeled=-1).fit(X, y)
    known = y >= 0
    expected = expected_score(
        name, y[known], fitted.spurious_probability_[known], fitted.flagged_[known]
    )
    for scorer in (get_scorer(name), get_scorer(name, unlabeled=-1)):
        assert scorer(fitted, X, y) == pytest.approx(expected)
        assert scorer(fitted, X[known], y[known]) == pytest.approx(expected)


def test_names():
    assert get_scorer_names() == sorted([*RANKS, *FLAGS])
    with pytest.raises(ValueError, match=r"no scorer 'recall': choose from \['average_precision'"):
        get_scorer("recall")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("purity", {"completeness": 0.9}, r"'purity' has no parameter 'completeness'"),
        ("work_saved_over_sampling", {"recall": 1}, r"'recall': it has \['completeness'\]"),
        ("work_saved_over_sampling", {"completeness": 95}, r"\(0, 1\], got 95"),
        ("constrained_neg_workload", {"completeness": 0}, r"\(0, 1\], got 0"),
        ("completeness_at_workload", {"workload": -1}, r"\[0, 1\], got -1"),
    ],
)
def test_parameters_are_checked_before_the_search(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        get_scorer(name, **parameters)


@pytest.mark.parametrize("unlabeled", [None, -1, "?", np.nan, pd.NA])
@pytest.mark.parametrize("name", get_scorer_names())
def test_a_scorer_survives_pickle_and_clone(name, unlabeled):
    scorer = get_scorer(name, unlabeled=unlabeled)
    search = clone(GridSearchCV(FlagsAtOrAbove(), {}, scoring=scorer))
    for copy in (pickle.loads(pickle.dumps(scorer)), search.scoring):
        assert repr(copy) == repr(scorer)
        assert unlabeled is np.nan or unlabeled is pd.NA or copy == scorer
    if unlabeled is not pd.NA:
        names = {"get_scorer": get_scorer, "nan": np.nan}
        assert repr(eval(repr(scorer), names)) == repr(scorer)


def test_completeness_alone_flags_everything_and_the_constrained_scorer_does_not(survey):
    X, y = survey
    chosen = {}
    for name in ("completeness", "constrained_neg_workload"):
        scoring = get_scorer(name, **({"completeness": 0.6} if name != "completeness" else {}))
        grid = {"threshold": [0.0001, 0.05, 0.2, 0.5, 1.0]}
        search = GridSearchCV(
            detector(n_components=3, unlabeled=-1), grid, scoring=scoring, cv=folds()
        )
        chosen[name] = search.fit(X, y).best_estimator_
    everything = chosen["completeness"].flagged_
    assert chosen["completeness"].threshold == 0.0001
    assert everything.mean() > 2 * chosen["constrained_neg_workload"].flagged_.mean()
    known = y >= 0
    assert metrics.completeness(y[known], chosen["constrained_neg_workload"].flagged_[known]) > 0.6


def folds():
    return StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(), RidgeClassifier(), KNeighborsClassifier(3)]
)
@pytest.mark.parametrize("name", get_scorer_names())
def test_any_classifier_of_two_classes(classifier, name, survey):
    X, y = survey
    known = y >= 0
    classifier = clone(classifier).fit(X[known], np.where(y[known] == 1, "spurious", "fine"))
    words = np.array(["?", "fine", "spurious"])[y + 1]
    value = get_scorer(name, unlabeled="?")(classifier, X, words)
    if hasattr(classifier, "decision_function"):
        score = classifier.decision_function(X[known])
    else:
        score = classifier.predict_proba(X[known])[:, 1]
    flags = classifier.predict(X[known]) == "spurious"
    if name == "constrained_neg_workload":
        assert value == -1000 * (1.95 - metrics.completeness(y[known], flags))
    else:
        assert value == pytest.approx(expected_score(name, y[known], score, flags))


@pytest.mark.parametrize("kind", [bool, float, str, "object", "Int64"])
def test_labels_of_any_kind(kind, survey):
    X, y = survey
    known = y >= 0
    expected = get_scorer("average_precision")(detector().fit(X[known], y[known]), X, y * known)
    labels = pd.Series(y * known).astype(kind)
    fitted = detector().fit(X[known], labels[known])
    assert get_scorer("average_precision")(fitted, X, labels) == expected
    assert get_scorer("average_precision")(fitted, X, list(labels)) == expected


def test_marks_that_are_missing(survey):
    X, y = survey
    value = get_scorer("purity")(detector(unlabeled=-1).fit(X, y), X, y)
    gone = pd.Series(y).astype("Int64").where(y >= 0)
    for labels, mark in ((gone.astype(float), np.nan), (gone, pd.NA), (gone.astype(object), pd.NA)):
        fitted = detector(unlabeled=mark).fit(X, labels)
        assert get_scorer("purity")(fitted, X, labels) == value


def test_the_mark_is_found_in_pipelines_and_searches(survey):
    X, y = survey
    pipeline = make_pipeline(FunctionTransformer(), detector(unlabeled=-1))
    scorer = get_scorer("work_saved_over_sampling")
    search = GridSearchCV(
        pipeline, {"spuriousregiondetector__n_components": [2, 4]}, scoring=scorer, cv=folds()
    )
    outer = make_pipeline(FunctionTransformer(), search)
    assert np.isfinite(cross_val_score(outer, X, y, scoring=scorer, cv=folds())).all()
    alone = pipeline.fit(X, y)
    assert scorer(alone, X, y) == scorer(alone[-1], X, y)


def test_a_given_mark_goes_before_that_of_the_estimator():
    classifier = FlagsAtOrAbove(unlabeled=-1).fit(None, None)
    X = [[0.1], [0.9], [0.9]]
    assert get_scorer("purity", unlabeled=7)(classifier, X, [0, 1, 7]) == 1
    with pytest.raises(ValueError, match=r"y\[2\] is 7, where the classifier knows 0 and 1"):
        get_scorer("purity")(classifier, X, [0, 1, 7])


@given(
    truth=st.lists(st.sampled_from([0, 1]), min_size=2, max_size=30).filter(any),
    scores=st.lists(st.floats(0, 1), min_size=30, max_size=30),
    threshold=st.floats(0, 1),
)
def test_a_setting_that_reaches_the_floor_is_above_any_that_does_not(truth, scores, threshold):
    scorer = get_scorer("constrained_neg_workload", completeness=0.8)
    X = np.array(scores[: len(truth)])[:, None]
    classifier = FlagsAtOrAbove(threshold).fit(X, truth)
    flags = classifier.predict(X)
    value = scorer(classifier, X, truth)
    if metrics.completeness(truth, flags) >= 0.8:
        assert value == -flags.mean()
    else:  # one fold in 999 that misses it is worse than flagging everything in all
        assert value / 999 < -1


def test_a_fold_without_spurious_sources_warns():
    classifier = FlagsAtOrAbove().fit(None, None)
    for name in set(get_scorer_names()) - {"neg_workload", "purity"}:
        with pytest.warns(UserWarning, match=rf"{name} is NaN: none of the 2 inspected.*folds"):
            value = get_scorer(name, unlabeled=-1)(classifier, [[0], [1], [1]], [0, 0, -1])
        assert math.isnan(value)
    assert get_scorer("neg_workload")(classifier, [[0], [1]], [0, 0]) == -0.5
    assert get_scorer("purity")(classifier, [[0], [1]], [0, 0]) == 0
    assert get_scorer("purity")(FlagsAtOrAbove(9).fit(None, None), [[0], [1]], [0, 1]) == 0


def test_estimators_that_cannot_be_scored(survey):
    X, y = survey
    scorer = get_scorer("average_precision", unlabeled=-1)
    with pytest.raises(ValueError, match="LogisticRegression has learned unlabeled=-1 as a class"):
        scorer(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match=r"has the classes \[-1, 0, 1\]: .* unlabeled="):
        get_scorer("purity")(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match=r"has the classes \[0\]: .*both among the labels"):
        scorer(KNeighborsClassifier().fit(X, np.zeros(len(X), dtype=int)), X, y)
    with pytest.raises(ValueError, match="IsolationForest has no classes_"):
        scorer(IsolationForest(n_estimators=2).fit(X), X, y)
    with pytest.raises(ValueError, match="All 2 sources to score are uninspected"):
        scorer(FlagsAtOrAbove().fit(X, y), X[:2], [-1, -1])
    with pytest.raises(ValueError, match=r"y must be of shape \(n_samples,\), got \(2, 1\)"):
        scorer(FlagsAtOrAbove().fit(X, y), X[:2], [[0], [1]])


class FlagsOnly(ClassifierMixin, BaseEstimator):
    """Flags everything and orders nothing."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return np.ones(len(X), dtype=int)


def test_a_classifier_without_an_order_has_flags():
    classifier = FlagsOnly().fit(None, None)
    assert get_scorer("neg_workload")(classifier, [[0], [1]], [0, 1]) == -1
    with pytest.raises(ValueError, match="FlagsOnly has neither .* use the scorers completeness"):
        get_scorer("average_precision")(classifier, [[0], [1]], [0, 1])
