"""The region rule."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spurclust.region import component_counts, component_table, region_of, spurious_fractions

SOURCES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-1, 0, 1])), max_size=60)


@given(SOURCES)
def test_every_source_counts_once(sources):
    component = np.array([c for c, _ in sources], dtype=int)
    y = np.array([label for _, label in sources], dtype=int)
    counts = component_counts(component, y, 5)
    assert_array_equal(counts.sum(axis=0), [len(y), (y >= 0).sum(), (y == 1).sum()])
    assert (counts[:, 2] <= counts[:, 1]).all()
    assert (counts[:, 1] <= counts[:, 0]).all()
    for number in range(5):
        assert counts[number, 2] == ((component == number) & (y == 1)).sum()


@given(SOURCES, st.floats(0.001, 1))
def test_a_higher_threshold_never_adds_a_component(sources, threshold):
    component = np.array([c for c, _ in sources], dtype=int)
    y = np.array([label for _, label in sources], dtype=int)
    fractions = spurious_fractions(component_counts(component, y, 5))
    region = region_of(fractions, threshold)
    assert not (region_of(fractions, min(1.0, 2 * threshold)) & ~region).any()
    assert_array_equal(region[np.isnan(fractions)], False)
    assert_array_equal(region, [f >= threshold for f in fractions])


def test_the_threshold_is_compared_exactly():
    counts = np.array([[60, 60, 3], [61, 61, 3], [20, 20, 1]])
    assert_array_equal(region_of(spurious_fractions(counts), 0.05), [True, False, True])


def test_the_table_has_intervals_around_the_fractions():
    table = component_table(np.array([[9, 4, 1], [3, 0, 0], [7, 7, 7]]), 0.3)
    known = table[table["n_inspected"] > 0]
    assert (known["fraction_low"] <= known["fraction"]).all()
    assert (known["fraction"] <= known["fraction_high"]).all()
    assert table.loc[1, ["fraction_low", "fraction_high"]].tolist() == [0, 1]
    assert table.index.name == "component"
    assert table["in_region"].tolist() == [False, False, True]
