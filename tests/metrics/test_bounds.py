"""Bounds from an audit, against exact enumeration."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from spurclust.metrics import (
    completeness_lower_bound,
    confidence_sequence,
    draw_audit_sample,
    inspections_needed,
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


PRIORS = [(Fraction(1, 4), 30), (1, 1), (Fraction(1, 2), Fraction(1, 2)), (2, 5)]


def rising(start, n):
    return math.prod((start + step for step in range(n)), start=Fraction(1))


def refutes(n_sources, n_spurious, n_inspected, n_found, confidence, prior):
    """Whether the exact ratio of prior and posterior refutes a number of spurious sources."""
    a, b = map(Fraction, prior)
    marginal = rising(a, n_found) * rising(b, n_inspected - n_found) / rising(a + b, n_inspected)
    ways = math.comb(n_sources - n_inspected, n_spurious - n_found)
    return marginal * math.comb(n_sources, n_spurious) * (1 - confidence) > ways


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("confidence", [Fraction(2, 3), Fraction(19, 20)])
def test_every_small_inspection_has_the_bounds_of_its_ratios(confidence, prior):
    for n_sources in (*range(9), 25):
        counts = [(n, k) for n in range(n_sources + 1) for k in range(n + 1)]
        looks, found = np.array(counts).T
        options = {"confidence": float(confidence), "prior": tuple(map(float, prior))}
        for (n, k), low, high in zip(
            counts, *confidence_sequence(n_sources, looks, found, **options), strict=True
        ):
            plausible = [
                total
                for total in range(k, n_sources - n + k + 1)
                if not refutes(n_sources, total, n, k, confidence, prior)
            ]
            assert list(range(low, high + 1)) == plausible


@pytest.mark.parametrize("prior", PRIORS)
def test_the_bounds_of_all_looks_together_hold_often_enough(prior):
    n_sources, confidence = 40, 0.9
    looks = np.arange(n_sources + 1)[:, None]
    found = np.minimum(np.arange(n_sources + 1), looks)
    options = {"confidence": confidence, "prior": tuple(map(float, prior))}
    low, high = confidence_sequence(n_sources, looks, found, **options)
    for n_spurious in range(n_sources + 1):
        covers = (low <= n_spurious) & (n_spurious <= high)
        # Exact: the probability of each count, on the ways that no bound has excluded.
        held = np.zeros(n_sources + 2)
        held[0] = 1
        for n in range(n_sources):
            p = np.clip((n_spurious - np.arange(n_sources + 1)) / (n_sources - n), 0, 1)
            now = held[:-1]
            held = np.append(now * (1 - p), 0) + np.insert(now * p, 0, 0)
            held[:-1] *= covers[n + 1]
        assert held.sum() >= confidence - 1e-9


@pytest.mark.parametrize(
    ("n_sources", "n_spurious"), [(200, 0), (200, 1), (1000, 3), (1000, 30), (300, 150)]
)
def test_10_000_inspections_stopped_at_the_most_flattering_moment(n_sources, n_spurious):
    rng = np.random.default_rng(0)
    order = np.tile(np.arange(n_sources) < n_spurious, (10_000, 1))
    found = np.cumsum(rng.permuted(order, axis=1), axis=1, dtype=np.int16)
    looks = np.arange(1, n_sources + 1)
    possible = np.minimum(np.arange(n_spurious + 1), looks[:, None])
    low, high = confidence_sequence(n_sources, looks[:, None], possible)
    least, most = high[looks - 1, found].min(axis=1), low[looks - 1, found].max(axis=1)
    assert np.mean((least < n_spurious) | (most > n_spurious)) <= 0.05


def test_looking_at_the_bound_of_a_fixed_size_breaks_its_confidence():
    n_sources, n_spurious = 200, 6
    rng = np.random.default_rng(0)
    order = np.tile(np.arange(n_sources) < n_spurious, (1000, 1))
    found = np.cumsum(rng.permuted(order, axis=1), axis=1)
    high = np.array(
        [
            [k + remaining_upper_bound(n_sources, n, min(k, n)) for k in range(n_spurious + 1)]
            for n in range(1, n_sources + 1)
        ]
    )
    assert np.mean(high[np.arange(n_sources), found].min(axis=1) < n_spurious) > 0.1


@given(AUDITS, st.floats(0.1, 2), st.floats(0.5, 100))
def test_bounds_at_any_time_hold_what_is_known_and_widen_with_confidence(audit, a, b):
    n_sources, n_inspected, n_found = audit
    low, high = confidence_sequence(*audit, prior=(a, b))
    assert n_found <= low <= high <= n_sources - n_inspected + n_found
    # Counted the other way round, reliable sources are bounded.
    mirrored = confidence_sequence(n_sources, n_inspected, n_inspected - n_found, prior=(b, a))
    assert (n_sources - low, n_sources - high) == mirrored[::-1]
    wider = confidence_sequence(*audit, 0.99, prior=(a, b))
    assert wider[0] <= low
    assert wider[1] >= high
    # Looking at any time has its price.
    assert high >= n_found + remaining_upper_bound(*audit)


@given(st.integers(0, 3000))
def test_a_bound_at_any_time_falls_while_none_is_found(n_sources):
    _, high = confidence_sequence(n_sources, np.arange(n_sources + 1), 0)
    assert (np.diff(high) <= 0).all()
    assert (high[0], high[-1]) == (n_sources, 0)
    n_inspected = n_sources // 2
    found = np.arange(n_inspected + 1)
    ends = np.array(confidence_sequence(n_sources, n_inspected, found))
    assert (np.diff(ends) >= 0).all()


@given(AUDITS, st.integers(0, 1000))
def test_so_many_inspections_are_needed_and_no_fewer(audit, most):
    n_sources, n_inspected, n_found = audit
    needed = inspections_needed(n_sources, most, n_inspected, n_found)
    remaining = confidence_sequence(n_sources, n_inspected + needed, n_found)[1] - n_found
    assert remaining <= most
    if needed:
        fewer = np.arange(n_inspected, n_inspected + needed)
        assert (confidence_sequence(n_sources, fewer, n_found)[1] - n_found > most).all()
    assert inspections_needed(n_sources, most + 1, n_inspected, n_found) <= needed


@pytest.mark.parametrize(("n", "k"), [(0, 0), (300, 0), (3000, 2), (20_000, 900), (10**7 - 4, 2)])
def test_bounds_of_ten_million_sources_at_any_time(n, k):
    n_sources = 10**7
    low, high = map(int, confidence_sequence(n_sources, n, k, prior=(1, 1)))

    def plausible(total):
        # Exact in integers: under this prior all counts of found are equally probable.
        ways = math.comb(total, k) * math.comb(n_sources - total, n - k)
        return math.comb(n_sources, n) <= 20 * (n + 1) * ways

    assert plausible(low)
    assert plausible(high)
    assert low == k or not plausible(low - 1)
    assert high == n_sources - n + k or not plausible(high + 1)


def test_known_cases():
    # The rule of three: nothing in 300 of very many means below about 3 / 300.
    assert remaining_upper_bound(10**7, 300, 0) == pytest.approx(3 / 300 * 10**7, rel=0.02)
    # 19 of 20 at 95 %: one spurious source would escape with a probability of exactly 5 %.
    assert remaining_upper_bound(20, 19, 0) == 0


def test_many_found_in_a_large_sample_do_not_underflow():
    bound = remaining_upper_bound(200_000, 100_000, 40_000)
    assert 40_000 < bound < 40_600


@given(st.integers(0, 100), st.integers(0, 10), AUDITS)
def test_the_completeness_follows_from_the_bound(flagged, missed, audit):
    value = completeness_lower_bound(flagged, *audit, n_missed=missed)
    total = flagged + missed + int(confidence_sequence(*audit)[1])
    if total == 0:
        assert math.isnan(value)
    else:
        assert value == flagged / total
        assert completeness_lower_bound(flagged + 1, *audit, n_missed=missed) >= value
        assert completeness_lower_bound(flagged, *audit, n_missed=missed + 1) <= value


BOUND, SEQUENCE = remaining_upper_bound, confidence_sequence


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
        (SEQUENCE, (5, [1, 6], 0), "n_inspected must be at most n_sources"),
        (SEQUENCE, (5, [1, 3], 2), "n_found must be at most n_inspected"),
        (SEQUENCE, (5, [1, -3], 0), "n_inspected must be at least 0, got -3"),
        (SEQUENCE, (5.0, 3, 1), "n_sources must be an integer, got float64"),
        (SEQUENCE, (5, 3, 1, 1.0), "confidence must be between 0 and 1"),
        (partial(SEQUENCE, prior=(0, 1)), (5, 3, 1), r"two positive numbers, got \(0, 1\)"),
        (inspections_needed, (5, 1, 6), "n_inspected must be at most n_sources, 5, got 6"),
        (inspections_needed, (5, 1, 2, 3), "n_found must be at most n_inspected, 2, got 3"),
        (inspections_needed, (5, -1), "max_remaining must be at least 0"),
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
