"""The field of points, against sums over all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spurclust.embedding import field as _field
from spurclust.embedding.field import FieldMaker, lattice_around
from spurclust.embedding.kernels import ORDER, read_field, repel_by_all, spline_weights
from spurclust.parallel import ThreadTeam


def cloud(n, spread, seed=0):
    points = np.random.default_rng(seed).normal(size=(2, n)) * np.reshape(spread, (-1, 1))
    return np.ascontiguousarray(points, dtype=np.float32)


def by_field(x, y, n_jobs=1):
    repulsion, sums = np.empty((2, len(x)), np.float32), np.empty(len(x))
    with ThreadTeam(n_jobs) as team:
        maker = FieldMaker(team)
        origin = maker.prepare(x, y).origin()
        maker.spread(x, y)
        maker.convolve()
        read_field(x, y, *origin, maker.grid, 0, len(x), repulsion, sums)
    return repulsion, sums


def by_pairs(x, y):
    repulsion, sums = np.empty((2, len(x)), np.float32), np.empty(len(x))
    repel_by_all(x, y, 0, len(x), repulsion, sums)
    return repulsion, sums


@pytest.mark.parametrize("spread", [1e-4, 0.1, 1, 20, (60, 3), (0, 30)])
def test_the_field_is_the_sum_over_all_pairs(spread):
    x, y = cloud(1500, spread)
    (repulsion, sums), (expected, exact_sums) = by_field(x, y), by_pairs(x, y)
    assert_allclose(sums, exact_sums, rtol=0.004)
    scale = max(expected.std(), 1e-3)
    assert np.abs(repulsion - expected).std() < 0.01 * scale + 1e-3


def test_far_points_repel_each_other_through_the_middle_only():
    # Without zero-padding, the plane would be closed and both would feel the other side.
    x, y = np.array([-40, 40], np.float32), np.zeros(2, np.float32)
    repulsion, sums = by_field(x, y)
    assert_allclose(sums - 1, 1 / (1 + 80**2), atol=0.004)
    assert abs(repulsion).max() < 0.01


@settings(deadline=None, max_examples=50)
@given(t=st.floats(0, 0.999))
def test_spline_weights_sum_to_one_and_keep_the_place(t):
    weights, slopes = np.empty((2, ORDER), np.float32)
    spline_weights(t, weights, slopes)
    assert_allclose(weights.sum(), 1, rtol=1e-6)
    assert_allclose((weights * (np.arange(ORDER) - 2)).sum(), t, atol=1e-6)
    assert_allclose(slopes.sum(), 0, atol=1e-6)
    assert (weights >= 0).all()


def test_any_number_of_threads_gives_the_same_bits():
    x, y = cloud(3000, 40)
    (one, one_sums), (two, two_sums) = by_field(x, y, 1), by_field(x, y, 2)
    assert_array_equal(one, two)
    assert_array_equal(one_sums, two_sums)


class TestLattice:
    def test_it_stays_while_it_suits(self):
        with ThreadTeam(1) as team:
            maker = FieldMaker(team)
            first = maker.prepare(*cloud(100, 30))
            assert maker.prepare(*(cloud(100, 30) * np.float32(1.02))) is first
            assert maker.prepare(*(cloud(100, 30) * np.float32(3))) is not first
            assert maker.prepare(*cloud(100, 1)).columns < first.columns

    @settings(deadline=None, max_examples=50)
    @given(
        low=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
        span=st.tuples(st.floats(0, 2000), st.floats(0, 2000)),
    )
    def test_all_points_are_inside(self, low, span):
        low, high = np.float32(low), np.float32(low) + np.float32(span)
        lattice = lattice_around(low, high)
        assert lattice.suits(low, high)
        assert lattice.columns <= 1.2 * _field.MOST_NODES

    def test_an_outlier_coarsens_it_and_takes_no_memory(self):
        x, y = cloud(50, 10)
        x[0] = 1e6
        lattice = lattice_around(*np.array([[x.min(), y.min()], [x.max(), y.max()]]))
        assert lattice.spacing > 100
        assert lattice.columns <= 1.2 * _field.MOST_NODES
