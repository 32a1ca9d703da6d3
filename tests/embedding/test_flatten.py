"""ImageFlattener keeps pixels, dtype and memory."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from spurclust.embedding import ImageFlattener


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (3, 4, 2)])
def test_row_major_without_a_copy(shape, dtype):
    images = np.arange(7 * np.prod(shape)).reshape(7, *shape).astype(dtype)
    flattener = ImageFlattener().fit(images)
    rows = flattener.transform(images)
    assert_array_equal(rows, images.reshape(7, -1))
    assert rows.dtype == dtype
    assert np.shares_memory(rows, images)
    assert flattener.n_features_in_ == rows.shape[1]


def test_pixels_without_data_are_filled_in_a_copy():
    images = np.array([[[1, np.nan]], [[np.nan, 4]]], dtype=np.float32)
    assert_array_equal(ImageFlattener(fill_value=-2).fit_transform(images), [[1, -2], [-2, 4]])
    assert np.isnan(images).sum() == 2
    assert ImageFlattener().fit_transform(images).dtype == np.float32


def test_names():
    flattener = ImageFlattener().fit(np.zeros((2, 2, 1, 3)))
    assert flattener.get_feature_names_out().tolist()[:4] == [
        "y0_x0_c0",
        "y0_x0_c1",
        "y0_x0_c2",
        "y1_x0_c0",
    ]
    table = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    named = ImageFlattener().set_output(transform="pandas").fit_transform(table)
    assert list(named.columns) == ["a", "b"]


def test_another_shape():
    flattener = ImageFlattener().fit(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"\(4, 3\).*fitted on sources of shape \(3, 4\)"):
        flattener.transform(np.zeros((2, 4, 3)))
