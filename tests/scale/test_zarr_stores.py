"""Zarr stores of cutouts."""

import numpy as np
import pytest
import zarr

from spurclust.catalog import CatalogError
from spurclust.scale import open_survey


def computed(survey):
    return np.concatenate([part.images.compute() for part in survey.partitions])


def test_an_array(tmp_path, images):
    zarr.save_array(str(tmp_path / "cutouts.zarr"), images)
    survey = open_survey(tmp_path / "cutouts.zarr", partition_size=40)
    assert [len(part) for part in survey.partitions] == [40, 40, 10]
    np.testing.assert_array_equal(computed(survey), images)
    assert list(survey.partitions[0].source_ids[:2]) == [0, 1]
    assert survey.name == str(tmp_path / "cutouts.zarr")
    again = open_survey(str(tmp_path / "cutouts.zarr"), partition_size=40)
    assert again.fingerprint == survey.fingerprint


def test_a_group_with_ids(tmp_path, images):
    ids = np.arange(500, 500 + len(images))
    zarr.save_group(str(tmp_path / "store"), images=images, source_id=ids)
    survey = open_survey(tmp_path / "store")
    assert len(survey.partitions) == 1
    assert survey.partitions[0].source_ids[0] == "500"
    np.testing.assert_array_equal(computed(open_survey(zarr.open(str(tmp_path / "store")))), images)


def test_what_cannot_be_opened(tmp_path, images):
    zarr.save_group(str(tmp_path / "g.zarr"), pixels=images, noise=images)
    with pytest.raises(CatalogError, match='group of the arrays noise, pixels: .* named "images"'):
        open_survey(tmp_path / "g.zarr")
    with pytest.raises(CatalogError, match="cannot be opened as a zarr store"):
        open_survey(tmp_path / "missing.zarr")
