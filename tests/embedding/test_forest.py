"""CrossFittedForest: its trees are scikit-learn's, and no row is judged by its own label."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import ExtraTreesClassifier

from spurclust.embedding.forest import BLOCK_ROWS, CrossFittedForest, PackedTrees
from spurclust.embedding.neighbors import row_keys


def draw(codes, *, with_missing=False, seed=0):
    """Draw rows of noise of which the first column tells the class."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(codes), 6)).astype(np.float32)
    rows[:, 0] += codes
    if with_missing:
        rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows


def grow(rows, codes, **settings):
    defaults = {"n_classes": 2, "n_estimators": 20, "n_folds": 4, "random_state": 0}
    return CrossFittedForest.grow(rows, codes, **{**defaults, **settings})


def packed(grown, n_classes):
    """Hold one forest of scikit-learn's as if it had been grown without fold 0."""
    nothing = np.zeros(1, np.uint64), np.zeros(1, np.int16)
    return CrossFittedForest([PackedTrees.pack(grown.estimators_, n_classes)], *nothing)


@pytest.mark.parametrize("with_missing", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_shares_are_those_of_scikit_learn_to_the_bit(n_classes, with_missing):
    codes = np.arange(90) % n_classes
    rows = draw(codes, with_missing=with_missing)
    others = draw(np.arange(2 * BLOCK_ROWS + 3) % 2, with_missing=with_missing, seed=1)
    grown = ExtraTreesClassifier(7, max_features=0.5, random_state=0).fit(rows, codes)
    forest = packed(grown, n_classes)
    for asked in (rows, others, others[:1]):
        assert_array_equal(forest.shares_of_fold(asked, 0), grown.predict_proba(asked))
    assert forest.shares(others[:0]).shape == (0, n_classes)
    np.testing.assert_allclose(forest.importances, grown.feature_importances_, rtol=1e-12)


def test_threads_leave_the_filters_of_warnings_alone():
    filters = warnings.filters[:]
    codes = np.arange(600) % 2
    grow(draw(codes), codes, n_estimators=400, n_jobs=4)
    assert warnings.filters == filters


def test_a_class_without_sources_has_no_share():
    codes = np.r_[np.zeros(20, int), np.full(20, 2)]
    rows = draw(codes)
    shares = grow(rows, codes, n_classes=4).shares(rows)
    assert not shares[:, [1, 3]].any()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert_array_equal(grow(rows, np.ones(40, int)).shares(rows), [[0.0, 1.0]] * 40)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_row_has_the_same_bits_in_any_company_memory_order_and_number_of_threads(n_jobs):
    codes = np.arange(60) % 2
    rows = draw(codes, with_missing=True)
    others = np.concatenate([rows, draw(np.zeros(2 * BLOCK_ROWS), with_missing=True, seed=2)])
    forest = grow(rows, codes, n_jobs=n_jobs)
    together = forest.shares(others, n_jobs)
    assert_array_equal(together, grow(rows, codes).shares(others))
    assert_array_equal(together, np.vstack([forest.shares(row[None]) for row in others]))
    assert_array_equal(together, forest.shares(np.asfortranarray(others)))


def test_fitted_rows_are_judged_by_the_trees_without_their_fold_and_others_by_all():
    codes = np.arange(50) % 2
    rows = draw(codes)
    forest, others = grow(rows, codes), rows + np.float32(0.5)
    folds = forest.folds_of(rows)
    assert np.unique(folds).tolist() == [0, 1, 2, 3]
    shares = forest.shares(rows)
    for fold in range(4):
        own = folds == fold
        assert_array_equal(shares[own], forest.shares_of_fold(rows[own], fold))
    assert (forest.folds_of(others) == -1).all()
    each = [forest.shares_of_fold(others, fold) for fold in range(4)]
    np.testing.assert_allclose(forest.shares(others), np.mean(each, axis=0))


def test_folds_have_similar_shares_and_keep_equal_rows_together():
    codes = np.repeat([0, 1], [90, 10])
    rows = np.arange(100, dtype=np.float32)[:, None]
    folds = grow(rows, codes, n_folds=5).folds_of(rows)
    assert np.bincount(folds).tolist() == [20] * 5
    assert np.bincount(folds[codes == 1]).tolist() == [2] * 5
    twice = grow(rows // 2, codes, n_folds=5).folds_of(rows // 2)
    assert_array_equal(twice[::2], twice[1::2])


def test_a_source_more_leaves_nearly_all_others_in_their_folds():
    codes = np.arange(400) % 4 // 3
    rows = draw(codes)
    folds = grow(rows, codes).folds_of(rows)
    fewer = grow(rows[1:], codes[1:]).folds_of(rows[1:])
    assert (folds[1:] != fewer).sum() <= 3


def test_parts_hold_each_tree_once_and_average_to_all():
    codes = np.arange(60) % 2
    rows = draw(codes)
    forest = grow(rows, codes, n_estimators=24, n_folds=4)
    parts = forest.split(3)
    mean = np.mean([part.shares(rows) for part in parts], axis=0)
    np.testing.assert_allclose(mean, forest.shares(rows))
    assert [len(part.trees[0].roots) for part in forest.split(100)] == [1] * 6


def test_zero_and_negative_zero_are_equal_rows():
    assert_array_equal(row_keys(np.array([[0.0]])), row_keys(np.array([[-0.0]])))
