"""Panels are prepared, smoothed and summed as by plain numpy and scipy."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spurclust.features.panel_kernels import TILE
from spurclust.features.panels import (
    LEAST_NOISE,
    NORMAL_MAD,
    SMOOTHING,
    flat_pixels,
    prepare_panels,
    sum_weighted,
)

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
DTYPES = [np.bool_, np.uint8, np.uint16, np.int16, np.int64, np.float32, np.float64]


@st.composite
def few_levels(draw, dtype):
    """Draw panels of so few levels that areas are flat; floats may be NaN."""
    shape = draw(SHAPES)
    if np.dtype(dtype).kind == "f":
        levels = st.sampled_from(list(np.array([0.0, -0.0, 1.0, 1 + 1e-12, -2.5, np.nan], dtype)))
    else:
        levels = st.integers(0, 1 if dtype is np.bool_ else 2)
    return draw(arrays.arrays(dtype, shape, elements=levels))


def flat_by_filters(panel):
    """Dilate where the least and the greatest neighbor are equal."""
    missing = np.isnan(panel) if panel.dtype.kind == "f" else np.zeros(panel.shape, dtype=bool)
    levels = np.where(missing, 0, panel).astype(np.float64)
    lowest = scipy.ndimage.minimum_filter(levels, 3, mode="nearest")
    highest = scipy.ndimage.maximum_filter(levels, 3, mode="nearest")
    near = scipy.ndimage.maximum_filter(missing, 3, mode="nearest")
    square = (lowest == highest) & ~near
    return scipy.ndimage.binary_dilation(square, np.ones((3, 3)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_flat_areas_are_those_of_filters(dtype):
    @given(few_levels(dtype))
    def check(panels):
        expected = [flat_by_filters(panel) for panel in panels]
        np.testing.assert_array_equal(flat_pixels(panels), expected)

    check()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_panels_are_prepared_as_by_numpy(dtype):
    rng = np.random.default_rng(0)
    panels = (rng.normal(60, 20, (12, 9, 14)) ** 2 / 60).clip(0, 250).astype(dtype)
    panels[1] = 7
    panels[2, :4] = panels[2].min() - 1 if dtype is np.float32 else 0
    panels[3, 2:6, 2:6] = 0
    if dtype is np.float32:
        panels[4, 1:3] = np.nan
        panels[5] = np.nan
    ready = prepare_panels(panels)
    levels = panels.astype(np.float32)
    for k, panel in enumerate(levels):
        missing = np.isnan(panel)
        if not missing.all():
            missing |= ready.flat[k] & (panel == np.nanmin(panel))
        np.testing.assert_array_equal(ready.blank[k], missing)
        good = panel[~missing]
        if not len(good):
            assert (ready.low[k], ready.high[k], ready.highest[k]) == (0, 0, 0)
            assert not ready.gray[k].any()
            continue
        low, high = np.quantile(good.astype(np.float64), [0.05, 0.995])
        np.testing.assert_allclose([ready.low[k], ready.high[k]], [low, high], rtol=1e-5)
        assert ready.highest[k] == good.max()
        gray = ((panel - low) / (high - low)).clip(0, 1)
        np.testing.assert_allclose(ready.gray[k][~missing], gray[~missing], atol=1e-4)
        assert (ready.gray[k][missing] == ready.median[k]).all()


def test_half_floats_are_prepared_as_their_values_in_single():
    half = np.random.default_rng(0).normal(size=(3, 6, 6)).astype(np.float16)
    half[0, 0, 0], half[1, 2, 3] = np.inf, np.nan
    for found, expected in zip(
        prepare_panels(half), prepare_panels(half.astype(np.float32)), strict=True
    ):
        np.testing.assert_array_equal(found, expected, strict=True)


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_panels_are_smoothed_as_by_scipy(shape, seed):
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    ready = prepare_panels(values)
    expected = scipy.ndimage.gaussian_filter(ready.gray, SMOOTHING, truncate=3.0, axes=(1, 2))
    np.testing.assert_allclose(ready.smooth, expected, rtol=2e-7)


@given(
    arrays.arrays(
        np.float32,
        SHAPES.filter(lambda shape: shape[1] * shape[2] > 1),
        elements=st.sampled_from(list(np.float32([0.0, 1e-38, 0.1, 0.1000001, 0.25, 0.5, 1.0])))
        | st.floats(0, 1, width=32),
    )
)
def test_noise_is_the_scatter_of_the_median_difference(panels):
    ready = prepare_panels(panels)
    steps = [np.abs(np.diff(ready.gray, axis=axis)).reshape(len(panels), -1) for axis in (1, 2)]
    joined = np.sort(np.concatenate(steps, axis=1), axis=1)
    middle = joined[:, joined.shape[1] // 2] * np.float32(NORMAL_MAD / np.sqrt(2))
    np.testing.assert_array_equal(ready.noise, np.maximum(middle, np.float32(LEAST_NOISE)))


@pytest.mark.parametrize("n", [1, TILE - 1, TILE, 2 * TILE + 5])
def test_parts_are_summed_as_by_a_sparse_matrix(n):
    rng = np.random.default_rng(n)
    dense = np.where(rng.random((9, 50)) < 0.3, rng.random((9, 50)), 0)
    weights = scipy.sparse.csr_array(dense.astype(np.float32))
    weights = scipy.sparse.vstack([weights, scipy.sparse.csr_array((1, 50), dtype=np.float32)])
    weights = scipy.sparse.csr_array(weights)
    rows = rng.random((n, 50), dtype=np.float32)
    expected = np.hstack([(weights @ rows.T).T, (weights[:3] @ (rows**2).T).T])
    found = sum_weighted(weights, rows, n_squared=3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    alone = np.vstack([sum_weighted(weights, row[None], n_squared=3) for row in rows])
    np.testing.assert_array_equal(found, alone)
    assert not found[:, 9].any()
