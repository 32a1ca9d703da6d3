import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from spurclust.plots.marks import spurious_area


@pytest.fixture(scope="module")
def ax():
    axes = Figure().add_subplot()
    axes.set_xlim(0, 1)
    return axes


def test_signs_shrink_where_they_crowd_and_where_they_are_many(ax):
    places = np.random.default_rng(0).random((20, 2))
    areas = [spurious_area(ax, scale * places, 3, 1.0) for scale in (1, 0.1, 0.001)]
    assert areas[0] == 26
    assert areas[0] > areas[1] > areas[2] == 8
    many = np.random.default_rng(0).random((2000, 2)) * 1000
    assert spurious_area(ax, many, 3, 1.0) < areas[0]


@given(st.integers(0, 50), st.floats(0, 10), st.floats(0.3, 14))
def test_a_sign_is_larger_than_a_dot(ax, n_spurious, scale, area):
    places = scale * np.random.default_rng(1).random((n_spurious, 2))
    assert max(8, 1.5 * area) <= spurious_area(ax, places, 3, area) <= max(26, 1.5 * area)
