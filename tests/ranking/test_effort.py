"""Expected effort: exact intervals from the order of the known spurious. Replays of inspections."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust import InspectionRanker
from spurclust.ranking import expected_effort, replay_inspection


def test_a_perfect_order():
    y = np.repeat([1, 0], [100, 900])
    table = expected_effort(y, -np.arange(1000.0), completeness=[0.9, 1.0])
    assert table["inspections"].tolist() == [90, 100]
    assert table["workload"].tolist() == [0.09, 0.1]
    assert table["inspections_high"].tolist() == [96, 1000]  # nothing bounds the last one
    assert (table["inspections_low"] <= table["inspections"]).all()


def test_uninspected_sources_count_as_inspections_only():
    y = np.repeat([1, 0, -1], [10, 90, 900])
    score, settings = -np.arange(1000.0), {"unlabeled": -1, "completeness": [0.9]}
    table = expected_effort(y, score, random_sample=True, **settings)
    assert table["inspections"].tolist() == [90]
    assert table["inspections_left"].isna().all()  # the score is no probability
    fewer = expected_effort(y, score, random_sample=True, n_sources=500, **settings)
    assert fewer["inspections"].tolist() == [45]
    assert expected_effort(y, score, **settings)["inspections"].isna().all()


def test_labels_of_the_first_in_the_order_give_positions_without_interval():
    probability = np.repeat([0.9, 0.5, 0.1, 0.0], 10)
    y = np.array([1] * 10 + [0] * 6 + [-1] * 24)  # 2 + 1 more to be expected
    table = expected_effort(y, probability, unlabeled=-1, completeness=[0.75, 0.9, 1.0])
    assert table[["inspections_low", "inspections_high"]].isna().all(axis=None)
    assert table["inspections"].tolist() == [10, 20, 30]
    assert table["inspections_left"].tolist() == [0, 4, 14]


def test_no_spurious_source_is_known():
    table = expected_effort(np.zeros(5, dtype=int), np.arange(5.0))
    assert table["completeness"].tolist() == [0.9, 0.95, 0.99]
    assert table[["workload", "inspections"]].isna().all(axis=None)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 300), share=st.floats(0.01, 1), confidence=st.floats(0.5, 0.99))
def test_the_interval_holds_the_quantile_as_often_as_promised(n, share, confidence):
    # The spurious come first, so that the ends of the interval are ranks among them.
    table = expected_effort(
        np.repeat([1, 0], [n, n]), -np.arange(2.0 * n), completeness=[share], confidence=confidence
    )
    first, last = table[["inspections_low", "inspections_high"]].to_numpy()[0]
    assert 0 <= first < last <= 2 * n
    below = scipy.stats.binom(n, share)
    # The quantile lies between the two where at least `first` and fewer than `last` lie below it.
    assert below.cdf(min(last, n + 1) - 1) - below.cdf(first - 1) >= confidence - 1e-9


def test_completeness_must_be_a_share():
    with pytest.raises(ValueError, match="completeness must be in"):
        expected_effort([0, 1], [0.1, 0.2], completeness=[1.5])


@pytest.mark.parametrize(("strategy", "enough"), [("mixed", True), ("random", False)])
def test_learning_finds_more_than_chance(two_kinds, strategy, enough):
    table = replay_inspection(
        *two_kinds,
        strategy=strategy,
        n_inspections=100,
        ranker=InspectionRanker(60, random_state=0),
        random_state=1,
    )
    assert table["inspections"].tolist() == [20, 40, 60, 80, 100]
    assert table["n_spurious"].is_monotonic_increasing
    assert (table["completeness"].iloc[-1] > 0.9) == enough


def test_unequal_lengths_and_an_impossible_confidence():
    with pytest.raises(ValueError, match=r"y_true has shape \(3,\) and score has \(2,\)"):
        expected_effort([1, 0, 0], [0.5, 0.2])
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 1"):
        expected_effort([1, 0], [0.5, 0.2], confidence=1)


def test_a_replay_ends_when_all_are_inspected(two_kinds):
    rows, y = two_kinds
    table = replay_inspection(
        rows[:70], y[:70], n_batch=30, ranker=InspectionRanker(20), random_state=0
    )
    assert table["inspections"].tolist() == [20, 50, 70]
    assert table["completeness"].iloc[-1] == 1
