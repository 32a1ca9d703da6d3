"""What is still to be found: intervals that hold however the labels came about, or none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust import InspectionRanker
from spurclust.ranking import inspection_outlook, sampling_p_value

N_SOURCES, N_START, N_BATCH, N_ROUNDS = 240, 80, 15, 5


def replay(seed, *, start="random", n_rounds=N_ROUNDS):
    """Inspect a survey in rounds, in the order of the ranking; yield what is said and the truth.

    What is said is an outlook that knows the origins of the labels, and one that does not.
    """
    rng = np.random.default_rng(seed)
    truth = (rng.random(N_SOURCES) < 0.12).astype(int)
    rows = rng.normal(size=(N_SOURCES, 4)).astype(np.float32)
    kind = rng.integers(0, 2, N_SOURCES)
    rows[np.arange(N_SOURCES), kind] += 3 * truth
    first = rng.permutation(N_SOURCES)
    if start == "suspicious":
        first = np.argsort(-rows.max(axis=1) + rng.normal(scale=0.5, size=N_SOURCES))
    known = np.zeros(N_SOURCES, dtype=bool)
    known[first[:N_START]] = True
    origin = np.full(N_SOURCES, "", dtype=object)
    for _ in range(n_rounds + 1):
        y = np.where(known, truth, -1)
        ranker = InspectionRanker(24, n_folds=3, unlabeled=-1, random_state=0).fit(rows, y)
        said = [inspection_outlook(ranker, rows, y, origins=each) for each in (origin, None)]
        rank = np.sort(ranker.inspection_rank_[truth == 1])
        needed = rank[int(np.ceil(0.9 * len(rank) - 1e-9)) - 1]
        yield *said, int(truth[~known].sum()), needed
        left = np.flatnonzero(~known)
        batch = left[np.argsort(ranker.inspection_rank_[left])[:N_BATCH]]
        known[batch], origin[batch] = True, "queue"


def is_true_or_not_printed(outlook, n_left, needed):
    """Return whether both intervals hold, where there are some."""
    row = outlook.effort.iloc[0]
    effort = np.isnan(row.inspections_low) or row.inspections_low <= needed <= row.inspections_high
    return bool(effort), outlook.interval is None or outlook.interval[0] <= n_left <= (
        outlook.interval[1]
    )


@pytest.mark.slow
def test_intervals_of_200_replays_of_five_rounds_are_true_or_not_printed():
    replays = [list(replay(seed)) for seed in range(200)]
    for number in range(N_ROUNDS + 1):
        knowing, blind, *truth = zip(*[rounds[number] for rounds in replays], strict=True)
        for outlooks in (knowing, blind):
            held = [is_true_or_not_printed(*one) for one in zip(outlooks, *truth, strict=True)]
            assert (np.mean(held, axis=0) >= 0.9).all(), (number, np.mean(held, axis=0))
        # A random sample has its interval, also later, if it is known which labels are in it.
        printed = [[one.interval is not None for one in outlooks] for outlooks in (knowing, blind)]
        assert np.mean(printed[0]) > 0.85
        assert (np.mean(printed[1]) < 0.25) == (number > 0)
        excess = [one.n_expected - n_left for one, n_left in zip(knowing, truth[0], strict=True)]
        assert abs(np.mean(excess)) < 6


def test_a_random_start_has_intervals_and_keeps_the_one_of_what_is_left():
    for number, (outlook, _, n_left, _) in enumerate(replay(3, n_rounds=2)):
        low, high = outlook.interval
        assert low <= n_left <= high
        assert outlook.n_sampled == N_START
        assert outlook.n_uninspected == N_SOURCES - N_START - number * N_BATCH
        assert outlook.effort["inspections_low"].isna().all() == (number > 0)
        assert outlook.effort["inspections_left"].between(0, outlook.n_uninspected).all()


@pytest.mark.parametrize(("start", "knows"), [("random", False), ("suspicious", True)])
def test_labels_that_are_no_random_sample_have_no_interval(start, knows):
    *_, said = replay(3, n_rounds=3, start=start)
    outlook = said[0 if knows else 1]
    assert outlook.interval is None
    assert outlook.n_sampled == 0
    assert outlook.effort[["inspections_low", "inspections_high"]].isna().all(axis=None)
    assert 0 <= outlook.n_expected <= outlook.n_uninspected


def test_labels_that_were_drawn_count_though_their_scores_differ():
    rng = np.random.default_rng(0)
    truth = (np.arange(240) < 40).astype(int)
    rows = rng.normal(size=(240, 2)) + 3 * truth[:, None]
    y = np.where(np.arange(240) % 3 == 0, truth, -1)
    y[:30] = truth[:30]  # more of the spurious than in most samples
    ranker = InspectionRanker(20, unlabeled=-1, random_state=0).fit(rows, y)
    assert inspection_outlook(ranker, rows, y).n_sampled == 0
    outlook = inspection_outlook(ranker, rows, y, origins=["random"] * 240)
    assert outlook.n_sampled == (y >= 0).sum()
    assert outlook.interval is not None


def test_where_all_are_inspected_nothing_is_left_and_all_count():
    rows = np.random.default_rng(0).normal(size=(60, 2))
    y = (rows[:, 0] > 1).astype(int)
    ranker = InspectionRanker(20, unlabeled=-1, random_state=0).fit(rows, y)
    outlook = inspection_outlook(ranker, rows, y, origins=["queue"] * 60)
    assert (outlook.n_uninspected, outlook.n_expected, outlook.interval) == (0, 0, (0, 0))
    assert outlook.n_sampled == 60
    assert outlook.effort["inspections_high"].notna().all()
    assert (outlook.effort["inspections_left"] == 0).all()


def test_labels_of_one_class_calibrate_nothing():
    rows = np.random.default_rng(0).normal(size=(40, 2))
    y = np.where(np.arange(40) < 8, 1, -1)
    ranker = InspectionRanker(20, unlabeled=-1, random_state=0).fit(rows, y)
    outlook = inspection_outlook(ranker, rows, y)
    assert np.isnan(outlook.n_expected)
    assert outlook.effort["inspections_left"].isna().all()


@given(n=st.integers(1, 60), n_sampled=st.integers(0, 60), seed=st.integers(0, 99))
def test_a_p_value_depends_on_which_are_sampled_not_on_their_order(n, n_sampled, seed):
    rng = np.random.default_rng(seed)
    score, sampled = rng.random(n), rng.permutation(np.arange(n) < n_sampled)
    p = sampling_p_value(score, sampled)
    assert 0 < p <= 1
    order = rng.permutation(n)
    assert sampling_p_value(score[order], sampled[order]) == p
    if n_sampled in (0, n):
        assert p == 1


def test_random_samples_are_seldom_taken_for_others():
    rng = np.random.default_rng(0)
    score = rng.random(200) ** 8
    p = [sampling_p_value(score, rng.permutation(200) < 40) for _ in range(60)]
    assert np.mean(np.array(p) < 0.05) < 0.15
    assert sampling_p_value(score, score > np.sort(score)[-20]) == 0.002
