"""Shrinking is the mean over the area, exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spurclust.cutouts.decode import shrink

DTYPES = ["uint8", "uint16", "int16", "int32", "uint32"]


def exact_mean(image, low_y, high_y, low_x, high_x):
    """Average over a rectangle whose edges are fractions of pixels, in exact arithmetic."""
    total = Fraction(0)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            height = min(high_y, y + 1) - max(low_y, y)
            width = min(high_x, x + 1) - max(low_x, x)
            if height > 0 and width > 0:
                total += height * width * int(image[y, x])
    return total / ((high_y - low_y) * (high_x - low_x))


def rounded_half_up(value):
    return (2 * value + 1) // 2


@st.composite
def images_and_sizes(draw):
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    image = draw(hnp.arrays(draw(st.sampled_from(DTYPES)), shape))
    size = tuple(draw(st.integers(1, n)) for n in shape)
    return image, size


@given(images_and_sizes())
@settings(max_examples=60, deadline=None)
def test_size_is_the_exact_area_mean_rounded(drawn):
    image, size = drawn
    small = shrink(image, size=size)
    assert small.shape == size
    assert small.dtype == image.dtype
    step_y, step_x = (Fraction(n, m) for n, m in zip(image.shape, size, strict=True))
    for j in range(size[0]):
        for i in range(size[1]):
            mean = exact_mean(image, j * step_y, (j + 1) * step_y, i * step_x, (i + 1) * step_x)
            assert small[j, i] == rounded_half_up(mean)


@given(images_and_sizes(), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_reduce_averages_blocks_and_loses_no_pixel(drawn, factor):
    image, _ = drawn
    small = shrink(image, reduce=factor)
    assert small.shape == tuple(-(-n // factor) for n in image.shape)
    for j in range(small.shape[0]):
        for i in range(small.shape[1]):
            block = image[j * factor : (j + 1) * factor, i * factor : (i + 1) * factor]
            mean = Fraction(sum(map(int, block.ravel())), block.size)
            assert small[j, i] == rounded_half_up(mean)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_channels_are_averaged_apart(dtype):
    image = np.random.default_rng(0).integers(0, 256, (17, 23, 5)).astype(dtype)
    small = shrink(image, size=(5, 9))
    assert small.shape == (5, 9, 5)
    for k in range(5):
        np.testing.assert_array_equal(small[..., k], shrink(image[..., k], size=(5, 9)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("value", [0, 1, 127])
def test_a_constant_image_stays_constant(dtype, value):
    image = np.full((31, 29), value, dtype=dtype)
    np.testing.assert_array_equal(shrink(image, size=(7, 11)), np.full((7, 11), value, dtype))


def test_large_values_do_not_overflow():
    image = np.full((600, 700), 65535, dtype=np.uint16)
    assert (shrink(image, size=(7, 11)) == 65535).all()
    assert (shrink(np.full((600, 700), 2**32 - 1, np.uint32), reduce=600) == 2**32 - 1).all()


def test_the_whole_mean_of_floats_is_kept():
    image = np.random.default_rng(1).normal(size=(40, 30)).astype(np.float32)
    small = shrink(image, size=(7, 11))
    assert small.dtype == np.float32
    assert small.mean(dtype=float) == pytest.approx(image.mean(dtype=float), abs=1e-7)


def test_no_data_takes_no_part():
    image = np.array([[1, np.nan, 5, 7], [3, np.nan, np.nan, 9]], dtype=np.float32)
    np.testing.assert_array_equal(shrink(image, reduce=2), [[2, 7]])
    gap = np.array([[np.nan, np.nan, 4]], dtype=np.float32)
    np.testing.assert_array_equal(shrink(gap, size=(1, 2)), np.float32([[np.nan, 4]]))


def test_an_infinite_pixel_stays_in_its_bin():
    image = np.array([[1, 1, np.inf, 1, 1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(shrink(image, reduce=2), np.float32([[1, np.inf, 1]]))


def test_nothing_asked_or_nothing_to_do_returns_the_image_itself():
    image = np.zeros((3, 4), np.uint8)
    assert shrink(image) is image
    assert shrink(image, size=(3, 4)) is image
    assert shrink(image, reduce=1) is image


@pytest.mark.parametrize("size", [(4, 4), (3, 5), (9, 9)])
def test_a_cutout_is_never_enlarged(size):
    with pytest.raises(ValueError, match="3 x 4 pixels .*smaller than size"):
        shrink(np.zeros((3, 4)), size=size)
