"""Completeness, purity, workload and their intervals; which sources count in all metrics."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from sklearn.metrics import precision_score, recall_score

from spurclust.metrics import (
    average_precision,
    binomial_interval,
    completeness,
    completeness_interval,
    purity,
    purity_interval,
    workload,
    workload_at_completeness,
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


def test_no_source_has_no_workload():
    with pytest.raises(ValueError, match="no sources"):
        workload([])


@given(
    st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.booleans()), min_size=1),
    st.sampled_from([0.68, 0.95]),
)
def test_they_are_recall_and_precision_of_the_inspected_with_intervals(sources, confidence):
    y, flagged = (np.array(values) for values in zip(*sources, strict=True))
    hits, known = flagged & (y == 1), y >= 0
    for fraction, interval, of, theirs in (
        (completeness, completeness_interval, y == 1, recall_score),
        (purity, purity_interval, flagged & known, precision_score),
    ):
        found = interval(y, flagged, unlabeled=-1, confidence=confidence)
        assert_allclose(found.value, fraction(y, flagged, unlabeled=-1))
        assert found[1:] == binomial_interval(hits.sum(), of.sum(), confidence)
        if of.any():
            assert 0 <= found.low <= found.value <= found.high <= 1
            assert found.value == pytest.approx(theirs(y[known], flagged[known]))
        else:
            assert math.isnan(found.value)
            assert found[1:] == (0, 1)
    assert workload(flagged) == flagged.mean()


def test_a_confidence_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"confidence must be between 0 and 1, got 95"):
        purity_interval([1, 0], [1, 1], confidence=95)


FLAGGED = [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("y", "unlabeled"),
    [
        ([1, 1, 0, -1], -1),
        (np.array([1, 1, 0, -1], dtype=np.int8), -1),
        ([1.0, 1.0, 0.0, np.nan], np.nan),
        ([1.0, 1.0, 0.0, np.nan], pd.NA),
        ([True, True, False, None], np.nan),
        ([1, 1, 0, "?"], "?"),
        (pd.Series([1, 1, 0, "?"], index=[7, 5, 3, 1]), "?"),
        (pd.array([1, 1, 0, None], dtype="Int64"), pd.NA),
        (pd.array([True, True, False, None], dtype="boolean"), pd.NA),
        (np.array([1, 1, 0, "?"], dtype=object), "?"),
    ],
)
def test_a_mark_of_any_kind_leaves_its_sources_out(y, unlabeled):
    assert completeness(y, FLAGGED, unlabeled=unlabeled) == 0.5
    assert workload_at_completeness(y, [0.9, 0.1, 0.5, np.nan], unlabeled=unlabeled) == 1


@pytest.mark.parametrize(
    ("y", "shown"),
    [
        ([1, 0, 2, -1], r"\[-1, 2\]"),
        ([1, 0, np.nan, np.nan], r"\[nan\]"),
        ([1, 0, "?", "?"], r"\['\?'\]"),
        (["fine", "spurious", "fine", "fine"], r"\['fine', 'spurious'\]"),
        (np.array(["1", "0", "1", "0"]), r"\['0', '1'\]"),
        (pd.array([1, 0, 1, None], dtype="Int64"), r"\[(nan|<NA>)\]"),
    ],
)
@pytest.mark.parametrize("metric", [completeness, average_precision])
def test_other_labels_are_named_with_what_to_do(metric, y, shown):
    with pytest.raises(ValueError, match=rf"Labels must be 0 or 1, got {shown}.*unlabeled="):
        metric(y, FLAGGED)


def test_flags_are_flags():
    with pytest.raises(ValueError, match=r"Flags must be 0 or 1, got \[0.5\]\.$"):
        completeness([1, 0], [0.5, 1])
    assert completeness([1, 0], pd.array([True, False], dtype="boolean")) == 1


def test_flags_of_the_uninspected_may_be_anything():
    assert completeness([1, -1], [1, 7], unlabeled=-1) == 1


@pytest.mark.parametrize(
    ("y", "values"), [([1, 0], [1]), ([[1, 0]], [[1, 0]]), (1, 1), ([1, 0], [[1], [0]])]
)
def test_shapes_that_do_not_fit_are_named(y, values):
    with pytest.raises(ValueError, match=r"y_true has shape .* and score has .*\(n_samples,\)"):
        average_precision(y, values)
