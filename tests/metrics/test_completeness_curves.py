"""Metrics of an order of inspection, against every order that equal scores allow."""

import math
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import average_precision_score

from spurclust.metrics import (
    average_precision,
    completeness_at_workload,
    completeness_curve,
    work_saved_over_sampling,
    workload_at_completeness,
)

METRICS = [
    average_precision,
    completeness_at_workload,
    work_saved_over_sampling,
    workload_at_completeness,
]
SHARES = st.fractions(Fraction(1, 20), 1, max_denominator=20)
SOURCES = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from([0.1, 0.2, 0.3])), min_size=1, max_size=6
).filter(lambda sources: any(truth for truth, _ in sources))


def orders(y, score):
    """Every order of the labels by falling score."""
    groups = [
        [truth for truth, value in zip(y, score, strict=True) if value == one]
        for one in sorted(set(score), reverse=True)
    ]
    for chosen in product(*(list(permutations(group)) for group in groups)):
        yield [truth for group in chosen for truth in group]


def mean_over_orders(metric, y, score):
    values = [metric(order) for order in orders(y, score)]
    return float(sum(values) / len(values))


def workload_of_one_order(order, completeness):
    first = next(
        k for k in range(len(order) + 1) if Fraction(sum(order[:k]), sum(order)) >= completeness
    )
    return Fraction(first, len(order))


def completeness_of_one_order(order, workload):
    last = max(k for k in range(len(order) + 1) if Fraction(k, len(order)) <= workload)
    return Fraction(sum(order[:last]), sum(order))


def precision_of_one_order(order):
    hits = [Fraction(sum(order[: k + 1]), k + 1) for k, truth in enumerate(order) if truth]
    return sum(hits) / len(hits)


@settings(deadline=None, max_examples=60)
@given(SOURCES, SHARES)
def test_they_are_the_mean_over_all_orders_of_equal_scores(sources, share):
    y, score = zip(*sources, strict=True)
    needed = mean_over_orders(lambda order: workload_of_one_order(order, share), y, score)
    found = mean_over_orders(lambda order: completeness_of_one_order(order, share), y, score)
    given_share = float(share)
    assert_allclose(workload_at_completeness(y, score, completeness=given_share), needed)
    assert_allclose(
        work_saved_over_sampling(y, score, completeness=given_share),
        1 - needed - (1 - given_share),
        atol=1e-12,
    )
    assert_allclose(completeness_at_workload(y, score, workload=given_share), found)
    assert_allclose(average_precision(y, score), mean_over_orders(precision_of_one_order, y, score))


MANY = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n),
        st.lists(st.integers(-3, 3), min_size=n, max_size=n),
        st.permutations(range(n)),
    )
)


@given(MANY)
def test_neither_the_order_of_rows_nor_the_uninspected_nor_the_scale_count(sources):
    y, score, rows = (np.array(values) for values in sources)
    known = y >= 0
    for metric in METRICS:
        value = metric(y[known], score[known])
        assert_allclose(metric(y, score, unlabeled=-1), value)
        assert_allclose(metric(y[rows], np.exp(score[rows]), unlabeled=-1), value, rtol=1e-12)
        assert math.isnan(value) == (not (y == 1).any())


@given(MANY, st.floats(0.01, 1))
def test_curve_workload_and_completeness_agree(sources, share):
    y, score = np.array(sources[0]), np.array(sources[1])
    workload, completeness = completeness_curve(y, score, unlabeled=-1)
    n = int((y >= 0).sum())
    assert len(workload) == len(completeness) == len(set(score[y >= 0])) + 1
    assert workload[0] == 0
    assert workload[-1] == (n > 0)
    assert (np.diff(workload) > 0).all()
    if not (y == 1).any():
        assert np.isnan(completeness).all()
        return
    assert (np.diff(completeness) >= 0).all()
    assert completeness[-1] == 1
    for k in (0, n // 2, n):
        expected = np.interp(k / n, workload, completeness)
        value = completeness_at_workload(y, score, unlabeled=-1, workload=k / n)
        assert_allclose(value, expected, atol=1e-12)
    needed = workload_at_completeness(y, score, unlabeled=-1, completeness=share)
    best = math.ceil(share * (y == 1).sum() - 1e-9) / n
    assert best - 1e-12 <= needed <= 1
    saved = work_saved_over_sampling(y, score, unlabeled=-1, completeness=share)
    assert share - 1 - 1e-12 <= saved <= share * (1 - (y == 1).sum() / n) + 1e-9


@given(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=50).filter(any), st.randoms())
def test_average_precision_is_that_of_scikit_learn_without_ties(y, random):
    score = random.sample(range(1000), len(y))
    assert_allclose(average_precision(y, score), average_precision_score(y, score))


def test_a_tie_costs_the_same_whichever_row_comes_first():
    # A sort that keeps the order of the rows would say 0.01 here, or 1.
    y = np.zeros(100, dtype=int)
    for row in (0, 50, 99):
        one = y.copy()
        one[row] = 1
        assert workload_at_completeness(one, np.zeros(100)) == 0.505
        assert completeness_at_workload(one, np.zeros(100), workload=0.3) == pytest.approx(0.3)


def test_shares_that_rounding_would_shift():
    y, score = [1] * 100, -np.arange(100)
    assert 0.29 * 100 < 29
    assert completeness_at_workload(y, score, workload=0.29) == 0.29
    assert 0.55 * 100 > 55
    assert workload_at_completeness(y, score, completeness=0.55) == 0.55


@pytest.mark.parametrize("metric", METRICS)
def test_without_a_spurious_source_they_are_not_defined(metric):
    assert math.isnan(metric([0, 0], [0.1, 0.2]))
    assert math.isnan(metric([], []))
    assert math.isnan(metric([-1, -1], [0.1, 0.2], unlabeled=-1))


def test_no_inspected_source_has_a_curve_of_one_point():
    workload, completeness = completeness_curve([-1], [0.5], unlabeled=-1)
    assert workload.tolist() == [0]
    assert np.isnan(completeness).tolist() == [True]


@pytest.mark.parametrize("metric", [*METRICS, completeness_curve])
def test_scores_that_have_no_order(metric):
    with pytest.raises(ValueError, match=r"score is NaN for 1 of 2 inspected sources"):
        metric([1, 0, -1], [np.nan, 0.5, np.nan], unlabeled=-1)
    with pytest.raises(ValueError, match=r"score must hold numbers.*high"):
        metric([1, 0], ["high", "low"])
    with pytest.raises(ValueError, match=r"score must hold numbers"):
        metric([1, 0], np.array([None, {}], dtype=object))


def test_scores_of_any_kind():
    y = [1, 0, 0, 1]
    expected = average_precision(y, [3, 2, 1, 0])
    big = 2**60 + np.array([3, 2, 1, 0])  # equal as floats
    for score in (big, [np.inf, 1, 0, -np.inf], np.array([3, 2, 1, 0], dtype=object)):
        assert average_precision(y, score) == expected
    assert average_precision(y, [0.0, -0.0, 0.0, -0.0]) == average_precision(y, [False] * 4)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_shares_outside_their_range(share):
    for metric in (workload_at_completeness, work_saved_over_sampling):
        for wrong in (share, 0):
            with pytest.raises(ValueError, match=rf"completeness must be in \(0, 1\], got {wrong}"):
                metric([1, 0], [1, 0], completeness=wrong)
    with pytest.raises(ValueError, match=rf"workload must be in \[0, 1\], got {share}"):
        completeness_at_workload([1, 0], [1, 0], workload=share)
    assert completeness_at_workload([1, 0], [1, 0], workload=0) == 0
