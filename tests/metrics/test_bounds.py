"""Bounds from an audit, against exact enumeration."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from spurclust.metrics import (
    audit_sample_size,
    completeness_lower_bound,
    draw_audit_sample,
    remaining_upper_bound,
)

CONFIDENCES = [Fraction(1, 2), Fraction(9, 10), Fraction(19, 20)]


def chance(k, n_sources, n_spurious, n_inspected):
    """The exact probability of k spurious sources in the sample."""
    ways = math.comb(n_spurious, k) * math.comb(n_sources - n_spurious, n_inspected - k)
    return Fraction(ways, math.comb(n_sources, n_inspected))


def chance_of_at_most(k, n_sources, n_spurious, n_inspected):
    return sum(chance(j, n_sources, n_spurious, n_inspected) for j in range(k + 1))


def bound_by_enumeration(n_sources, n_inspected, n_found, confidence):
    possible = range(n_found, n_sources - n_inspected + n_found + 1)
    plausible = [
        n_spurious
        for n_spurious in possible
        if chance_of_at_most(n_found, n_sources, n_spurious, n_inspected) > 1 - confidence
    ]
    return max(plausible) - n_found


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_every_small_audit(confidence):
    for n_sources in range(1, 13):
        for n_inspected in range(n_sources + 1):
            bounds = [
                remaining_upper_bound(n_sources, n_inspected, k, float(confidence))
                for k in range(n_inspected + 1)
            ]
            assert bounds == [
                bound_by_enumeration(n_sources, n_inspected, k, confidence)
                for k in range(n_inspected + 1)
            ]
            # Whatever the number of spurious sources, the bound holds often enough.
            for n_spurious in range(n_sources + 1):
                covered = sum(
                    chance(k, n_sources, n_spurious, n_inspected)
                    for k in range(min(n_inspected, n_spurious) + 1)
                    if n_inspected - k <= n_sources - n_spurious and k + bounds[k] >= n_spurious
                )
                assert covered >= confidence


AUDITS = st.integers(0, 5000).flatmap(
    lambda n: st.integers(0, n).flatmap(
        lambda looked: st.tuples(st.just(n), st.just(looked), st.integers(0, looked))
    )
)


@given(AUDITS, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_one_more_than_the_bound_is_refuted_and_the_bound_is_not(audit, confidence):
    n_sources, n_inspected, n_found = audit
    remaining = remaining_upper_bound(n_sources, n_inspected, n_found, confidence)
    assert 0 <= remaining <= n_sources - n_inspected
    allowed = 1 - confidence
    total = n_found + remaining
    cdf = hypergeom(n_sources, total, n_inspected).cdf(n_found) if n_sources else 1
    assert cdf > allowed * (1 - 1e-6)
    if remaining < n_sources - n_inspected:
        assert hypergeom(n_sources, total + 1, n_inspected).cdf(n_found) <= allowed * (1 + 1e-6)


@given(AUDITS)
def test_a_bound_falls_with_looking_and_rises_with_finding(audit):
    n_sources, n_inspected, n_found = audit
    bound = remaining_upper_bound(*audit)
    assert remaining_upper_bound(*audit, 0.99) >= bound
    assert remaining_upper_bound(n_sources + 1, n_inspected, n_found) >= bound
    if n_inspected < n_sources:
        assert remaining_upper_bound(n_sources, n_inspected + 1, n_found) <= bound
    if n_found < n_inspected:
        more = remaining_upper_bound(n_sources, n_inspected, n_found + 1)
        assert more + n_found + 1 >= bound + n_found


@given(st.integers(0, 10**7), st.integers(0, 1000), st.integers(0, 30))
def test_the_sample_size_is_the_smallest_that_proves_it(n_sources, most, n_found):
    n_found = min(n_found, n_sources)
    size = audit_sample_size(n_sources, most, n_found)
    assert remaining_upper_bound(n_sources, size, n_found) <= most
    if size > n_found:
        assert remaining_upper_bound(n_sources, size - 1, n_found) > most
    if n_found < n_sources:
        assert audit_sample_size(n_sources, most, n_found + 1) >= size
    assert audit_sample_size(n_sources, most + 1, n_found) <= size


@pytest.mark.parametrize(
    ("n_sources", "n_inspected", "n_found"),
    [(10**7, 1, 0), (10**7, 300, 0), (10**7, 2000, 3), (10**7, 10**6, 5), (10**7, 10**7 - 4, 2)],
)
def test_ten_million_unflagged_to_the_last_source(n_sources, n_inspected, n_found):
    total = n_found + remaining_upper_bound(n_sources, n_inspected, n_found)

    def plausible(n_spurious):
        # Exact in integers; the sample and the spurious may change roles.
        few, many = sorted([n_spurious, n_inspected])
        all_ways = math.comb(n_sources, few)
        ways = sum(
            math.comb(many, k) * math.comb(n_sources - many, few - k) for k in range(n_found + 1)
        )
        return 20 * ways > all_ways

    assert plausible(total)
    assert n_sources - n_inspected + n_found == total or not plausible(total + 1)


def test_known_cases():
    # The rule of three: nothing in 300 of very many means below about 3 / 300.
    assert remaining_upper_bound(10**7, 300, 0) == pytest.approx(3 / 300 * 10**7, rel=0.02)
    # 19 of 20 at 95 %: one spurious source would escape with a probability of exactly 5 %.
    assert remaining_upper_bound(20, 19, 0) == 0
    assert audit_sample_size(20, 0) == 19


def test_many_found_in_a_large_sample_do_not_underflow():
    bound = remaining_upper_bound(200_000, 100_000, 40_000)
    assert 40_000 < bound < 40_600


@given(st.integers(0, 100), st.integers(0, 10), AUDITS)
def test_the_completeness_follows_from_the_bound(flagged, missed, audit):
    remaining = remaining_upper_bound(*audit)
    value = completeness_lower_bound(flagged, *audit, n_missed=missed)
    total = flagged + missed + audit[2] + remaining
    if total == 0:
        assert math.isnan(value)
    else:
        assert value == flagged / total
        assert completeness_lower_bound(flagged + 1, *audit, n_missed=missed) >= value
        assert completeness_lower_bound(flagged, *audit, n_missed=missed + 1) <= value


BOUND = remaining_upper_bound


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (BOUND, (-1, 0, 0), "n_unflagged must be at least 0, got -1"),
        (BOUND, (5, 6, 0), "n_inspected must be at most n_unflagged, 5, got 6"),
        (BOUND, (5, 3, 4), "n_found must be at most n_inspected, 3, got 4"),
        (BOUND, (5, 3, -1), "n_found must be at least 0"),
        (BOUND, (5.5, 3, 1), r"n_unflagged must be an integer, got 5\.5"),
        (BOUND, (5, 3, 1, 95), "confidence must be between 0 and 1, got 95"),
        (BOUND, (5, 3, 1, math.nan), "confidence must be between 0 and 1, got nan"),
        (audit_sample_size, (5, 1, 6), "n_found must be at most n_unflagged, 5, got 6"),
        (audit_sample_size, (5, -1), "max_remaining must be at least 0"),
        (completeness_lower_bound, (-1, 5, 1, 0), "n_spurious_flagged must be at least 0"),
        (draw_audit_sample, ([0, 1], 3), "n must be at most the number of candidates, 2, got 3"),
        (draw_audit_sample, ([False, True], 2), "number of candidates, 1, got 2"),
        (draw_audit_sample, ([0, 1, 1, 0], 2), r"than once.*\[1, 0\].*A mask must be boolean"),
        (draw_audit_sample, ([[1, 2]], 1), r"got \(1, 2\)"),
        (draw_audit_sample, ([1, 2], -1), "n must be at least 0"),
        (draw_audit_sample, (pd.array([True, None], dtype="boolean"), 1), "missing values"),
    ],
)
def test_bad_counts_and_candidates(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 2**32 - 1), st.data())
def test_a_sample_of_a_mask(mask, seed, data):
    n = data.draw(st.integers(0, sum(mask)))
    drawn = draw_audit_sample(np.array(mask, dtype=bool), n, random_state=seed).tolist()
    assert len(set(drawn)) == n
    assert all(mask[index] for index in drawn)
    everything = draw_audit_sample(np.array(mask, dtype=bool), sum(mask), random_state=seed)
    assert everything[:n].tolist() == drawn


@pytest.mark.parametrize(
    "ids",
    [
        [11, 5, 7],
        ["a", "b", "c"],
        [1, "a", 2],
        np.array(["x1", "x2", "x3"]),
        pd.Series([4, 2, 9], index=[5, 6, 7]),
        pd.Series(["p", "q", "r"]),
    ],
)
def test_a_sample_of_ids(ids):
    drawn = draw_audit_sample(ids, 3, random_state=0)
    assert drawn.shape == (3,)
    assert set(drawn.tolist()) == set(ids)
    again = draw_audit_sample(ids, 2, random_state=np.random.RandomState(0))
    assert again.tolist() == drawn[:2].tolist()


def test_masks_of_pandas_and_nothing_at_all():
    mask = pd.Series([True, False, True], index=[9, 8, 7])
    for given_mask in (mask, mask.astype("boolean"), mask.astype(object)):
        assert sorted(draw_audit_sample(given_mask, 2)) == [0, 2]
    assert draw_audit_sample([], 0).tolist() == []
