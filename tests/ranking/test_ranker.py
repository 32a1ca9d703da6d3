"""InspectionRanker: no source is judged by its own label, and the order saves inspections."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spurclust import CutoutFeatures, InspectionRanker
from spurclust.embedding import GuidedProjection
from spurclust.metrics import completeness_at_workload
from spurclust.simulate import simulate_survey


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(150, 30, random_state=1, n_jobs=-1)


@pytest.fixture(scope="module")
def rows(survey):
    return CutoutFeatures().fit_transform(survey.cubes)


def ranker(**settings):
    return InspectionRanker(**{"n_estimators": 60, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted(survey, rows):
    return ranker(n_estimators=200).fit(rows, survey.y)


@parametrize_with_checks([InspectionRanker(n_estimators=30)])
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_most_spurious_come_first(survey, fitted):
    found = completeness_at_workload(survey.y, fitted.inspection_probability_, workload=0.3)
    assert found >= 0.9
    assert fitted.inspection_probability_.sum() == pytest.approx(survey.y.sum(), rel=0.05)


def test_own_order_is_that_of_a_cross_validation(survey, rows, fitted):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    held_out = cross_val_predict(fitted, rows, survey.y, cv=folds, method="predict_proba")[:, 1]
    own = roc_auc_score(survey.y, fitted.inspection_probability_)
    assert own == pytest.approx(roc_auc_score(survey.y, held_out), abs=0.04)


def test_labels_without_meaning_give_no_order():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 15)), rng.permutation(np.arange(300) < 60).astype(int)
    fitted = ranker().fit(X, y)
    assert roc_auc_score(y, fitted.inspection_probability_) == pytest.approx(0.5, abs=0.12)


def test_fitted_sources_keep_their_probability(rows, fitted):
    np.testing.assert_array_equal(fitted.predict_proba(rows)[:, 1], fitted.inspection_probability_)
    # Of equal ones, the order is that of their content.
    assert sorted(fitted.inspection_rank_) == list(range(1, len(rows) + 1))
    ranked = fitted.inspection_probability_[np.argsort(fitted.inspection_rank_)]
    assert (np.diff(ranked) <= 0).all()


def test_the_order_of_the_sources_does_not_matter(survey, rows, fitted):
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = clone(fitted).fit(rows[order], survey.y[order])
    for name in ("inspection_probability_", "inspection_rank_"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(fitted, name)[order])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_source_is_judged_the_same_in_any_company(survey, rows, n_jobs):
    fitted = ranker(n_jobs=n_jobs).fit(rows[:100], survey.y[:100])
    together = fitted.predict_proba(rows)
    np.testing.assert_array_equal(fitted.predict_proba(rows[::-1])[::-1], together)
    np.testing.assert_array_equal(fitted.predict_proba(rows[120:121]), together[120:121])
    again = ranker(n_jobs=1).fit(rows[:100], survey.y[:100])
    np.testing.assert_array_equal(again.predict_proba(rows), together)


def test_uninspected_sources_teach_nothing(survey, rows):
    y = survey.y.astype(int)
    y[100:] = -1
    some = ranker(unlabeled=-1).fit(rows, y)
    few = ranker().fit(rows[:100], survey.y[:100])
    np.testing.assert_array_equal(some.inspection_probability_, few.predict_proba(rows)[:, 1])


def test_classes_of_any_kind(survey, rows, fitted):
    words = np.array(["reliable", "spurious"])
    named = clone(fitted).fit(rows, words[survey.y])
    np.testing.assert_array_equal(named.inspection_probability_, fitted.inspection_probability_)
    np.testing.assert_array_equal(named.predict(rows), words[fitted.predict(rows)])


@pytest.mark.parametrize("seed", range(5))
def test_calibration_never_reverses_the_order(seed):
    # Labels without meaning: about as often as not, the odds fall with the label.
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)), rng.permutation(np.arange(40) % 2)
    fitted = ranker(n_estimators=20).fit(X, y)
    shares = fitted.forest_.shares(X.astype(np.float32))[:, 1]
    assert (np.diff(fitted.inspection_probability_[np.argsort(shares)]) >= 0).all()


def test_no_spurious_source_is_known(rows):
    with pytest.warns(UserWarning, match="None of the 150 inspected sources is spurious") as record:
        fitted = ranker().fit(rows, np.zeros(150, dtype=int))
    assert record[0].filename == __file__
    assert (fitted.inspection_probability_ < 0.01).all()
    indices, distances = fitted.nearest_spurious(rows[:2])
    assert (indices == -1).all()
    assert np.isnan(distances).all()


def test_wrong_labels_are_refused(rows):
    with pytest.raises(ValueError, match="requires y to be passed"):
        ranker().fit(rows, None)
    with pytest.raises(ValueError, match="150"):
        ranker().fit(rows, [0, 1, 0])


def test_missing_features_are_features():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 5)), np.arange(100) % 2
    X[y == 1, 0] = np.nan
    fitted = ranker().fit(X, y)
    assert roc_auc_score(y, fitted.inspection_probability_) > 0.9
    assert (fitted.nearest_spurious(X)[0] >= 0).all()


def test_nearest_spurious_are_spurious_and_similar(survey, rows, fitted):
    indices, distances = fitted.nearest_spurious(rows)
    assert indices.shape == distances.shape == (150, 3)
    assert (survey.y[indices] == 1).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    assert not (indices == np.arange(150)[:, None]).any()
    twin = rows[survey.y == 1][:1] + np.float32(1e-4)
    assert fitted.nearest_spurious(twin, 1)[0] == np.flatnonzero(survey.y == 1)[0]
    reasons = np.array(survey.reasons)
    spurious = np.flatnonzero(survey.y == 1)
    assert (reasons[indices[spurious, 0]] == reasons[spurious]).mean() > 0.7


def test_fewer_known_spurious_than_wanted(survey, rows):
    y = np.where(np.cumsum(survey.y) <= 2, survey.y, 0)
    indices, distances = ranker(n_estimators=10).fit(rows, y).nearest_spurious(rows, 4)
    assert (indices[:, 2:] == -1).all()
    assert np.isnan(distances[:, 2:]).all()


def test_features_are_computed_inside_or_given(survey, rows):
    extractor = CutoutFeatures().fit(survey.cubes)
    own = ranker().fit(survey.cubes, survey.y)
    given = ranker(extractor=extractor, n_jobs=2).fit(survey.cubes, survey.y, features=rows)
    pipeline = make_pipeline(CutoutFeatures(), ranker()).fit(survey.cubes, survey.y)
    assert given.extractor is extractor
    assert given.extractor_ is not extractor
    assert extractor.n_jobs is None
    assert own.feature_names_.tolist() == extractor.get_feature_names_out().tolist()
    assert given.feature_names_.tolist() == own.feature_names_.tolist()
    assert pipeline[1].feature_names_[0] == "feature1"
    for name in ("inspection_probability_", "inspection_rank_", "feature_importances_", "typical_"):
        np.testing.assert_array_equal(getattr(given, name), getattr(own, name))
    new = survey.cubes[:, ::-1]
    features = own.extract_features(new)
    probability = own.predict_proba(new, features=features)
    np.testing.assert_array_equal(given.predict_proba(new), probability)
    np.testing.assert_array_equal(pipeline.predict_proba(new), probability)
    np.testing.assert_array_equal(
        given.nearest_spurious(new)[1], own.nearest_spurious(new, features=features)[1]
    )
    assert given.suggest(survey.cubes).tolist() == own.suggest(survey.cubes, features=rows).tolist()


def test_features_must_be_of_the_sources_and_of_a_fitted_extractor(survey, rows):
    for unset in (None, "passthrough"):
        with pytest.raises(ValueError, match="give the fitted transformer that computed them"):
            ranker(extractor=unset).fit(survey.cubes, survey.y, features=rows)
    with pytest.raises(NotFittedError):
        ranker(extractor=CutoutFeatures()).fit(survey.cubes, survey.y, features=rows)
    extractor = CutoutFeatures().fit(survey.cubes)
    fitted = ranker(extractor=extractor).fit(survey.cubes, survey.y, features=rows)
    for wrong in (rows[1:], rows[:, 1:]):
        with pytest.raises(ValueError, match=r"features have shape .* give what extractor"):
            clone(fitted).set_params(extractor=extractor).fit(
                survey.cubes, survey.y, features=wrong
            )
        with pytest.raises(ValueError, match="features have shape"):
            fitted.predict_proba(survey.cubes, features=wrong)


def test_a_forest_is_grown_once_for_the_projection_and_the_ranker(survey, rows):
    y = np.where(np.arange(150) % 4 == 0, -1, survey.y)
    projection = GuidedProjection(n_estimators=60, unlabeled=-1, random_state=0).fit(rows, y)
    shared = ranker(n_estimators=1, unlabeled=-1).fit(rows, y, forest=projection.forest_)
    assert shared.forest_ is projection.forest_
    shares = projection.forest_.shares(rows)[:, 1]
    assert (np.diff(shared.inspection_probability_[np.argsort(shares)]) >= 0).all()
    np.testing.assert_array_equal(shared.feature_importances_, projection.forest_.importances)


def test_a_forest_of_other_sources_or_labels_is_refused(survey, rows):
    wrong_fits = [
        (rows[1:], survey.y[1:]),  # fewer sources
        (rows + 1, survey.y),  # other features
        (rows, np.arange(150) % 3),  # other classes
    ]
    for wrong in wrong_fits:
        forest = GuidedProjection(n_estimators=10, random_state=0).fit(*wrong).forest_
        with pytest.raises(ValueError, match="forest was not grown on"):
            ranker().fit(rows, survey.y, forest=forest)
