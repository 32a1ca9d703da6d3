import numpy as np
import scipy.stats

from spurclust.inspection import audited_prefix
from spurclust.inspection.deck import Deck, Order
from spurclust.inspection.store import Event
from spurclust.inspection.tally import Tally


def test_the_prefix_ends_before_the_first_source_that_is_not_judged():
    order, judged = np.array([4, 1, 0, 2, 3]), np.array([True, True, True, False, True])
    labels = np.array([1, -1, 1, 1, 0])
    assert audited_prefix(order, judged, labels) == (4, 2, 1)
    assert audited_prefix(order, judged & False, labels) == (0, 0, 0)
    assert audited_prefix(order, judged | True, labels) == (5, 3, 1)


def test_what_is_judged_beyond_a_gap_changes_nothing():
    order, rng = np.arange(10), np.random.default_rng(0)
    judged = np.array([True] * 4 + [False] + [True] * 5)
    found = {audited_prefix(order, judged, np.r_[1, 0, 0, 1, rng.integers(0, 2, 6)]) for _ in "abc"}
    assert len(found) == 1


def test_the_prefix_is_a_uniform_sample_whatever_else_is_inspected():
    n, n_spurious, n_surveys, n_first = 20, 4, 1000, 3
    counts = np.zeros(n_first + 1)
    for seed in range(n_surveys):
        permutation = np.random.RandomState(seed).permutation(n)
        tally = Tally(map(str, range(n)), ())
        wanted = np.ones(n, dtype=np.int16)
        deck = Deck(tally, wanted, permutation, audit_share=0.4, hold_seconds=60)
        # A perfect ranking, which finds all the spurious before the audit does.
        deck.set_orders(1, [Order("probable", 1.0, np.arange(n))])
        for _ in range(12):
            (held,) = deck.deal(1, "anna")
            word = "spurious" if held.row < n_spurious else "reliable"
            tally.add(Event(str(held.row), "anna", word))
            deck.release("anna", held.row)
        assert audited_prefix(permutation, tally.judged, tally.labels).n_inspected >= n_first
        counts[int((tally.labels[permutation[:n_first]] == 1).sum())] += 1
    expected = scipy.stats.hypergeom(n, n_spurious, n_first).pmf(np.arange(n_first + 1))
    assert scipy.stats.chisquare(counts, n_surveys * expected).pvalue > 1e-3
