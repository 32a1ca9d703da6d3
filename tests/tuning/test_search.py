"""The search finds what a grid search finds, with a fraction of the work."""

import pickle
import threading
import warnings
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold, cross_validate
from sklearn.preprocessing import FunctionTransformer

from spurclust import (
    TSNE,
    CutoutFeatures,
    GuidedProjection,
    ImageFlattener,
    SpuriousRegionDetector,
)
from spurclust.metrics import binomial_interval, completeness, purity, workload
from spurclust.scale import open_client
from spurclust.tuning import (
    InspectedStratifiedKFold,
    SpuriousRegionDetectorCV,
    choose_setting,
    pool_metrics,
)

# Small grids end at their edges, and small surveys in a region that holds nearly all.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*of those tried:UserWarning"),
    pytest.mark.filterwarnings("ignore:The region holds:UserWarning"),
]

N_COMPONENTS, THRESHOLDS, PERPLEXITIES = (2, 4, 6), (0.05, 0.6, 1.0), (8, 15)
FEW_TREES = GuidedProjection(5, n_estimators=15)
CV = InspectedStratifiedKFold(3, random_state=2)


@pytest.fixture
def search(quick):
    settings = {"n_components": N_COMPONENTS, "threshold": THRESHOLDS, "cv": CV}
    return partial(SpuriousRegionDetectorCV, **settings, **quick)


@pytest.fixture(scope="module")
def fitted(survey):
    return SpuriousRegionDetectorCV(
        N_COMPONENTS,
        THRESHOLDS,
        perplexity=PERPLEXITIES,
        embed=TSNE(max_iter=250),
        cv=InspectedStratifiedKFold(3, n_repeats=2, random_state=1),
        completeness=0.6,
        unlabeled=-1,
        random_state=0,
    ).fit(*survey)


def scores(estimator, X, y):
    flagged = estimator.predict(X) == estimator.classes_[1]
    return {
        "completeness": completeness(y, flagged),
        "purity": purity(y, flagged),
        "workload": workload(flagged),
    }


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize("assignment", ["hard", "soft"])
def test_it_finds_what_a_grid_search_finds(survey, quick, assignment):
    settings = {**quick, "assignment": assignment}
    rule = partial(choose_setting, completeness=0.8)
    grid = GridSearchCV(
        SpuriousRegionDetector(**settings),
        {"n_components": N_COMPONENTS, "threshold": THRESHOLDS, "perplexity": PERPLEXITIES},
        scoring=scores,
        refit=rule,
        cv=CV,
    ).fit(*survey)
    searched = {**settings, "perplexity": PERPLEXITIES, "completeness": 0.8, "cv": CV}
    search = SpuriousRegionDetectorCV(N_COMPONENTS, THRESHOLDS, protocol="inductive", **searched)
    search.fit(*survey)
    assert search.cv_results_["params"] == grid.cv_results_["params"]
    same = [
        name for name in grid.cv_results_ if name.startswith(("split", "mean_test", "std_test"))
    ]
    assert len(same) == 3 * (3 + 2)
    for name in [*same, "rank_test_completeness", "rank_test_purity"]:
        assert_array_equal(search.cv_results_[name], grid.cv_results_[name], strict=True)
    for name in ("n_components", "perplexity", "threshold"):
        ours, theirs = (each.cv_results_[f"param_{name}"] for each in (search, grid))
        assert isinstance(ours, type(theirs))
        assert_array_equal(ours, theirs)
    assert set(search.cv_results_) == {key for key in grid.cv_results_ if "_time" not in key}
    assert len(np.unique(search.cv_results_["mean_test_workload"])) > 5
    assert np.isnan(search.cv_results_["mean_test_purity"]).any()
    assert search.best_index_ == grid.best_index_
    assert search.best_params_ == grid.best_params_
    assert search.n_splits_ == grid.n_splits_
    new = survey[0] + np.float32(0.1)
    assert_array_equal(search.predict(new), grid.predict(new))
    assert_array_equal(search.decision_function(new), grid.decision_function(new))


class MeansOfLabels(TransformerMixin, BaseEstimator):
    """Shift rows by the mean row of the spurious: a step that uses the labels."""

    def fit(self, X, y):
        self.shift_ = X[y == 1].mean(axis=0)
        self.labels_ = np.unique(y).tolist()
        return self

    def transform(self, X):
        return (X - self.shift_) ** 2


@pytest.mark.parametrize("assignment", ["hard", "soft"])
@pytest.mark.parametrize("reduce", [None, PCA(3), MeansOfLabels()], ids=str)
def test_transductive_is_a_fit_with_the_labels_of_the_test_fold_hidden(
    survey, quick, assignment, reduce
):
    X, y = survey
    settings = {**quick, "assignment": assignment, "reduce": reduce}
    search = SpuriousRegionDetectorCV((3, 6), (0.1, 0.4), cv=CV, completeness=0.5, **settings)
    search.fit(X, y)
    flags = np.full(len(y), np.nan)
    for split, (train, test) in enumerate(CV.split(X, y)):
        hidden = np.full(len(y), -1)
        hidden[train] = y[train]
        for index, params in enumerate(search.cv_results_["params"]):
            detector = SpuriousRegionDetector(**{**settings, **params}).fit(X, hidden)
            flagged = detector.flagged_[test]
            if index == search.best_index_:
                flags[test] = flagged
                probability = detector.spurious_probability_[test]
                assert_array_equal(search.held_out_probability_[test], probability)
            for name, value in scores(detector, X[test], y[test]).items():
                assert search.cv_results_[f"split{split}_test_{name}"][index] == pytest.approx(
                    value, abs=0, nan_ok=True
                )
    assert_array_equal(search.held_out_flagged_, flags)


@pytest.mark.parametrize("protocol", ["transductive", "inductive"])
@pytest.mark.parametrize(
    "steps",
    [
        {},
        {"flatten": CutoutFeatures(), "reduce": FEW_TREES},
        {"reduce": PCA(3), "mixture": BayesianGaussianMixture()},
    ],
    ids=str,
)
def test_the_best_is_a_fresh_fit_to_the_bit(survey, search, protocol, steps):
    X, y = survey
    X = X.reshape(-1, 3, 4) if "flatten" in steps else X
    found = search(perplexity=PERPLEXITIES, protocol=protocol, completeness=0.8, **steps)
    assignment = found.fit_assign(X, y)
    best = found.best_estimator_
    assert found.best_params_.items() <= best.get_params().items()
    fresh = clone(best)
    for value, other in zip(assignment, fresh.fit_assign(X, y), strict=True):
        assert_array_equal(value, other, strict=True)
    assert_array_equal(best.component_counts_, fresh.component_counts_)
    new = X + np.float32(0.1)
    for name in ("predict", "decision_function", "spurious_probability"):
        assert_array_equal(getattr(found, name)(new), getattr(fresh, name)(new), strict=True)
    assert_array_equal(pickle.loads(pickle.dumps(found)).predict(new), fresh.predict(new))


@pytest.mark.parametrize("protocol", ["transductive", "inductive"])
def test_threads_change_no_bit(survey, search, protocol):
    one, two = (
        search(protocol=protocol, completeness=0.8, n_jobs=n_jobs).fit(*survey) for n_jobs in (1, 2)
    )
    for name, values in one.cv_results_.items():
        assert_array_equal(values, two.cv_results_[name])
    assert_array_equal(one.held_out_probability_, two.held_out_probability_)
    assert_array_equal(one.best_estimator_.embedding_, two.best_estimator_.embedding_)
    assert two.best_estimator_.n_jobs == 2


def counted(base, method):
    """Return a subclass of an estimator that counts its fits."""

    def fit(self, X, y=None):
        cls.n_fits += 1
        return getattr(super(cls, self), method)(X, y)

    cls = type(f"Counted{base.__name__}", (base,), {"n_fits": 0, method: fit})
    return cls


@pytest.mark.parametrize(
    ("protocol", "blind", "n_expected"),
    [
        ("transductive", True, (1, 2, 2 * 3 + 1)),
        ("transductive", False, (3 + 1, 3 * 2 + 1, 3 * 2 * 3 + 1)),
        ("inductive", True, (3 + 1, 3 * 2 + 1, 3 * 2 * 3 + 1)),
    ],
)
def test_nothing_is_fitted_twice(survey, search, protocol, blind, n_expected):
    reduce, embed = counted(PCA, "fit_transform"), counted(TSNE, "fit")
    mixture = counted(GaussianMixture, "fit")
    for each in (reduce, embed, mixture):
        # Only of known modules is it known that their fits ignore labels.
        each.__module__ = "sklearn.manifold.counted" if blind else __name__
    search(
        perplexity=PERPLEXITIES,
        protocol=protocol,
        completeness=0.5,
        reduce=reduce(10),
        embed=embed(max_iter=250),
        mixture=mixture(),
    ).fit(*survey)
    assert (reduce.n_fits, embed.n_fits, mixture.n_fits) == n_expected


def test_features_are_extracted_once(survey, search, monkeypatch):
    X, y = survey
    n_sources = []
    extract = CutoutFeatures.transform
    monkeypatch.setattr(
        CutoutFeatures, "transform", lambda self, X: n_sources.append(len(X)) or extract(self, X)
    )
    search(completeness=0.5, reduce=FEW_TREES).fit_assign(X.reshape(-1, 3, 4), y)
    assert n_sources == [len(X)]


@pytest.mark.parametrize("protocol", ["transductive", "inductive"])
@pytest.mark.parametrize("reduce", [None, MeansOfLabels(), FEW_TREES], ids=str)
def test_the_labels_of_a_test_fold_do_not_leak(survey, protocol, reduce):
    X, y = survey
    train, test = next(CV.split(X, y))
    rng = np.random.default_rng(0)
    other = y.copy()
    other[test] = rng.permutation(y[test])
    assert not np.array_equal(other, y)
    one, two = (
        SpuriousRegionDetectorCV(
            4,
            0.2,
            perplexity=10,
            embed=TSNE(max_iter=250),
            reduce=reduce,
            cv=[(train, test)],
            workload=1.0,
            protocol=protocol,
            unlabeled=-1,
            random_state=0,
        ).fit(X, labels)
        for labels in (y, other)
    )
    assert_array_equal(one.held_out_probability_, two.held_out_probability_)


def test_supervised_steps_see_marks_for_hidden_labels(survey, search):
    found = search(reduce=MeansOfLabels(), completeness=0.5).fit(*survey)
    assert found.best_estimator_.pipeline_.named_steps["reduce"].labels_ == [-1, 0, 1]


def test_held_out_metrics_count_every_inspected_source_once(survey, search):
    X, y = survey
    found = search(completeness=0.8).fit(X, y)
    tested = y >= 0
    flagged = found.held_out_probability_ >= found.best_params_["threshold"]
    assert_array_equal(np.isnan(found.held_out_probability_), ~tested)
    assert_array_equal(found.held_out_flagged_, np.where(tested, flagged, np.nan))
    pooled = pool_metrics(found.held_out_flagged_, y == 1)
    for name, metric in pooled._asdict().items():
        assert getattr(found, f"{name}_") == metric.value
        assert getattr(found, f"{name}_interval_") == (metric.low, metric.high)


def test_with_repeats_a_count_is_an_average(survey, fitted):
    y = survey[1]
    assert fitted.n_splits_ == 6
    by_repeat = fitted.held_out_probability_by_repeat_
    assert by_repeat.shape == (2, len(y))
    assert not np.array_equal(by_repeat[0], by_repeat[1], equal_nan=True)
    assert_array_equal(fitted.held_out_probability_, by_repeat.sum(axis=0) / 2)
    flags = by_repeat[:, y >= 0] >= fitted.best_params_["threshold"]
    assert_array_equal(fitted.held_out_flagged_[y >= 0], flags.mean(axis=0))
    per_repeat = [completeness(y[y >= 0], each) for each in flags]
    assert fitted.completeness_ == pytest.approx(np.mean(per_repeat))
    assert fitted.workload_ == pytest.approx(flags.mean())
    # Two repeats are not twice the sources.
    n_spurious = (y == 1).sum()
    k = fitted.completeness_ * n_spurious
    low, high = fitted.completeness_interval_
    assert low <= binomial_interval(np.floor(k + 1e-9), n_spurious)[0]
    assert high >= binomial_interval(np.ceil(k - 1e-9), n_spurious)[1]


def test_results_fit_a_table(fitted):
    table = pd.DataFrame(fitted.cv_results_)
    assert table.loc[fitted.best_index_, "params"] == fitted.best_params_
    least = table.loc[table["rank_test_workload"] == 1, "mean_test_workload"]
    assert (least == table["mean_test_workload"].min()).all()


@pytest.mark.parametrize("cv", [3, StratifiedKFold(3), ShuffleSplit(2, random_state=0), None])
def test_any_cv(survey, quick, cv):
    X, y = survey
    found = SpuriousRegionDetectorCV(4, (0.05, 0.3), cv=cv, completeness=0.5, **quick).fit(X, y)
    n_splits = 5 if cv is None else cv if isinstance(cv, int) else cv.get_n_splits()
    assert found.n_splits_ == n_splits
    assert np.isnan(found.held_out_flagged_[y < 0]).all()


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_any_seed_can_be_repeated_from_the_best(survey, search, random_state):
    found = search(cv=3, random_state=random_state, completeness=0.5).fit(*survey)
    best = found.best_estimator_
    assert isinstance(best.random_state, int)
    assert_array_equal(best.flagged_, clone(best).fit(*survey).flagged_)


def test_images_names_and_labels_of_any_kind(survey, search):
    X, y = survey
    words = np.array(["fine", "spurious", "?"])[y]
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])
    one = search(cv=3, completeness=0.5).fit(X, y)
    two = search(cv=3, completeness=0.5, unlabeled="?").fit(frame, words)
    three = search(cv=3, completeness=0.5, flatten=ImageFlattener()).fit(X.reshape(-1, 3, 4), y)
    assert two.classes_.tolist() == ["fine", "spurious"]
    assert two.feature_names_in_[1] == two.best_estimator_.feature_names_in_[1] == "pixel1"
    assert three.image_shape_ == (3, 4)
    assert_array_equal(two.predict(frame) == "spurious", one.predict(X) == 1)
    for other in (two, three):
        assert_array_equal(other.held_out_probability_, one.held_out_probability_)


def test_cross_validating_the_search_judges_the_choice(survey, search):
    X, y = survey
    outer = InspectedStratifiedKFold(2, random_state=0)
    judged = cross_validate(search(cv=2, completeness=0.5), X, y, cv=outer, scoring=scores)
    assert judged["test_completeness"].shape == (2,)
    assert judged["test_workload"].mean() > 0


def test_nothing_flagged_is_no_trouble(survey, quick):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = SpuriousRegionDetectorCV(2, 1.0, cv=CV, workload=0.5, **quick).fit(*survey)
    assert np.isnan(found.purity_)
    assert found.purity_interval_ == (0.0, 1.0)
    assert found.completeness_ == found.workload_ == 0
    assert np.isnan(found.cv_results_["mean_test_purity"]).all()


def test_a_chosen_region_of_nearly_all_is_named_once(survey, quick):
    with pytest.warns(UserWarning, match="The region holds") as warned:
        SpuriousRegionDetectorCV(1, 0.001, cv=CV, **quick).fit(*survey)
    assert [one.filename for one in warned] == [__file__]


def test_verbose_prints_the_stages(survey, search, capsys):
    search(verbose=1, completeness=0.5).fit(*survey)
    printed = capsys.readouterr().out
    for stage in ("CV] search: ", "CV] fit: ", "[SpuriousRegionDetector] mixture: "):
        assert stage in printed


@pytest.mark.parametrize("protocol", ["transductive", "inductive"])
def test_too_few_sources_for_a_setting_warn_once(survey, search, protocol):
    X, y = survey
    X, y = X[y >= 0][:40], y[y >= 0][:40]
    with pytest.warns(UserWarning, match="is too large for") as warned:
        found = search(
            n_components=(2, 200, 300), perplexity=(5, 40, 60), protocol=protocol, completeness=0.2
        ).fit(X, y)
    warned = [each for each in warned if "too large for" in str(each.message)]
    messages = sorted(str(each.message) for each in warned)
    n_embedded = (
        40 if protocol == "transductive" else min(len(train) for train, _ in CV.split(X, y))
    )
    assert len(messages) == 2
    assert messages[0].startswith("n_components=200, 300 is too large for the sources")
    assert messages[0].endswith(f"{n_embedded // 10} is used.")
    assert messages[1].startswith("perplexity=40, 60 is too large for the sources")
    assert all(each.filename == __file__ for each in warned)
    assert set(found.cv_results_["param_n_components"]) == {2, 200, 300}


def test_fewer_spurious_than_folds(survey, quick):
    X, y = survey
    y = y.copy()
    y[np.flatnonzero(y == 1)[3:]] = -1
    with pytest.warns(UserWarning, match="Only 3 inspected sources are spurious") as warned:
        found = SpuriousRegionDetectorCV(4, 0.01, completeness=0.01, **quick).fit(X, y)
    assert len(warned) == 1
    assert found.n_splits_ == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: np.where(y == 1, -1, y), "all of one class: none is spurious"),
        (lambda y: np.where(y == 0, -1, y), "all of one class: none is reliable"),
        (lambda y: np.full_like(y, -1), "All 120 sources are uninspected"),
        (lambda y: np.where(np.cumsum(y == 1) > 1, -1, y), "Only 1 of the .* is spurious"),
        (lambda y: y[:-1], "inconsistent numbers of samples: 120 sources in X, 119 labels in y"),
        (lambda y: None, "requires y to be passed, but the target y is None"),
        (lambda y: np.arange(len(y)) % 4, "Only binary classification is supported"),
    ],
)
def test_labels_that_cannot_be_tuned_on(survey, search, change, message):
    X, y = survey
    with pytest.raises(ValueError, match=message):
        search().fit(X, change(y))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"threshold": (0.1, 0.0)}, "'threshold' parameter of SpuriousRegionDetectorCV .*Got 0.0"),
        ({"n_components": (2, 0)}, "'n_components' .*Got 0"),
        ({"n_components": 2.5}, "'n_components' .*Got 2.5"),
        ({"perplexity": (30, -1)}, "'perplexity' .*Got -1"),
        ({"n_components": ()}, "n_components is empty"),
        ({"perplexity": np.array([])}, "perplexity is empty"),
        ({"workload": 0}, "'workload' parameter of SpuriousRegionDetectorCV .*Got 0"),
        ({"workload": "x"}, "'workload' parameter .*Got 'x'"),
        ({"completeness": "x"}, "'completeness' parameter .*Got 'x'"),
        ({"completeness": None}, "'completeness' parameter .*Got None"),
        ({"protocol": "both"}, "'protocol' parameter"),
        ({"cv": 1}, "'cv' parameter .*Got 1"),
        ({"cv": []}, "cv makes no split"),
        ({"cv": [([0, 1], [2])]}, "Split 0 of cv has no inspected spurious source to test"),
        ({"embed": TSNE(perplexity=7), "perplexity": (5, 9)}, "perplexity=7 of its own"),
        ({"embed": PCA(2), "perplexity": (5, 9)}, "embed=PCA.* has no perplexity"),
        ({"embed": "passthrough", "perplexity": (5, 9)}, "embed='passthrough' has no perplex"),
        ({"mixture": KMeans()}, "mixture=KMeans.* has no n_components"),
        ({"mixture": KMeans(), "assignment": "soft"}, "needs a mixture with predict_proba"),
    ],
)
def test_bad_settings(survey, search, parameters, message):
    X, y = survey[0].copy(), survey[1].copy()
    y[2] = 0
    with pytest.raises(ValueError, match=message):
        search(**parameters).fit(X, y)


def test_steps_without_the_searched_parameter_tune_the_others(survey, search):
    # A number of components that nobody takes is not too large either.
    found = search(embed=PCA(2), mixture=KMeans(4, n_init=1), n_components=999, completeness=0.5)
    with pytest.warns(UserWarning, match=r"n_components=999 is ignored: mixture=KMeans"):
        assert found.fit(*survey).best_estimator_.component_.max() == 3
    passed = search(embed="passthrough", protocol="inductive", completeness=0.5).fit(*survey)
    assert_array_equal(passed.best_estimator_.predict(survey[0]), passed.predict(survey[0]))
    lda = search(reduce="passthrough", embed=LinearDiscriminantAnalysis(), completeness=0.5)
    assert lda.fit(*survey).best_estimator_.embedding_.shape == (120, 2)


class UnknownTransformer(FunctionTransformer):
    """One of which nobody knows whether threads may fit several."""


@pytest.mark.parametrize("kind", [FunctionTransformer, UnknownTransformer])
def test_threads_fit_folds_at_once_if_their_steps_allow_it(survey, search, kind):
    used = set()

    def note(X):
        used.add(threading.get_ident())
        return X

    settings = {"protocol": "inductive", "embed": PCA(2), "completeness": 0.5, "n_jobs": 2}
    search(reduce=kind(note), **settings).fit(*survey)
    assert (used == {threading.get_ident()}) == (kind is UnknownTransformer)


def test_splits_run_on_dask(survey, search):
    quick = search(protocol="inductive", reduce="passthrough", embed=PCA(2), completeness=0.5)
    expected = clone(quick).fit(*survey)
    with open_client(workers=2) as client, joblib.parallel_config(backend="dask"):
        found = clone(quick).fit(*survey)
        executed = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert sum(executed.values()) >= 3
    assert found.best_params_ == expected.best_params_
    assert_array_equal(found.held_out_probability_, expected.held_out_probability_)
