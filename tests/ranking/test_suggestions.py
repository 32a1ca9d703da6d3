"""What to inspect next."""

import numpy as np
import pytest

from spurclust import InspectionRanker
from spurclust.ranking import inspection_rank, outlyingness, suggest_sources

STRATEGIES = ("mixed", "probable", "uncertain", "diverse", "random")


def test_equal_probabilities_keep_their_order():
    assert inspection_rank([0.5, 0.9, 0.5, 0.1]).tolist() == [2, 1, 3, 4]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_suggestions_are_uninspected_and_differ(two_kinds, strategy):
    rows, _ = two_kinds
    inspected = np.arange(300) % 3 == 0
    probability = np.linspace(0, 1, 300)
    some = suggest_sources(rows, inspected, probability, 40, strategy=strategy, random_state=0)
    assert len(set(some.tolist())) == 40
    assert not inspected[some].any()
    everything = suggest_sources(rows, inspected, probability, 999, strategy=strategy)
    assert sorted(everything.tolist()) == np.flatnonzero(~inspected).tolist()
    none_left = suggest_sources(rows, np.ones(300, dtype=bool), probability, strategy=strategy)
    assert none_left.shape == (0,)


def test_what_each_strategy_means(two_kinds):
    rows, _ = two_kinds
    probability = np.linspace(0, 1, 300)
    nobody = np.zeros(300, dtype=bool)

    def suggested(strategy):
        return suggest_sources(rows, nobody, probability, 8, strategy=strategy).tolist()

    assert suggested("probable") == list(range(299, 291, -1))
    assert set(suggested("uncertain")) == set(range(146, 154))
    mixed = suggested("mixed")
    diverse = [mixed.pop(7), mixed.pop(3)]
    assert mixed == list(range(299, 293, -1))
    assert not set(diverse) & {293, 292}


def test_diverse_ones_meet_what_nobody_has_seen(two_kinds):
    rows, _ = two_kinds
    inspected = np.arange(300) >= 15  # the first kind is unknown
    some = suggest_sources(rows, inspected, np.zeros(300), 3, strategy="diverse")
    assert (some < 15).all()
    alone = np.zeros((5, 1))
    alone[4] = 9.0
    assert suggest_sources(alone, np.zeros(5, dtype=bool), np.zeros(5), 1, strategy="diverse") == 4


def test_wrong_input_is_refused(two_kinds):
    rows, _ = two_kinds
    with pytest.raises(ValueError, match="300 rows, 2 inspected, 300 probabilities"):
        suggest_sources(rows, [True, False], np.zeros(300))
    with pytest.raises(ValueError, match="strategy='best': it must be one of mixed"):
        suggest_sources(rows, np.zeros(300), np.zeros(300), strategy="best")


def test_a_ranker_suggests(two_kinds):
    rows, y = two_kinds
    labels = np.where(np.arange(300) % 5 == 0, y, -1)
    ranker = InspectionRanker(100, unlabeled=-1, random_state=0).fit(rows, labels)
    some = ranker.suggest(rows, 12, strategy="probable")
    assert (labels[some] == -1).all()
    assert y[some].mean() > 0.8
    with pytest.raises(ValueError, match="there must be one for each source"):
        ranker.suggest(rows[:10])


def test_without_a_known_spurious_the_outlying_come_first(two_kinds):
    rows, y = two_kinds
    labels = np.where((np.arange(300) % 5 == 0) & (y == 0), 0, -1)
    with pytest.warns(UserWarning, match="inspected sources is spurious"):
        ranker = InspectionRanker(20, unlabeled=-1, random_state=0).fit(rows, labels)
    some = ranker.suggest(rows, 10, strategy="probable")
    assert y[some].mean() > 0.5
    assert y[np.argsort(-outlyingness(rows))[:20]].mean() > 0.5
