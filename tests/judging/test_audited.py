import numpy as np
import pytest
import scipy.stats

from spurclust.inspection import audited_prefix, bound_spurious, inspections_to_bound
from spurclust.inspection.deck import Deck, Order
from spurclust.judging.store import Event
from spurclust.judging.tally import Tally
from spurclust.metrics import confidence_sequence


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


def inspect(seed, n, n_spurious, n_verdicts):
    """Inspect sources of which the first are spurious, with a perfect ranking."""
    permutation = np.random.RandomState(seed).permutation(n)
    tally = Tally(map(str, range(n)), ())
    wanted = np.ones(n, dtype=np.int16)
    deck = Deck(tally, wanted, permutation, audit_share=0.4, hold_seconds=60)
    deck.set_orders(1, [Order("probable", 1.0, np.arange(n))])
    for _ in range(n_verdicts):
        (held,) = deck.deal(1, "anna")
        word = "spurious" if held.row < n_spurious else "reliable"
        tally.add(Event(str(held.row), "anna", word))
        deck.release("anna", held.row)
    return permutation, tally


def test_the_prefix_is_a_uniform_sample_whatever_else_is_inspected():
    n, n_spurious, n_surveys, n_first = 20, 4, 1000, 3
    counts = np.zeros(n_first + 1)
    for seed in range(n_surveys):
        permutation, tally = inspect(seed, n, n_spurious, 12)
        assert audited_prefix(permutation, tally.judged, tally.labels).n_inspected >= n_first
        counts[int((tally.labels[permutation[:n_first]] == 1).sum())] += 1
    expected = scipy.stats.hypergeom(n, n_spurious, n_first).pmf(np.arange(n_first + 1))
    assert scipy.stats.chisquare(counts, n_surveys * expected).pvalue > 1e-3


def test_the_bound_holds_at_the_most_flattering_moment():
    # The lowest bound of all looks is that of the last.
    n_missed = 0
    for seed in range(300):
        permutation, tally = inspect(seed, 120, 12, 60)
        n_missed += bound_spurious(permutation, tally.judged, tally.labels) < 12
    assert n_missed <= scipy.stats.binom(300, 0.05).ppf(0.999)


def test_so_many_audits_are_needed_and_no_fewer():
    permutation, tally = inspect(0, 400, 8, 60)
    judged, labels = tally.judged.copy(), tally.labels.copy()
    n_found = int((labels == 1).sum())
    n_needed = inspections_to_bound(permutation, judged, labels, 10)
    audits = permutation[~judged[permutation]][:n_needed]
    for row in audits:
        assert bound_spurious(permutation, judged, labels) - n_found > 10
        judged[row], labels[row] = True, 0
    assert bound_spurious(permutation, judged, labels) - n_found <= 10
    assert inspections_to_bound(permutation, judged, labels, 10) == 0


def test_who_is_unsure_bounds_nothing():
    judged = np.arange(50) < 20
    bounds = [
        bound_spurious(np.arange(50), judged, np.where(judged, code, -1)) for code in (0, 1, -1)
    ]
    assert bounds[0] < bounds[1] == bounds[2]


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_is_the_lowest_of_all_lengths_of_the_prefix(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 300))
    order, judged = rng.permutation(n), rng.random(n) < 0.3
    judged[order[: int(rng.integers(0, n))]] = True
    labels = np.where(judged, rng.random(n) < 0.1, -1)
    length = audited_prefix(order, judged, labels).n_inspected
    found = np.cumsum(judged[order] & (labels[order] != 0))
    _, high = confidence_sequence(n, np.arange(1, n + 1), found)
    assert bound_spurious(order, judged, labels) == high[:length].min(initial=n)
    proves = np.flatnonzero(high <= 9 + (labels == 1).sum())
    n_needed = (~judged[order[: proves[0] + 1 if len(proves) else n]]).sum()
    assert inspections_to_bound(order, judged, labels, 9) == n_needed
