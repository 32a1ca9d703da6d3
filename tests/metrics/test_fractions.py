"""Completeness, purity, workload and their intervals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from sklearn.metrics import precision_score, recall_score

from spurclust.metrics import (
    binomial_interval,
    completeness,
    completeness_interval,
    purity,
    purity_interval,
    workload,
)


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.68, 0.95, 0.99]))
def test_intervals_are_exact(k, n, confidence):
    k = min(k, n)
    expected = binomtest(k, n).proportion_ci(confidence, method="exact")
    assert_allclose(binomial_interval(k, n, confidence), [expected.low, expected.high], atol=1e-9)


def test_an_interval_of_nothing_is_everything():
    low, high = binomial_interval([0, 1], [0, 1])
    assert (low[0], high[0]) == (0, 1)
    assert high[1] == 1


@pytest.mark.parametrize(("k", "n", "c"), [(2, 1, 0.9), (-1, 1, 0.9), (1, 2, 1.0)])
def test_bad_counts(k, n, c):
    with pytest.raises(ValueError, match=r"k must be|confidence must be"):
        binomial_interval(k, n, c)


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.booleans()), min_size=1))
def test_they_are_recall_and_precision_of_the_inspected(sources):
    y, flagged = (np.array(values) for values in zip(*sources, strict=True))
    known = y >= 0
    for ours, theirs in ((completeness, recall_score), (purity, precision_score)):
        value = ours(y, flagged, unlabeled=-1)
        if math.isnan(value):
            part = (y == 1) if ours is completeness else (flagged & known)
            assert not part.any()
        else:
            assert value == pytest.approx(theirs(y[known], flagged[known]))
    assert workload(flagged) == flagged.mean()


def test_nan_can_mean_uninspected():
    y = [1.0, 0.0, np.nan, np.nan]
    assert completeness(y, [1, 0, 1, 0], unlabeled=np.nan) == 1
    assert purity(y, [1, 1, 1, 0], unlabeled=float("nan")) == 0.5
    with pytest.raises(ValueError, match=r"must be 0 or 1, got \[nan\]"):
        purity(y, [1, 1, 1, 0])


def test_bad_input():
    with pytest.raises(ValueError, match=r"\(2,\) and flagged has \(1,\)"):
        completeness([0, 1], [1])
    with pytest.raises(ValueError, match=r"must be 0 or 1, got \[-1\]"):
        purity([0, -1], [1, 0])
    with pytest.raises(ValueError, match="no sources"):
        workload([])


@given(
    st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.booleans()), min_size=1),
    st.sampled_from([0.68, 0.95]),
)
def test_an_interval_holds_its_fraction_and_counts_the_inspected(sources, confidence):
    y, flagged = (np.array(values) for values in zip(*sources, strict=True))
    hits = flagged & (y == 1)
    for fraction, interval, of in (
        (completeness, completeness_interval, y == 1),
        (purity, purity_interval, flagged & (y >= 0)),
    ):
        found = interval(y, flagged, unlabeled=-1, confidence=confidence)
        assert_allclose(found.value, fraction(y, flagged, unlabeled=-1))
        assert found[1:] == binomial_interval(hits.sum(), of.sum(), confidence)
        if of.any():
            value, low, high = found
            assert 0 <= low <= value <= high <= 1
        else:
            assert math.isnan(found.value)
            assert found[1:] == (0, 1)


def test_a_confidence_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"confidence must be between 0 and 1, got 95"):
        purity_interval([1, 0], [1, 1], confidence=95)
