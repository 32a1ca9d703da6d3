"""Surveys of files and arrays, cut into partitions."""

import dask.array as da
import numpy as np
import pytest

from spurclust.cutouts.survey import Block, Files, fingerprint_of, open_survey
from spurclust.errors import CatalogError

from .conftest import N_NEW


def test_a_folder_of_files(cutouts):
    survey = open_survey(cutouts, partition_size=40)
    assert [len(part) for part in survey.partitions] == [40, 40, 10]
    assert survey.n_sources == N_NEW
    assert survey.has_files
    assert survey.partitions[0].source_ids[:3] == ["0", "1", "2"]
    assert survey.name == str(cutouts)


def test_the_same_files_under_other_names_are_the_same_survey(cutouts, monkeypatch):
    monkeypatch.chdir(cutouts.parent)
    one, other = open_survey(cutouts), open_survey("cutouts/*.png")
    assert one.fingerprint == other.fingerprint
    fewer = open_survey([str(cutouts / "0.png"), str(cutouts / "1.png")])
    assert fewer.fingerprint != one.fingerprint
    assert "0.png and 1 more" in fewer.name


@pytest.mark.parametrize("dtype", [object, str])
def test_arrays_of_paths_are_lists_of_them(cutouts, dtype):
    paths = sorted(map(str, cutouts.glob("*.png")))
    assert open_survey(np.array(paths, dtype=dtype)).fingerprint == open_survey(paths).fingerprint


def test_ids_come_from_the_names(cutouts):
    survey = open_survey(cutouts / "1?.png", id_pattern=r"1(?P<source_id>\d)")
    assert survey.partitions[0].source_ids == list("0123456789")


def test_dask_arrays_keep_their_chunks(images):
    array = da.from_array(images, chunks=(32, 7, 16))
    survey = open_survey(array, source_ids=range(100, 100 + N_NEW))
    assert [len(part) for part in survey.partitions] == [32, 32, 26]
    assert survey.partitions[1].source_ids[0] == "132"
    np.testing.assert_array_equal(survey.partitions[1].images.compute(), images[32:64])
    assert not survey.has_files


def test_numpy_arrays_and_other_partitions(images):
    survey = open_survey(images, partition_size=50)
    assert [len(part) for part in survey.partitions] == [50, 40]
    assert list(survey.partitions[1].source_ids[:2]) == [50, 51]
    assert open_survey(images).fingerprint == open_survey(images.copy()).fingerprint
    assert open_survey(images[:-1]).fingerprint != open_survey(images).fingerprint


@pytest.mark.parametrize(
    ("source_ids", "message"),
    [
        (["a"], "90 cutouts, and there are 1 source_ids"),
        (["a"] * N_NEW, "'a', entry 1, stands twice"),
        (["", *range(1, N_NEW)], "entry 0, is blank"),
    ],
)
def test_bad_ids_of_an_array(images, source_ids, message):
    with pytest.raises(CatalogError, match=message):
        open_survey(images, source_ids=source_ids)


@pytest.mark.parametrize("shape", [(3, 4), (0, 4, 4), (2, 3, 4, 5, 6)])
def test_arrays_of_other_shapes(shape):
    with pytest.raises(CatalogError, match=r"has shape .*: cutouts need"):
        open_survey(np.zeros(shape))


def test_files_have_no_source_ids_of_their_own(cutouts):
    with pytest.raises(CatalogError, match="source_ids are for arrays"):
        open_survey(cutouts, source_ids=["a"])


def test_nothing_there(tmp_path):
    with pytest.raises(CatalogError, match="no file or folder"):
        open_survey(tmp_path / "missing")
    with pytest.raises(CatalogError, match="no cutout in"):
        open_survey(tmp_path)


def test_partitions_know_their_length():
    assert len(Files(["a"], ["a.png"]).files()) == 1
    assert len(Block(range(4), None)) == 4


def test_fingerprints_tell_columns_apart():
    assert fingerprint_of(["a", "b"]) == fingerprint_of(["a"], ["b"])
    assert fingerprint_of(["ab"]) != fingerprint_of(["a", "b"])
    assert fingerprint_of(["caf\udce9.png"]) != fingerprint_of(["caf.png"])


def test_names_that_are_not_utf8_are_told(tmp_path):
    path = tmp_path / "caf\udce9.png"
    try:
        path.touch()
    except OSError:
        pytest.skip("the file system has UTF-8 names only")
    with pytest.raises(CatalogError, match=r"caf\\udce9\.png': the name of the file is not UTF-8"):
        open_survey(tmp_path)


def test_ids_that_are_counted_are_not_listed():
    assert fingerprint_of(range(10**12)) != fingerprint_of(range(1, 10**12))
    assert fingerprint_of(range(3)) == fingerprint_of(range(0, 3, 1))


def test_partition_sizes_are_those_that_were_chosen(cutouts, images):
    assert open_survey(cutouts).partition_size == 2000
    assert open_survey(cutouts, partition_size=7).partition_size == 7
    assert open_survey(da.from_array(images, chunks=(40, 14, 16))).partition_size == 40
    assert open_survey(images, partition_size=30).partition_size == 30
    uneven = da.from_array(images, chunks=((20, 40, 30), 14, 16))
    assert open_survey(uneven).partition_size is None


def test_a_numpy_array_is_the_same_in_any_partitions(images):
    whole, parts = open_survey(images), open_survey(images, partition_size=7)
    assert whole.fingerprint == parts.fingerprint


@pytest.mark.parametrize("size", [0, -5, 2.5, "7"])
def test_partitions_of_no_size(size):
    with pytest.raises(ValueError, match="partition_size=.*: it must be a whole number, 1 or more"):
        open_survey(np.zeros((4, 5, 5)), partition_size=size)


def test_arrays_that_are_no_cutouts():
    with pytest.raises(CatalogError, match=r"has shape \(0, 5, 5\)"):
        open_survey(np.zeros((0, 5, 5)))
    with pytest.raises(CatalogError, match="masked array: fill it"):
        open_survey(np.ma.masked_equal(np.zeros((4, 5, 5)), 0))


@pytest.mark.parametrize("dtype", [object, complex, "U3"])
def test_arrays_of_anything_but_real_numbers_are_refused(dtype):
    array = np.zeros((4, 5, 5), dtype=dtype)
    for cutouts in (array, da.from_array(array, chunks=array.shape)):
        with pytest.raises(CatalogError, match=r"array of dtype .*: pixels need to be"):
            open_survey(cutouts)
