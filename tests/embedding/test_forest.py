"""Forest: what packed trees say is what the grown ones said."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from spurclust.embedding.forest import BLOCK_ROWS, mean_shares, pack_forest


def grow(codes, *, with_missing, seed=0):
    """Grow a forest of scikit-learn's on rows of noise, and make others to ask about."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(codes), 6)).astype(np.float32)
    rows[:, 0] += codes
    others = rng.normal(size=(2 * BLOCK_ROWS + 3, 6)).astype(np.float32)
    if with_missing:
        rows[rng.random(rows.shape) < 0.2] = np.nan
        others[rng.random(others.shape) < 0.2] = np.nan
    grown = ExtraTreesClassifier(7, max_features=0.5, random_state=seed).fit(rows, codes)
    return grown, rows, others


@pytest.mark.parametrize("with_missing", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_packed_forest_says_what_the_grown_one_says_to_the_bit(n_classes, with_missing):
    codes = np.arange(90) % n_classes
    grown, rows, others = grow(codes, with_missing=with_missing)
    packed = pack_forest(grown, n_classes)
    for asked in (rows, others, others[:1]):
        np.testing.assert_array_equal(mean_shares([packed], asked), grown.predict_proba(asked))
    assert mean_shares([packed], others[:0]).shape == (0, n_classes)
    np.testing.assert_array_equal(packed.importances, grown.feature_importances_)


def test_a_class_that_a_forest_has_not_seen_has_no_share():
    grown, rows, _ = grow(np.r_[np.zeros(20, int), np.full(20, 2)], with_missing=False)
    shares = mean_shares([pack_forest(grown, 4)], rows)
    assert shares.shape == (40, 4)
    assert not shares[:, [1, 3]].any()
    np.testing.assert_array_equal(shares[:, [0, 2]], grown.predict_proba(rows))


def test_a_forest_of_one_class_knows_no_other():
    grown, rows, _ = grow(np.ones(10, int), with_missing=False)
    np.testing.assert_array_equal(mean_shares([pack_forest(grown, 2)], rows), [[0.0, 1.0]] * 10)


def test_rows_are_judged_alike_in_any_company_order_of_memory_and_number_of_threads():
    first, _, others = grow(np.arange(60) % 2, with_missing=True)
    second, _, _ = grow(np.arange(60) % 2, with_missing=True, seed=1)
    forests = [pack_forest(each, 2) for each in (first, second)]
    together = mean_shares(forests, others)
    alone = np.vstack([mean_shares(forests, row[None]) for row in others])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, mean_shares(forests, others, 2))
    np.testing.assert_array_equal(together, mean_shares(forests, np.asfortranarray(others)))
    np.testing.assert_array_equal(
        together, (first.predict_proba(others) + second.predict_proba(others)) / 2
    )
    assert len(np.unique(together[:, 1])) > 3
