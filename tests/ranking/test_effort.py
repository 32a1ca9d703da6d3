"""How many looks: exact intervals from the places of the known spurious."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from spurclust.ranking import expected_looks
from spurclust.ranking.effort import quantile_ranks


def test_a_perfect_order():
    y = np.repeat([1, 0], [100, 900])
    table = expected_looks(y, -np.arange(1000.0), completeness=[0.9, 1.0])
    assert table["looks"].tolist() == [90, 100]
    assert table["workload"].tolist() == [0.09, 0.1]
    assert table["looks_high"].tolist() == [96, 1000]  # nothing bounds the last one
    assert (table["looks_low"] <= table["looks"]).all()


def test_uninspected_sources_count_as_looks_only():
    y = np.repeat([1, 0, -1], [10, 90, 900])
    table = expected_looks(y, -np.arange(1000.0), unlabeled=-1, completeness=[0.9])
    assert table["looks"].tolist() == [90]
    fewer = expected_looks(y, -np.arange(1000.0), unlabeled=-1, completeness=[0.9], n_sources=500)
    assert fewer["looks"].tolist() == [45]


def test_nothing_is_known():
    table = expected_looks(np.zeros(5, dtype=int), np.arange(5.0))
    assert table.drop(columns="completeness").iloc[:, 0].isna().all()
    assert len(table) == 3


@given(n=st.integers(1, 300), share=st.floats(0.01, 1), confidence=st.floats(0.5, 0.99))
def test_ranks_hold_the_quantile_as_often_as_promised(n, share, confidence):
    first, last = quantile_ranks(n, share, confidence)
    assert 0 <= first < last <= n + 1
    below = scipy.stats.binom(n, share)
    # The quantile lies between the two where at least `first` and fewer than `last` lie below it.
    assert below.cdf(last - 1) - below.cdf(first - 1) >= confidence - 1e-9


def test_the_interval_covers():
    rng = np.random.default_rng(0)
    truth = scipy.stats.beta(1, 12).ppf(0.9)
    hits = 0
    for _ in range(200):
        places = np.sort(rng.beta(1, 12, 60))
        first, last = quantile_ranks(60, 0.9, 0.9)
        hits += places[first - 1] <= truth <= places[last - 1]
    assert hits / 200 >= 0.87


def test_completeness_must_be_a_share():
    with pytest.raises(ValueError, match="completeness must be in"):
        expected_looks([0, 1], [0.1, 0.2], completeness=[1.5])
