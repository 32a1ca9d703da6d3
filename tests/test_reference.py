"""The choice of the sources to fit on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spurclust import choose_reference

labels = st.lists(st.sampled_from([-1, -1, -1, 0, 0, 1]), min_size=3, max_size=80).filter(
    lambda y: max(y) >= 0
)


@given(y=labels, share=st.floats(0, 1.2), seed=st.integers(0, 5), diverse=st.booleans())
def test_laws(y, share, seed, diverse):
    y = np.array(y)
    n_spurious = int((y == 1).sum())
    size = max(2, n_spurious, round(share * len(y)))
    rows = np.random.default_rng(0).normal(size=(len(y), 3))
    options = {"method": "diverse", "rows": rows} if diverse else {}
    chosen = choose_reference(y, size, random_state=seed, **options)
    assert len(chosen) == min(size, len(y))
    assert (np.diff(chosen) > 0).all()
    counts = {code: int((y[chosen] == code).sum()) for code in (1, 0, -1)}
    assert counts[1] == n_spurious
    assert counts[0] == min((y == 0).sum(), size - n_spurious)
    assert_array_equal(chosen, choose_reference(y, size, random_state=seed, **options))


def test_seeds_differ():
    y = np.where(np.arange(500) < 20, np.arange(500) % 2, -1)
    one, other = (choose_reference(y, 100, random_state=seed) for seed in (0, 1))
    assert set(range(20)) <= set(one)
    assert set(one) != set(other)


def test_diverse_finds_what_is_rare():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5000, 4))
    rare = rng.permutation(5000)[:50]
    rows[rare] += 8
    y = np.full(5000, -1)
    y[:2] = 0, 1
    found = {
        method: np.isin(rare, choose_reference(y, 500, method=method, rows=rows, random_state=0))
        for method in ("random", "diverse")
    }
    assert found["random"].sum() < 15
    assert found["diverse"].sum() > 2 * found["random"].sum()


def test_rows_without_spread_are_all_alike():
    y = np.array([0, 1, -1, -1, -1])
    assert len(choose_reference(y, 3, method="diverse", rows=np.ones((5, 2)), random_state=0)) == 3


def test_other_labels():
    y = np.array(["fine", "?", "spurious", "?"])
    assert_array_equal(choose_reference(y, 2, unlabeled="?"), [0, 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [-1, -1, -1], "size": 2}, "All 3 sources are uninspected"),
        ({"y": [1, 1, 1, 0, -1], "size": 2}, "at least the 3 known spurious"),
        ({"y": [1, 0, -1], "size": 1}, "size=1: it must be at least 2"),
        ({"y": [1, 0, -1], "size": 2, "method": "all"}, "method='all'"),
        ({"y": [1, 0, -1], "size": 2, "method": "diverse"}, "needs rows"),
        (
            {"y": [1, 0, -1], "size": 2, "method": "diverse", "rows": [[1], [2]]},
            r"shape \(2, 1\), and y has 3 labels",
        ),
        (
            {"y": [1, 0, -1], "size": 2, "method": "diverse", "rows": [[1], [2], [np.nan]]},
            "missing or infinite",
        ),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_reference(**arguments)
