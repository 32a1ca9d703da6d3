from collections import Counter

import numpy as np
import pytest

from spurclust.inspection.deck import Deck, Order
from spurclust.judging.store import Event
from spurclust.judging.tally import Tally

N = 40


class Table:
    """A deck of 40 sources, its tally, and a clock that is set by hand."""

    def __init__(self, opinions=1, adjudicators=(), audit_share=0.2):
        self.now = 0.0
        self.tally = Tally(map(str, range(N)), adjudicators)
        self.permutation = np.random.RandomState(0).permutation(N)
        self.deck = Deck(
            self.tally,
            np.full(N, opinions, dtype=np.int16),
            self.permutation,
            audit_share=audit_share,
            hold_seconds=60,
            clock=lambda: self.now,
        )
        self.deck.set_orders(
            1, [Order("probable", 0.75, np.arange(N)), Order("unlike", 0.25, np.arange(N)[::-1])]
        )

    def deal(self, n, inspector="anna"):
        return [(one.row, one.why) for one in self.deck.deal(n, inspector)]

    def say(self, row, verdict="reliable", inspector="anna"):
        self.tally.add(Event(str(row), inspector, verdict))
        self.deck.release(inspector, row)

    def judge_all(self, inspector="anna", verdict="reliable"):
        """Judge all that is dealt; return it."""
        found = []
        while dealt := self.deal(1, inspector):
            found += dealt
            self.say(dealt[0][0], verdict, inspector)
        return found


def test_every_source_is_dealt_once_each_order_in_its_own():
    table = Table()
    found = table.judge_all()
    assert sorted(row for row, _ in found) == list(range(N))
    probable = [row for row, why in found if why == "probable"]
    unlike = [row for row, why in found if why == "unlike"]
    audit = [table.permutation.tolist().index(row) for row, why in found if why == "audit"]
    assert (probable, unlike, audit) == (sorted(probable), sorted(unlike)[::-1], sorted(audit))


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 1])
def test_the_shares_are_kept_at_any_time(share):
    table = Table(audit_share=share)
    whys = [why for _, why in table.deal(20)]
    for n in range(1, 21):
        counts = Counter(whys[:n])
        assert abs(counts["audit"] - share * n) <= 2
        assert abs(counts["probable"] - 0.75 * (1 - share) * n) <= 2


def test_what_is_held_is_dealt_again_to_the_same_inspector_only():
    table = Table()
    first = table.deal(5)
    assert table.deal(5) == first
    assert table.deal(3) == first[:3]
    others = table.deal(N, "ben")
    assert len(others) == N - 5
    assert {row for row, _ in others}.isdisjoint(row for row, _ in first)


def test_what_is_held_too_long_is_dealt_to_others():
    table = Table()
    first = {row for row, _ in table.deal(5)}
    table.now = 59
    table.deal(5)
    table.now = 118
    assert first.isdisjoint(row for row, _ in table.deal(N, "ben"))
    table.now = 120
    assert first <= {row for row, _ in table.deal(N, "ben")}


def test_a_second_opinion_is_that_of_another():
    table = Table(opinions=2)
    assert len(table.judge_all("anna")) == N
    assert {why for _, why in table.judge_all("ben")} == {"second opinion"}
    assert table.judge_all("carl") == []
    assert table.tally.inspectors() == {"anna": N, "ben": N}


def test_second_opinions_come_between_new_sources():
    table = Table(opinions=2)
    for row, _ in table.deal(10):
        table.say(row)
    counts = Counter(why for _, why in table.deal(16, "ben"))
    assert abs(counts["second opinion"] - 8) <= 2


def test_who_has_not_seen_a_disputed_source_is_asked_about_it():
    table = Table(opinions=2)
    table.judge_all("anna", "reliable")
    table.judge_all("ben", "spurious")
    assert table.judge_all("anna") == table.judge_all("ben") == []
    assert {why for _, why in table.judge_all("carl")} == {"second opinion"}
    assert not table.tally.disputed.any()


def test_a_disputed_source_goes_to_the_adjudicator_only_and_first():
    table = Table(opinions=2, adjudicators=["judge"])
    for row, _ in table.deal(4):
        table.say(row)
        table.say(row, "spurious", "ben")
    assert [why for _, why in table.deal(4, "judge")] == ["adjudication"] * 4
    assert "second opinion" not in {why for _, why in table.deal(N, "carl")}


def test_unsure_ones_come_back_once_at_the_end():
    table = Table()
    found = table.judge_all(verdict="unsure")
    assert [why for _, why in found[N:]] == ["unsure"] * N
    assert [why for _, why in found[:N]].count("unsure") == 0
    assert table.judge_all() == []
    assert {why for _, why in table.judge_all("ben")} == {"unsure"}


def test_what_is_put_first_is_dealt_first():
    table = Table()
    first = table.deal(3)
    table.say(first[1][0])
    table.deck.put_first("anna", first[1][0])
    assert table.deal(3) == [(first[1][0], "undone"), first[0], first[2]]
