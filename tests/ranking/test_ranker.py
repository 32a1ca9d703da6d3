"""InspectionRanker: nobody is judged by his own label, and the order is worth looking in."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spurclust import CutoutFeatures, InspectionRanker
from spurclust.metrics import completeness_at_workload
from spurclust.ranking import inspection_rank
from spurclust.ranking.calibration import calibrate
from spurclust.simulate import simulate_survey


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(150, 30, random_state=1, n_jobs=-1)


@pytest.fixture(scope="module")
def rows(survey):
    return CutoutFeatures().fit_transform(survey.cubes)


def ranker(**settings):
    return InspectionRanker(**{"n_estimators": 60, "random_state": 0, **settings})


@parametrize_with_checks([InspectionRanker(n_estimators=30)])
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_most_spurious_come_first(survey):
    fitted = ranker(n_estimators=200).fit(survey.cubes, survey.y)
    found = completeness_at_workload(survey.y, fitted.inspection_probability_, workload=0.3)
    assert found >= 0.9


def test_own_order_is_that_of_a_cross_validation(survey, rows):
    own = ranker(n_estimators=200).fit(rows, survey.y).inspection_probability_
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    held_out = cross_val_predict(
        ranker(n_estimators=200), rows, survey.y, cv=folds, method="predict_proba"
    )[:, 1]
    difference = roc_auc_score(survey.y, own) - roc_auc_score(survey.y, held_out)
    assert abs(difference) < 0.04


def test_labels_without_meaning_give_no_order():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 15)), rng.permutation(np.arange(300) < 60).astype(int)
    fitted = ranker().fit(X, y)
    assert roc_auc_score(y, fitted.inspection_probability_) == pytest.approx(0.5, abs=0.12)
    assert roc_auc_score(y, fitted.predict_proba(X)[:, 1]) == pytest.approx(0.5, abs=0.12)


def test_fitted_sources_keep_their_probability(survey, rows):
    fitted = ranker().fit(rows, survey.y)
    np.testing.assert_array_equal(fitted.predict_proba(rows)[:, 1], fitted.inspection_probability_)
    np.testing.assert_array_equal(
        fitted.inspection_rank_, inspection_rank(fitted.inspection_probability_)
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_source_is_judged_the_same_in_any_company(survey, rows, n_jobs):
    fitted = ranker(n_jobs=n_jobs).fit(rows[:100], survey.y[:100])
    together = fitted.predict_proba(rows)
    np.testing.assert_array_equal(fitted.predict_proba(rows[::-1])[::-1], together)
    np.testing.assert_array_equal(fitted.predict_proba(rows[120:121]), together[120:121])
    again = ranker(n_jobs=1).fit(rows[:100], survey.y[:100])
    np.testing.assert_array_equal(again.predict_proba(rows), together)


def test_features_are_measured_inside_or_outside(survey, rows):
    inside = ranker().fit(survey.cubes, survey.y)
    outside = ranker().fit(rows, survey.y)
    pipeline = make_pipeline(CutoutFeatures(), ranker()).fit(survey.cubes, survey.y)
    np.testing.assert_array_equal(inside.inspection_probability_, outside.inspection_probability_)
    np.testing.assert_array_equal(
        pipeline.predict_proba(survey.cubes), inside.predict_proba(survey.cubes)
    )
    assert inside.feature_names_[0] == "blank_in_all"
    assert outside.feature_names_[0] == "feature1"
    assert inside.feature_importances_.shape == inside.feature_names_.shape


def test_uninspected_sources_teach_nothing(survey, rows):
    y = survey.y.astype(int)
    y[100:] = -1
    some = ranker(unlabeled=-1).fit(rows, y)
    few = ranker().fit(rows[:100], survey.y[:100])
    np.testing.assert_array_equal(some.inspection_probability_, few.predict_proba(rows)[:, 1])


def test_classes_of_any_kind(survey, rows):
    words = np.where(survey.y == 1, "spurious", "reliable")
    named = ranker().fit(rows, words)
    coded = ranker().fit(rows, survey.y)
    np.testing.assert_array_equal(named.inspection_probability_, coded.inspection_probability_)
    assert set(named.predict(rows)) <= {"spurious", "reliable"}


def test_probabilities_are_calibrated(survey, rows):
    fitted = ranker(n_estimators=200).fit(rows, survey.y)
    assert fitted.inspection_probability_.sum() == pytest.approx(survey.y.sum(), rel=0.05)


def test_calibration_never_turns_the_order_round():
    odds = np.array([3.0, 2.0, -2.0, -3.0])
    assert calibrate(odds, np.array([0, 0, 1, 1])) == (1.0, 0.0)
    assert calibrate(odds, np.zeros(4, dtype=int)) == (1.0, 0.0)
    slope, _ = calibrate(odds, np.array([1, 1, 0, 0]))
    assert slope > 0


def test_no_spurious_source_is_known(rows):
    with pytest.warns(UserWarning, match="None of the 150 inspected sources is spurious") as told:
        fitted = ranker().fit(rows, np.zeros(150, dtype=int))
    assert told[0].filename == __file__
    assert (fitted.inspection_probability_ < 0.01).all()
    indices, distances = fitted.nearest_spurious(rows[:2])
    assert (indices == -1).all()
    assert np.isnan(distances).all()


def test_wrong_labels_are_refused(rows):
    with pytest.raises(ValueError, match="requires y to be passed"):
        ranker().fit(rows, None)
    with pytest.raises(ValueError, match="150 sources in X, 3 labels in y"):
        ranker().fit(rows, [0, 1, 0])


def test_missing_features_are_features():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 5)), np.arange(100) % 2
    X[y == 1, 0] = np.nan
    fitted = ranker().fit(X, y)
    assert roc_auc_score(y, fitted.inspection_probability_) > 0.9
    assert (fitted.nearest_spurious(X)[0] >= 0).all()


def test_nearest_spurious_are_spurious_and_alike(survey, rows):
    fitted = ranker().fit(rows, survey.y)
    indices, distances = fitted.nearest_spurious(rows)
    assert indices.shape == distances.shape == (150, 3)
    assert (survey.y[indices] == 1).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    assert not (indices == np.arange(150)[:, None]).any()
    twin = rows[survey.y == 1][:1] + np.float32(1e-4)
    assert fitted.nearest_spurious(twin, 1)[0] == np.flatnonzero(survey.y == 1)[0]
    reasons = np.array(survey.reasons)
    spurious = np.flatnonzero(survey.y == 1)
    same = (reasons[indices[spurious, 0]] == reasons[spurious]).mean()
    assert same > 0.7


def test_fewer_known_spurious_than_wanted(survey, rows):
    y = np.where(np.cumsum(survey.y) <= 2, survey.y, 0)
    indices, distances = ranker().fit(rows, y).nearest_spurious(rows, 4)
    assert (indices[:, 2:] == -1).all()
    assert np.isnan(distances[:, 2:]).all()


def test_parameters_are_clones(survey):
    features = CutoutFeatures(panel_size=32)
    fitted = ranker(features=features).fit(survey.cubes, survey.y)
    assert fitted.features is features
    assert fitted.features_ is not features
    assert clone(fitted).get_params()["features__panel_size"] == 32


def test_a_fit_on_what_is_measured_already_is_the_fit_on_the_cutouts(survey):
    features = CutoutFeatures().fit(survey.cubes)
    measured = features.transform(survey.cubes)
    own = ranker().fit(survey.cubes, survey.y)
    given = ranker(features=features, n_jobs=2).fit(survey.cubes, survey.y, measured=measured)
    assert features.n_jobs is None
    assert given.feature_names_.tolist() == own.feature_names_.tolist()
    new = simulate_survey(20, 5, random_state=2).cubes
    for name in ("inspection_probability_", "inspection_rank_", "feature_importances_", "typical_"):
        np.testing.assert_array_equal(getattr(given, name), getattr(own, name))
    np.testing.assert_array_equal(given.predict_proba(new), own.predict_proba(new))
    rows = features.transform(new)
    for one, other in zip(given.nearest_measured(rows), own.nearest_spurious(new), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_measured_must_be_of_the_sources_and_of_fitted_features(survey):
    features = CutoutFeatures().fit(survey.cubes)
    measured = features.transform(survey.cubes)
    for unset in (None, "passthrough"):
        with pytest.raises(ValueError, match="measured needs the fitted transformer"):
            ranker(features=unset).fit(survey.cubes, survey.y, measured=measured)
    with pytest.raises(NotFittedError):
        ranker(features=CutoutFeatures()).fit(survey.cubes, survey.y, measured=measured)
    for wrong in (measured[1:], measured[:, 1:]):
        with pytest.raises(ValueError, match=r"measured has shape .* give what features.transform"):
            ranker(features=features).fit(survey.cubes, survey.y, measured=wrong)
