"""Arrays of cutouts that are stored: zarr, HDF5, npy and npz."""

import os
import pickle

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

from spurclust.cutouts import array_stores, open_cutouts, read_cutouts
from spurclust.cutouts.array_stores import find_store
from spurclust.errors import CatalogError


def computed(source, size=None):
    return np.concatenate([part.lazy.compute() for part in source.partitions(size)[0]])


def test_stores_are_told_by_name(tmp_path):
    assert find_store("cutouts.zarr").name == "cutouts.zarr"
    assert find_store("a/Galaxy10.H5").name == "Galaxy10.H5"
    assert find_store(tmp_path) is None
    assert find_store(["cutouts.zarr"]) is None
    (tmp_path / ".zarray").touch()
    assert find_store(tmp_path) == tmp_path


def test_the_only_store_of_a_folder_is_meant_by_the_folder(tmp_path, images):
    zarr.save_array(str(tmp_path / "a.zarr"), images)
    (tmp_path / "a_metadata.parquet").touch()
    (tmp_path / "README.txt").touch()
    assert find_store(tmp_path) == tmp_path / "a.zarr"
    (tmp_path / "b.npy").touch()
    with pytest.raises(CatalogError, match=r"holds 2 stores, a\.zarr, b\.npy: give one"):
        find_store(tmp_path)
    for name in ("paths.parquet", "1.png"):
        (tmp_path / name).touch()
        assert find_store(tmp_path) is None
        (tmp_path / name).unlink()


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
    with pytest.raises(
        CatalogError, match='holds the arrays noise .*, pixels .*: .* named "images"'
    ):
        open_cutouts(tmp_path / "g.zarr")
    with pytest.raises(CatalogError, match="cannot be opened as a zarr store"):
        open_cutouts(tmp_path / "missing.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(CatalogError, match="cannot be opened as a zarr store"):
        open_cutouts(tmp_path / "empty.zarr")


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
    monkeypatch.setattr(array_stores, "ARRAY_BYTES", 8 * 64 * 64)
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


IDS = [f"{k:03d}" for k in range(90)]


def save(path, arrays):
    """Write arrays as what the suffix says."""
    if path.suffix == ".zarr":
        zarr.save_group(str(path), zarr_format=2, **arrays)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values.astype(object) if values.dtype.kind == "U" else values
    return path


@pytest.mark.parametrize("suffix", [".zarr", ".h5", ".npz"])
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_channels_are_last_or_second_in_every_kind_of_store(tmp_path, images, suffix, axes):
    colored = np.stack([images, images // 2, images // 3], axis=-1)
    arrays = {
        "images": colored.transpose(axes),
        "source_id": np.array(IDS),
        "redshift": images[:, 0, 0],
    }
    source = open_cutouts(save(tmp_path / f"cutouts{suffix}", arrays))
    assert source.image_format.shape == (14, 16, 3)
    assert source.take([3, 70])[0] == ["003", "070"]
    np.testing.assert_array_equal(source.read().images, colored)
    np.testing.assert_array_equal(source.read([70, 3, 4]).images, colored[[70, 3, 4]])
    np.testing.assert_array_equal(computed(source, 40), colored)
    stamps = [part.stamp() for part in source.partitions(40)[0]]
    assert [part.stamp() for part in open_cutouts(tmp_path).partitions(40)[0]] == stamps
    # It goes to the workers of a cluster.
    copied = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copied.read([5]).images, colored[[5]])


def test_a_channel_axis_of_length_one_is_none(tmp_path, images):
    zarr.save_array(str(tmp_path / "a.zarr"), images[:, None])
    assert open_cutouts(tmp_path / "a.zarr").image_format.shape == (14, 16)
    np.testing.assert_array_equal(open_cutouts(images[:, None]).read().images, images)


def test_an_array_of_numpy_is_read_as_it_is_asked_for(tmp_path, images):
    np.save(tmp_path / "cutouts.npy", images)
    source = open_cutouts(tmp_path / "cutouts.npy")
    np.testing.assert_array_equal(source.read([70, 3]).images, images[[70, 3]])
    np.testing.assert_array_equal(computed(source, 40), images)
    assert source.take([1])[0] == ["1"]
    assert "numbered from 0" in source.notes[0]
    assert open_cutouts(tmp_path / "cutouts.npy", source_ids=IDS).take([1])[0] == ["001"]


@pytest.mark.parametrize("name", ["source_id", "ID", "original_filename"])
@pytest.mark.parametrize("store", ["images.zarr", "images", "cutouts.npy"])
def test_ids_are_in_a_table_beside_the_store(tmp_path, images, store, name):
    if store.endswith("npy"):
        np.save(tmp_path / store, images)
    elif store == "images":
        zarr.save_array(str(tmp_path / store), images)
    else:
        zarr.save_group(str(tmp_path / store), images=images)
    table = pd.DataFrame({name: IDS, "idx_in_zarr": range(90)})
    if name == "original_filename":
        table[name] = [f"{one}.fits" for one in IDS]
    sidecar = tmp_path / f"{store.partition('.')[0]}_metadata.parquet"
    table.sample(frac=1, random_state=0).to_parquet(sidecar)
    for given in (tmp_path / store, tmp_path):
        assert open_cutouts(given).take([3, 70])[0] == ["003", "070"]
    if store == "images.zarr":
        inner = open_cutouts(tmp_path / store / "images")
        assert inner.take([3, 70])[0] == ["003", "070"]
    table.iloc[:80].to_parquet(sidecar)
    with pytest.raises(CatalogError, match="has 80 rows, but there are 90 cutouts"):
        open_cutouts(tmp_path / store)
    table.assign(idx_in_zarr=1).to_parquet(sidecar)
    with pytest.raises(CatalogError, match="idx_in_zarr must have each number below 90 once"):
        open_cutouts(tmp_path / store)
    table.rename(columns={name: "redshift"}).to_parquet(sidecar)
    with pytest.raises(CatalogError, match="no column 'source_id'.*redshift, idx_in_zarr"):
        open_cutouts(tmp_path / store)


@pytest.mark.parametrize("name", ["cutouts.h5", "cutouts.npy", "cutouts.npz"])
@pytest.mark.parametrize("start", [b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x93NUMPY\x01\0"])
def test_a_damaged_file_is_named(tmp_path, name, start):
    (tmp_path / name).write_bytes(start + bytes(500))
    with pytest.raises(CatalogError, match=f"{name} cannot be opened as"):
        open_cutouts(tmp_path / name)


def test_the_only_array_that_can_be_cutouts_needs_no_name(tmp_path, images):
    path = save(tmp_path / "a.h5", {"survey/pixels": images, "survey/ids": np.arange(90) + 7})
    source = open_cutouts(path)
    assert (source.name, source.take([0])[0]) == (f"{path}/survey/pixels", ["7"])
    both = save(tmp_path / "b.npz", {"pixels": images, "noise": images})
    with pytest.raises(CatalogError, match=r"holds the arrays noise \(90, 14, 16\), pixels"):
        open_cutouts(both)


@pytest.mark.parametrize("suffix", [".zarr", ".h5", ".npz"])
def test_ids_in_any_shape_and_type_are_text(tmp_path, images, suffix):
    path = save(tmp_path / f"a{suffix}", {"images": images, "id": np.arange(90.0)[:, None]})
    assert open_cutouts(path).take([0, 70])[0] == ["0", "70"]
    for ids, problem in (
        (np.arange(80), "a.*images: there are 90 cutouts, but 80 source_ids"),
        (np.zeros(90), "a.*images: source_ids: '0', entry 1, stands twice"),
        (np.append(np.arange(89.0), np.nan), "a.*images: source_ids: '', entry 89, is blank"),
        (np.full(90, 1e300), "the ids of .*a.*images: 1e.300 has lost digits"),
    ):
        bad = save(tmp_path / f"{len(ids)}{ids[-1]:.0e}a{suffix}", {"images": images, "id": ids})
        with pytest.raises(CatalogError, match=problem):
            open_cutouts(bad)


def test_a_missing_id_in_the_table_beside_a_store_is_blank(tmp_path, images):
    np.save(tmp_path / "a.npy", images)
    table = pd.DataFrame({"source_id": np.arange(90.0)})
    table.to_parquet(tmp_path / "a_metadata.parquet")
    assert open_cutouts(tmp_path / "a.npy").take([7])[0] == ["7"]
    table["source_id"] = [None, *map(str, range(1, 90))]
    table.to_parquet(tmp_path / "a_metadata.parquet")
    with pytest.raises(CatalogError, match="source_ids: '', entry 0, is blank"):
        open_cutouts(tmp_path / "a.npy")


def test_no_one_is_advised_to_trust_a_pickle(tmp_path, images):
    np.savez(tmp_path / "a.npz", images=images, ids=np.array(["a"] * 90, dtype=object))
    with pytest.raises(CatalogError, match="it holds Python objects.* ids as text") as refused:
        open_cutouts(tmp_path / "a.npz")
    assert "allow_pickle" not in str(refused.value)


def test_half_precision_is_read_without_a_warning(tmp_path):
    images = np.arange(3 * 64, dtype=np.float16).reshape(3, 8, 8) * 300
    np.save(tmp_path / "a.npy", images)
    assert len(read_cutouts(tmp_path / "a.npy")) == 3
    images[1, 2, 3] = -np.inf
    np.save(tmp_path / "a.npy", images)
    with pytest.raises(CatalogError, match="source 1 of .*infinite"):
        read_cutouts(tmp_path / "a.npy")
