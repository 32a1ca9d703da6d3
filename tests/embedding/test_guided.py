"""GuidedProjection: what labels teach is as good for fitted sources as for new ones, no better."""

import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from spurclust.embedding import GuidedProjection
from spurclust.embedding.guided import LARGEST_SCORE


def features(n, *, seed, n_features=20):
    """Draw features of which the third tells the class, and the classes."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    X = rng.normal(size=(n, n_features)).astype(np.float32)
    X[:, 2] += 3 * y
    return X, y


def guide(**settings):
    return GuidedProjection(4, **{"n_estimators": 40, "random_state": 0, **settings})


@parametrize_with_checks([GuidedProjection(n_estimators=20)])
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_fitted_sources_look_no_better_separated_than_new_ones():
    X, y = features(400, seed=1)
    projection = guide(n_estimators=200).fit(X, y)
    new, truth = features(400, seed=2)
    fitted = roc_auc_score(y, projection.transform(X)[:, -1])
    unseen = roc_auc_score(truth, projection.transform(new)[:, -1])
    assert fitted > 0.9
    assert fitted == pytest.approx(unseen, abs=0.05)


# Above 10 000 sources, the quantiles draw some of them first.
@pytest.mark.parametrize(("n", "n_features"), [(200, 20), (10_001, 3)])
def test_other_labels_teach_the_same_as_in_a_fit_of_their_own(n, n_features):
    X, y = features(n, seed=4, n_features=n_features)
    other = guide()
    projected = other.fit_transform(X, y)
    y = np.roll(y, 7)
    like, alone = guide(), guide()
    np.testing.assert_array_equal(
        like.fit_transform_like(X, y, other, projected), alone.fit_transform(X, y)
    )
    np.testing.assert_array_equal(like.transform(X[:9] + 1), alone.transform(X[:9] + 1))


def test_labels_without_meaning_teach_nothing():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 20)).astype(np.float32)
    y = rng.permutation(np.arange(400) < 80).astype(int)
    taught = guide().fit_transform(X, y)[:, -1]
    assert roc_auc_score(y, taught) == pytest.approx(0.5, abs=0.1)


def test_equal_sources_do_not_teach_each_other():
    rng = np.random.default_rng(4)
    once = rng.normal(size=(100, 20)).astype(np.float32)
    y = rng.permutation(np.arange(100) < 30).astype(int)
    taught = guide().fit_transform(np.tile(once, (2, 1)), np.tile(y, 2))[:, -1]
    assert roc_auc_score(np.tile(y, 2), taught) == pytest.approx(0.5, abs=0.2)


def test_fit_transform_is_transform():
    X, y = features(120, seed=5)
    projection = guide()
    np.testing.assert_array_equal(projection.fit_transform(X, y), projection.transform(X))


def test_parts_of_the_trees_teach_other_axes_beside_the_same_components():
    X, y = features(120, seed=8)
    projection = guide().fit(X, y)
    whole, *parts = projection.transform(X), *projection.project_by_parts(X, 3)
    assert len(parts) == 3
    for part in parts:
        np.testing.assert_array_equal(part[:, :-1], whole[:, :-1])
        assert 0.5 < np.corrcoef(part[:, -1], whole[:, -1])[0, 1] < 0.999
    np.testing.assert_allclose([part[:, -1].std() for part in parts], 3, rtol=1e-5)
    np.testing.assert_array_equal(next(projection.project_by_parts(X, 1)), whole)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_row_is_projected_the_same_in_any_company(n_jobs):
    X, y = features(120, seed=6)
    projection = guide(n_jobs=n_jobs).fit(X[:80], y[:80])
    together = projection.transform(X)
    np.testing.assert_array_equal(projection.transform(X[::-1])[::-1], together)
    np.testing.assert_array_equal(projection.transform(X[90:91]), together[90:91])
    np.testing.assert_array_equal(projection.normalize(X[90:91]), projection.normalize(X)[90:91])
    np.testing.assert_array_equal(clone(projection).fit(X[:80], y[:80]).transform(X), together)


def test_features_are_made_normal_as_by_scikit_learn():
    X, y = features(150, seed=12)
    X[:, 3] = np.round(X[:, 3])
    X[:, 4] = 4
    new = 3 * features(60, seed=13)[0]
    new[:, 5] = np.resize(X[:100, 5], 60)
    scaler = QuantileTransformer(n_quantiles=100).fit(X[:100])
    expected = ndtri(scaler.transform(new)).clip(-LARGEST_SCORE, LARGEST_SCORE)
    scores = guide().fit(X[:100], y[:100]).normalize(new)
    np.testing.assert_array_equal(scores, expected)


def test_uninspected_sources_are_judged_by_all_forests():
    X, y = features(100, seed=7)
    half = np.where(np.arange(100) < 50, y, -1)
    projection = guide(unlabeled=-1).fit(X, half)
    assert projection.classes_.tolist() == [0, 1]
    alone = guide(unlabeled=-1).fit(X, half).transform(X[50:])
    np.testing.assert_array_equal(projection.transform(X)[50:], alone)
    with pytest.raises(ValueError, match="All 100 sources are uninspected"):
        guide(unlabeled=-1).fit(X, np.full(100, -1))


def test_strength_is_the_deviation_of_the_taught_axis():
    X, y = features(200, seed=8)
    for strength in (0.0, 1.0, 5.0):
        rows = guide(strength=strength).fit_transform(X, y)
        assert rows[:, -1].std() == pytest.approx(strength, abs=1e-5)
        assert np.sqrt(rows[:, :-1].var(axis=0, ddof=1).sum()) == pytest.approx(1, rel=1e-4)


def test_axes_by_number_of_classes():
    X, y = features(60, seed=9)
    assert guide().fit_transform(X, y).shape == (60, 5)
    three = np.arange(60) % 3
    assert guide().fit(X, three).get_feature_names_out().shape == (7,)
    one = guide().fit_transform(X, np.zeros(60, dtype=int))
    assert np.isfinite(one).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [2, 3, 7])
def test_few_sources(n):
    X, _ = features(n, seed=10)
    assert np.isfinite(guide().fit_transform(X, np.arange(n) % 2)).all()
    assert np.isfinite(guide().fit_transform(np.ones_like(X), np.arange(n) % 2)).all()
