"""Cutouts of any kind behind one protocol."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import zarr

from spurclust.cutouts import open_cutouts, read_cutouts
from spurclust.cutouts.files import fingerprint_of
from spurclust.errors import CatalogError

from .conftest import N_NEW


def test_every_kind_gives_the_same(cutouts, images, tmp_path):
    zarr.save_array(str(tmp_path / "cutouts.zarr"), images)
    paths = [str(cutouts / f"{k}.png") for k in range(N_NEW)]
    table = pd.DataFrame({"source_id": range(N_NEW), "path": paths})
    table.to_parquet(tmp_path / "table.parquet")
    kinds = [cutouts, paths, np.array(paths), np.array(paths, dtype=object), images]
    kinds += [tmp_path / "table.parquet", tmp_path / "cutouts.zarr", str(cutouts / "*.png")]
    for kind in kinds:
        whole = read_cutouts(kind, reduce=2)
        np.testing.assert_array_equal(whole.images, read_cutouts(images, reduce=2).images)
        assert whole.source_ids == [str(k) for k in range(N_NEW)]
        source = open_cutouts(kind)
        assert len(source) == N_NEW
        rows, ids = source.find(["31"])
        assert ids[rows.tolist().index(31)] == "31"
        some = source.read([40, 7])
        np.testing.assert_array_equal(some.images, images[[40, 7]])
        assert (some.source_ids, some.paths) == source.take([40, 7])
        assert source.in_files == (source.image_format is None)


def test_files(cutouts, monkeypatch):
    source = open_cutouts(cutouts)
    parts, size = source.partitions(40)
    assert size == 40
    assert [len(part) for part in parts] == [40, 40, 10]
    assert parts[0].load().source_ids[:3] == ["0", "1", "2"]
    assert source.partitions()[1] == 2000
    assert source.name == str(cutouts)
    monkeypatch.chdir(cutouts.parent)
    other = open_cutouts("cutouts/*.png")
    assert other.fingerprint == source.fingerprint
    assert other.read([0]).paths == ["cutouts/0.png"]
    assert other.partitions()[0][0].paths[0] == str(cutouts / "0.png")
    fewer = open_cutouts([str(cutouts / "0.png"), str(cutouts / "1.png")])
    assert fewer.fingerprint != source.fingerprint
    assert "0.png and 1 more" in fewer.name
    by_pattern = open_cutouts(cutouts / "1?.png", id_pattern=r"1(?P<source_id>\d)")
    assert by_pattern.source_ids == list("0123456789")


def test_a_partition_of_files_knows_when_one_is_replaced(cutouts, tmp_path):
    path = tmp_path / "1.png"
    part = open_cutouts([str(path)]).partitions()[0][0]
    stamps = [part.stamp()]
    path.write_bytes((cutouts / "1.png").read_bytes())
    stamps += [part.stamp(), part.stamp()]
    assert stamps[0] != stamps[1] == stamps[2]


@pytest.mark.parametrize("kind", ["files", "array"])
@pytest.mark.parametrize(
    ("source_ids", "message"),
    [
        (["a"], "there are 90 .*, but 1 source_ids: give each an id of its own"),
        (["a"] * N_NEW, "'a', entry 1, stands twice"),
        (["", *range(1, N_NEW)], "entry 0, is blank"),
        ([" ", *range(1, N_NEW)], "entry 0, is blank"),
        ([*range(1, N_NEW), None], f"entry {N_NEW - 1}, is blank"),
        ([*range(1, N_NEW), np.nan], f"entry {N_NEW - 1}, is blank"),
    ],
)
def test_ids_that_are_given(cutouts, images, kind, source_ids, message):
    kind = sorted(map(str, cutouts.iterdir())) if kind == "files" else images
    with pytest.raises(CatalogError, match=message):
        open_cutouts(kind, source_ids=source_ids)
    ids = ["None", *(f"s{k}" for k in range(1, N_NEW))]
    assert read_cutouts(kind, source_ids=ids).source_ids == ids


def test_nothing_there(tmp_path):
    with pytest.raises(CatalogError, match="no file or folder"):
        open_cutouts(tmp_path / "missing")
    with pytest.raises(CatalogError, match="no cutout in"):
        open_cutouts(tmp_path)
    with pytest.raises(CatalogError, match="no such user: correct the path"):
        open_cutouts("~nobody-of-that-name/cutouts")


def test_fingerprints_tell_columns_apart():
    assert fingerprint_of(["ab"]) != fingerprint_of(["a", "b"])
    assert fingerprint_of(["caf\udce9.png"]) != fingerprint_of(["caf.png"])
    # Ids that are counted are not listed.
    assert fingerprint_of(range(10**12)) != fingerprint_of(range(1, 10**12))


def test_names_that_are_not_utf8_are_told(tmp_path):
    source = open_cutouts([tmp_path / "caf\udce9.png"])
    with pytest.raises(CatalogError, match=r"caf\\udce9\.png': the name of the file is not UTF-8"):
        source.partitions()


@pytest.mark.parametrize(("name", "package"), [("t.parquet", "pyarrow"), ("c.zarr", "zarr")])
def test_what_a_table_or_store_needs_is_said(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs the package {package}.*spurclust\[scale\]"):
        open_cutouts(name)


def test_files_and_arrays_need_none_of_them(cutouts):
    code = (
        "import sys; sys.modules |= dict.fromkeys(['dask', 'pyarrow', 'zarr', 'imagecodecs']);"
        "import numpy as np; from spurclust.cutouts import read_cutouts;"
        f"print(len(read_cutouts({str(cutouts)!r})), len(read_cutouts(np.zeros((3, 4, 4)))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "90 3\n"
