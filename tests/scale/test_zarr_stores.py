"""Zarr stores of cutouts."""

import numpy as np
import pandas as pd
import pytest
import zarr

from spurclust.cutouts.survey import open_survey
from spurclust.cutouts.zarr_stores import open_zarr
from spurclust.errors import CatalogError
from spurclust.scale import write_predictions

from .conftest import make_images, same


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


def test_two_arrays_of_a_group_are_two_surveys(tmp_path, images):
    zarr.save_group(str(tmp_path / "g.zarr"), images=images, others=images)
    group = zarr.open(str(tmp_path / "g.zarr"))
    one, other = open_survey(group["images"]), open_survey(group["others"])
    assert one.name == str(tmp_path / "g.zarr" / "images")
    assert one.fingerprint != other.fingerprint
    for same_one in (tmp_path / "g.zarr", group, tmp_path / "g.zarr" / "images"):
        assert open_survey(same_one).fingerprint == one.fingerprint


@pytest.mark.parametrize("rewritten", [False, True])
def test_pixels_written_since_are_predicted_anew(fitted, images, expected, tmp_path, rewritten):
    store, out = tmp_path / "cutouts.zarr", tmp_path / "out"
    array = zarr.create_array(store, data=images[::-1].copy(), chunks=(30, 14, 16))
    first = write_predictions(fitted.model, store, out, partition_size=30)
    assert (first.n_partitions, first.n_kept) == (3, 0)
    assert write_predictions(fitted.model, store, out).n_kept == 3
    if rewritten:
        zarr.create_array(store, data=images, chunks=(30, 14, 16), overwrite=True)
    else:
        array[:] = images
    assert write_predictions(fitted.model, store, out).n_kept == 0
    same(pd.read_parquet(out / "sources"), expected)


def test_an_archive_that_was_written_since(tmp_path, images):
    def stamp(pixels):
        with zarr.storage.ZipStore(tmp_path / "a.zip", mode="w") as store:
            zarr.create_array(store, data=pixels)
        with zarr.storage.ZipStore(tmp_path / "a.zip", mode="r") as store:
            survey = open_survey(zarr.open_array(store, mode="r"))
            return survey.fingerprint, survey.partitions[0].stamp

    (place, before), (same_place, after) = stamp(images), stamp(make_images(len(images), 5))
    assert place == same_place
    assert before != after


def test_arrays_in_memory_have_no_stamp(images):
    assert open_zarr(zarr.array(images)).stamp == ""


def test_ids_as_bytes(tmp_path, images):
    ids = np.char.mod("%03d", np.arange(len(images))).astype("S4")
    zarr.save_group(str(tmp_path / "g.zarr"), images=images, source_id=ids, zarr_format=2)
    survey = open_survey(tmp_path / "g.zarr")
    assert list(survey.partitions[0].source_ids[:2]) == ["000", "001"]
    by_hand = open_survey(images, source_ids=ids)
    assert list(by_hand.partitions[0].source_ids[:2]) == ["000", "001"]


def test_small_chunks_are_read_together(tmp_path, images):
    zarr.create_array(tmp_path / "a.zarr", data=images, chunks=(1, 14, 16))
    survey = open_survey(tmp_path / "a.zarr", partition_size=30)
    # One task for each partition, and few for what they share.
    assert len(survey.partitions[0].images.__dask_graph__()) < 10
    np.testing.assert_array_equal(computed(survey), images)


def test_partitions_are_of_whole_chunks(tmp_path):
    large = np.zeros((10, 64, 64), dtype=np.uint8)
    zarr.create_array(tmp_path / "a.zarr", data=large, chunks=(3, 64, 64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spurclust.cutouts.zarr_stores.ARRAY_BYTES", 8 * 64 * 64)
        survey = open_survey(tmp_path / "a.zarr")
    assert [len(part) for part in survey.partitions] == [6, 4]


def test_a_damaged_chunk_names_the_store_and_the_sources(fitted, images, expected, tmp_path):
    store, out = tmp_path / "cutouts.zarr", tmp_path / "out"
    zarr.create_array(store, data=images, chunks=(30, *images.shape[1:]))
    (chunk,) = (
        path
        for path in store.rglob("*")
        if path.relative_to(store).parts[:2] == ("c", "1") and path.is_file()
    )
    good = chunk.read_bytes()
    chunk.write_bytes(bytes(len(good)))
    with pytest.raises(CatalogError, match=r"cutouts\.zarr: sources 30 to 59, .* cannot be read"):
        write_predictions(fitted.model, store, out, partition_size=30)
    chunk.write_bytes(good)
    assert write_predictions(fitted.model, store, out, partition_size=30).n_unreadable == 0
    table = pd.read_parquet(out / "sources")
    np.testing.assert_array_equal(table["tsne_x"], expected["tsne_x"])
