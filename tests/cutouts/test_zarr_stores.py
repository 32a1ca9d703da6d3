"""Zarr stores of cutouts."""

import os

import numpy as np
import pytest
import zarr

from spurclust.cutouts import open_cutouts, read_cutouts, zarr_stores
from spurclust.cutouts.files import is_zarr_store
from spurclust.errors import CatalogError


def computed(source, size=None):
    return np.concatenate([part.lazy.compute() for part in source.partitions(size)[0]])


def test_stores_are_told_by_name(tmp_path):
    assert is_zarr_store("cutouts.zarr")
    assert not is_zarr_store(tmp_path)
    assert not is_zarr_store(["cutouts.zarr"])
    (tmp_path / ".zarray").touch()
    assert is_zarr_store(tmp_path)


def test_an_array(tmp_path, images):
    zarr.save_array(str(tmp_path / "cutouts.zarr"), images)
    source = open_cutouts(tmp_path / "cutouts.zarr")
    parts, size = source.partitions(40)
    assert [len(part) for part in parts] == [40, 40, 10]
    assert size == 40
    np.testing.assert_array_equal(computed(source, 40), images)
    assert source.name == str(tmp_path / "cutouts.zarr")
    assert open_cutouts(str(tmp_path / "cutouts.zarr")).fingerprint == source.fingerprint
    cutouts = read_cutouts(tmp_path / "cutouts.zarr")
    np.testing.assert_array_equal(cutouts.images, images)
    assert cutouts.source_ids[:2] == ["0", "1"]
    np.testing.assert_array_equal(source.read([70, 3, 4]).images, images[[70, 3, 4]])


def test_a_group_with_ids(tmp_path, images):
    ids = np.arange(500, 500 + len(images))
    zarr.save_group(str(tmp_path / "store"), images=images, source_id=ids)
    source = open_cutouts(tmp_path / "store")
    assert len(source.partitions()[0]) == 1
    assert source.take([0, 1]) == (["500", "501"], ["", ""])
    group = zarr.open(str(tmp_path / "store"))
    np.testing.assert_array_equal(read_cutouts(group).images, images)
    own = open_cutouts(group, source_ids=range(len(images)))
    assert own.take([1])[0] == ["1"]


def test_what_cannot_be_opened(tmp_path, images):
    zarr.save_group(str(tmp_path / "g.zarr"), pixels=images, noise=images)
    with pytest.raises(CatalogError, match='group of the arrays noise, pixels: .* named "images"'):
        open_cutouts(tmp_path / "g.zarr")
    with pytest.raises(CatalogError, match="cannot be opened as a zarr store"):
        open_cutouts(tmp_path / "missing.zarr")


def test_two_arrays_of_a_group_are_two_surveys(tmp_path, images):
    zarr.save_group(str(tmp_path / "g.zarr"), images=images, others=images)
    group = zarr.open(str(tmp_path / "g.zarr"))
    one, other = open_cutouts(group["images"]), open_cutouts(group["others"])
    assert one.name == str(tmp_path / "g.zarr" / "images")
    assert one.fingerprint != other.fingerprint
    for same_one in (tmp_path / "g.zarr", group, tmp_path / "g.zarr" / "images"):
        assert open_cutouts(same_one).fingerprint == one.fingerprint


def test_an_archive_that_was_written_since(tmp_path, images):
    def stamps(pixels):
        with zarr.storage.ZipStore(tmp_path / "a.zip", mode="w") as store:
            zarr.create_array(store, data=pixels)
        with zarr.storage.ZipStore(tmp_path / "a.zip", mode="r") as store:
            source = open_cutouts(zarr.open_array(store, mode="r"))
            return source.fingerprint, source.partitions()[0][0].stamp()

    (place, before), (same_place, after) = stamps(images), stamps(images[::-1].copy())
    assert place == same_place
    assert before != after


def test_ids_as_bytes(tmp_path, images):
    ids = np.char.mod("%03d", np.arange(len(images))).astype("S4")
    zarr.save_group(str(tmp_path / "g.zarr"), images=images, source_id=ids, zarr_format=2)
    for source in (open_cutouts(tmp_path / "g.zarr"), open_cutouts(images, source_ids=ids)):
        assert source.take([0, 1])[0] == ["000", "001"]


def test_small_chunks_are_read_together(tmp_path, images):
    zarr.create_array(tmp_path / "a.zarr", data=images, chunks=(1, 14, 16))
    source = open_cutouts(tmp_path / "a.zarr")
    # One task for each partition, and few for what they share.
    assert len(source.partitions(30)[0][0].lazy.__dask_graph__()) < 10
    np.testing.assert_array_equal(computed(source, 30), images)


def test_partitions_are_of_whole_chunks(tmp_path, monkeypatch):
    large = np.zeros((10, 64, 64), dtype=np.uint8)
    zarr.create_array(tmp_path / "a.zarr", data=large, chunks=(3, 64, 64))
    monkeypatch.setattr(zarr_stores, "ARRAY_BYTES", 8 * 64 * 64)
    source = open_cutouts(tmp_path / "a.zarr")
    assert [len(part) for part in source.partitions()[0]] == [6, 4]


def test_a_damaged_chunk_names_the_store_and_the_sources(images, tmp_path):
    store = tmp_path / "cutouts.zarr"
    zarr.create_array(store, data=images, chunks=(30, *images.shape[1:]))
    (store / "c" / "1" / "0" / "0").write_bytes(bytes(100))
    source = open_cutouts(store)
    np.testing.assert_array_equal(source.read(range(30)).images, images[:30])
    with pytest.raises(CatalogError, match=r"cutouts\.zarr: sources 30 to 40, .* cannot be read"):
        source.read(range(30, 41))
    with pytest.raises(CatalogError, match=r"cutouts\.zarr: sources 0 to 89, counted from 0, "):
        read_cutouts(os.fspath(store))
