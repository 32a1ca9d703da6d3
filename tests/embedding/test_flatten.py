"""ImageFlattener keeps every pixel that differs, once."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from spurclust.embedding import ImageFlattener


def draw_strips(n, *, side=5, n_panels=3, enlargement=3, margin=2, gap=4, dtype=np.uint8, seed=0):
    """Draw panels of noise, and strips in which they are enlarged between gaps."""
    rng = np.random.default_rng(seed)
    panels = rng.integers(1, 200, (n, n_panels, side, side)).astype(dtype)
    drawn = panels.repeat(enlargement, axis=2).repeat(enlargement, axis=3)
    length = side * enlargement
    width = 2 * margin + n_panels * length + (n_panels - 1) * gap
    strips = np.full((n, length + 2 * margin, width), 255, dtype)
    for k in range(n_panels):
        left = margin + k * (length + gap)
        strips[:, margin : margin + length, left : left + length] = drawn[:, k]
    return panels, strips


def side_by_side(panels):
    """Order the pixels of panels as in a strip without gaps."""
    return panels.transpose(0, 2, 1, 3).reshape(len(panels), -1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (3, 4, 2)])
def test_images_that_differ_everywhere_are_rows_without_a_copy(shape, dtype):
    images = np.arange(7 * np.prod(shape)).reshape(7, *shape).astype(dtype)
    flattener = ImageFlattener().fit(images)
    rows = flattener.transform(images)
    assert_array_equal(rows, images.reshape(7, -1))
    assert rows.dtype == dtype
    assert np.shares_memory(rows, images)
    assert flattener.n_features_in_ == rows.shape[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("n_channels", [None, 3])
def test_enlargement_gaps_and_equal_channels_are_undone(n_channels, dtype):
    panels, strips = draw_strips(20, dtype=dtype)
    panels, strips = (
        np.where(each == 7, np.nan, each) if dtype == np.float32 else each
        for each in (panels, strips)
    )
    if n_channels:
        strips = strips[..., None].repeat(n_channels, axis=3)
    rows = ImageFlattener(fill_value=-1).fit_transform(strips)
    assert_array_equal(rows, side_by_side(np.nan_to_num(panels, nan=-1)))
    assert rows.dtype == dtype


def test_strips_of_six_panels_of_51_pixels():
    _, strips = draw_strips(2, side=51, n_panels=6, gap=3, margin=8)
    assert strips.shape == (2, 169, 949)
    padded = np.pad(strips, ((0, 0), (0, 1), (0, 1)), constant_values=255)
    assert ImageFlattener().fit_transform(padded).shape == (2, 6 * 51 * 51)


def test_rows_stay_as_they_are():
    rows = np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4), 2, axis=1)
    assert_array_equal(ImageFlattener().fit_transform(rows), rows)


@pytest.mark.parametrize("pixel", [(3, 30), (0, 0), (8, 18)])
def test_a_difference_in_one_image_of_many_is_kept(pixel):
    _, strips = draw_strips(600)
    strips[301][pixel] ^= 1  # in a panel, in the margin, in a gap; no image of the first sample
    rows = ImageFlattener().fit_transform(strips)
    original = strips.reshape(len(strips), -1)
    same = (strips == strips[0]).all(axis=0).ravel()
    assert {column.tobytes() for column in original[:, ~same].T} <= {
        column.tobytes() for column in rows.T
    }


def test_a_difference_between_channels_in_one_image_is_kept():
    _, strips = draw_strips(600)
    colors = strips[..., None].repeat(3, axis=3)
    colors[301, 3:6, 3:6, 1] ^= 1
    assert ImageFlattener().fit_transform(colors).shape[1] >= 3 * 75


def test_new_images_are_cut_as_the_fitted_ones():
    _, strips = draw_strips(20)
    flattener = ImageFlattener().fit(strips)
    panels, others = draw_strips(9, seed=1)
    assert_array_equal(flattener.transform(others), side_by_side(panels))
    assert_array_equal(flattener.transform(others[4:5]), side_by_side(panels[4:5]))


def test_pixels_without_data_are_filled_in_a_copy():
    images = np.array([[[1, np.nan]], [[np.nan, 4]]], dtype=np.float32)
    assert_array_equal(ImageFlattener(fill_value=-2).fit_transform(images), [[1, -2], [-2, 4]])
    assert np.isnan(images).sum() == 2
    assert ImageFlattener().fit_transform(images).dtype == np.float32


def test_names_are_those_of_the_pixels():
    _, strips = draw_strips(20)
    flattener = ImageFlattener().fit(strips)
    names = flattener.get_feature_names_out()
    assert names[:2].tolist() == ["y2_x2", "y2_x5"]
    for name, column in zip(names, flattener.transform(strips).T, strict=True):
        y, x = (int(part[1:]) for part in name.split("_"))
        assert_array_equal(strips[:, y, x], column)
    colors = np.random.default_rng(0).random((4, 2, 1, 3))
    named = ImageFlattener().fit(colors).get_feature_names_out()
    assert named.tolist() == [
        "y0_x0_c0",
        "y0_x0_c1",
        "y0_x0_c2",
        "y1_x0_c0",
        "y1_x0_c1",
        "y1_x0_c2",
    ]
    table = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    named = ImageFlattener().set_output(transform="pandas").fit_transform(table)
    assert list(named.columns) == ["a", "b"]


def test_images_that_suit_no_layout_are_whole():
    panels = np.random.default_rng(0).integers(1, 200, (600, 4, 5)).astype(np.uint8)
    images = panels.repeat(3, axis=1).repeat(3, axis=2)[..., None].repeat(3, axis=3)
    # All that a layout is not found from differ, each kind where the search does not look next.
    first = np.linspace(0, 599, 256).astype(int)
    others = np.setdiff1d(np.arange(600), first)
    channels, columns = others[::3], np.delete(others, np.s_[::3])
    images[channels, 3:6, 3:6, 1] ^= 1
    images[columns, 0:3, 1] ^= 1
    images[columns[1], 1, 6:9] ^= 1
    images[columns[1], 0:3, 1] ^= 1
    rows = ImageFlattener().fit_transform(images)
    assert_array_equal(rows, images.reshape(600, -1))
