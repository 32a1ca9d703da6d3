"""Predictions in a folder: whole files, a manifest, and work that goes on."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import zarr
from astropy.io import fits

from spurclust import __version__
from spurclust.analysis import flag_sources, report_predictions
from spurclust.catalog import load_fitted
from spurclust.errors import CatalogError
from spurclust.scale import parts as parts_module
from spurclust.scale import predict_sources, write_predictions

from .conftest import N_NEW, same, write_cutouts


def read(folder):
    return pd.read_parquet(folder / "sources")


def snapshot(folder):
    # Some versions of filelock write to the lock.
    found = [path for path in folder.rglob("*.*") if path.suffix != ".lock"]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.fixture
def own(tmp_path, images):
    """A folder of cutouts that may be changed."""
    return write_cutouts(tmp_path / "cutouts", images)


def test_files(fitted, cutouts, expected, tmp_path):
    written = write_predictions(fitted.model, cutouts, tmp_path / "new" / "out", partition_size=40)
    assert written[:1] == (N_NEW,)
    assert written.n_flagged == expected["flagged"].sum()
    assert written.n_novel == (expected["novelty"] > 1).sum()
    assert (written.n_partitions, written.n_kept, written.n_unreadable) == (3, 0, 0)
    table = read(tmp_path / "new" / "out")
    same(table, expected)
    assert table["path"].tolist() == [str(cutouts / f"{k}.png") for k in range(N_NEW)]
    manifest = json.loads((tmp_path / "new" / "out" / "manifest.json").read_text())
    assert manifest["complete"] is True
    assert manifest["spurclust"] == __version__
    assert [one["n_sources"] for one in manifest["partitions"]] == [40, 40, 10]
    assert manifest["reading"]["full"] == [14, 16]
    assert manifest["reading"]["dtype"] == "uint8"
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == [
        "cutouts.parquet",
        "manifest.json",
        "predicting.lock",
        "sources",
    ]


def test_every_kind_of_survey_gives_the_same(fitted, cutouts, images, expected, tmp_path):
    zarr.save_array(str(tmp_path / "cutouts.zarr"), images)
    table = pd.DataFrame({"source_id": range(N_NEW)})
    table["path"] = [f"{cutouts}/{k}.png" for k in range(N_NEW)]
    table.to_parquet(tmp_path / "table.parquet")
    surveys = {
        "zarr": tmp_path / "cutouts.zarr",
        "table": tmp_path / "table.parquet",
        "list": [str(cutouts / f"{k}.png") for k in range(N_NEW)],
        "dask": da.from_array(images, chunks=(33, -1, -1)),
    }
    for name, survey in surveys.items():
        write_predictions(load_fitted(fitted.model), survey, tmp_path / name, n_jobs=2)
        same(read(tmp_path / name), expected)


def test_positions_come_from_the_headers_of_fits_files(fitted, images, expected, tmp_path):
    (tmp_path / "cutouts").mkdir()
    for k, image in enumerate(images[:30]):
        hdu = fits.PrimaryHDU(image)
        if 10 <= k < 15:
            hdu.header["RA"], hdu.header["DEC"] = 150 + k / 100, "+02:30:00"
        hdu.writeto(tmp_path / "cutouts" / f"{k}.fits")
    out = tmp_path / "out"
    write_predictions(fitted.model, tmp_path / "cutouts", out, partition_size=10)
    table, whole = read(out), flag_sources(fitted.model, tmp_path / "cutouts")
    pd.testing.assert_frame_equal(table[["ra", "dec"]], whole[["ra", "dec"]], check_exact=True)
    assert table["dec"].notna().sum() == 5
    same(table.drop(columns=["ra", "dec"]), expected[:30])
    schemas = [pq.read_schema(path).remove_metadata() for path in (out / "sources").iterdir()]
    assert all(schema == schemas[0] for schema in schemas)
    lazy = predict_sources(fitted.model, tmp_path / "cutouts", partition_size=10)
    assert lazy.dtypes.to_dict() == lazy.compute().dtypes.to_dict()
    report_predictions(out, max_cutouts=0)
    assert "AladinLite/?target=150.1" in (out / "report.html").read_text()


def test_only_what_is_missing_is_made(fitted, cutouts, expected, tmp_path):
    write_predictions(fitted.model, cutouts, tmp_path, partition_size=20)
    before = snapshot(tmp_path)
    (tmp_path / "sources" / "part-000001.parquet").unlink()
    (tmp_path / "sources" / "part-000003.parquet").write_bytes(b"PAR1 half")
    (tmp_path / "sources" / ".spurclust-of-a-killed-worker.parquet").touch()
    (tmp_path / ".spurclust-of-a-killed-client.json").touch()
    (tmp_path / ".spurclust-of-a-killed-client.parquet").touch()
    written = write_predictions(fitted.model, cutouts, tmp_path)
    assert (written.n_partitions, written.n_kept) == (5, 3)
    assert written.n_flagged == expected["flagged"].sum()
    after = snapshot(tmp_path)
    assert after.keys() == before.keys()
    changed = {path.name for path in after if after[path][0] != before[path][0]}
    assert "part-000000.parquet" not in changed
    for path in before:
        assert after[path][1] == before[path][1], path
    same(read(tmp_path), expected)


def test_a_partition_with_damaged_pages_is_made_anew(fitted, cutouts, expected, tmp_path):
    write_predictions(fitted.model, cutouts, tmp_path, partition_size=30)
    part = tmp_path / "sources" / "part-000001.parquet"
    good = part.read_bytes()
    metadata = pq.read_metadata(part)
    for number in range(metadata.num_columns):
        column = metadata.row_group(0).column(number)
        start = column.dictionary_page_offset or column.data_page_offset
        last = start + column.total_compressed_size
        part.write_bytes(good[: last - 4] + bytes(4) + good[last:])
        if part.read_bytes() == good:
            continue
        assert write_predictions(fitted.model, cutouts, tmp_path).n_kept == 2, number
        assert part.read_bytes() == good
    same(read(tmp_path), expected)


def test_cutouts_of_another_shape_leave_no_folder(fitted, images, expected, tmp_path):
    with pytest.raises(CatalogError, match=r"it is 13 x 16 pixels .*, but the fitted"):
        write_predictions(fitted.model, images[:, 1:], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_predictions(fitted.model, images, tmp_path / "out")
    same(read(tmp_path / "out"), expected)


def test_another_model_or_survey_is_refused(fitted, cutouts, images, tmp_path):
    out = tmp_path / "out"
    write_predictions(fitted.model, cutouts, out)
    before = snapshot(out)
    shutil.copytree(fitted.model.parent, tmp_path / "run")
    (tmp_path / "run" / "ranker.skops").unlink()
    with pytest.raises(CatalogError, match="holds predictions by another model: choose another"):
        write_predictions(tmp_path / "run" / "model.skops", cutouts, out)
    with pytest.raises(CatalogError, match="holds predictions of other cutouts"):
        write_predictions(fitted.model, images, out)
    with pytest.raises(CatalogError, match="in partitions of 2000 sources, not of 7"):
        write_predictions(fitted.model, cutouts, out, partition_size=7)
    assert snapshot(out) == before
    assert write_predictions(fitted.model, cutouts, out, partition_size=2000).n_kept == 1


def test_another_version_is_refused(fitted, cutouts, tmp_path):
    write_predictions(fitted.model, cutouts, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "spurclust": "0.0.1"}))
    with pytest.raises(CatalogError, match=r"by spurclust 0\.0\.1, and this is"):
        write_predictions(fitted.model, cutouts, tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "other"}'])
def test_a_manifest_of_somebody_else_is_refused(fitted, cutouts, tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(CatalogError, match=r"manifest\.json .*choose another folder"):
        write_predictions(fitted.model, cutouts, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_files_of_somebody_else_are_refused(fitted, cutouts, tmp_path):
    (tmp_path / "errors.csv").write_text("mine")
    with pytest.raises(CatalogError, match=r"holds errors\.csv, but no manifest\.json"):
        write_predictions(fitted.model, cutouts, tmp_path)
    assert (tmp_path / "errors.csv").read_text() == "mine"
    with pytest.raises(CatalogError, match="is a file: choose a folder"):
        write_predictions(fitted.model, cutouts, tmp_path / "errors.csv")


def test_a_folder_of_a_run_is_refused(fitted, cutouts, tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(CatalogError, match=r"holds the results of a run \(summary\.json\): choose"):
        write_predictions(fitted.model, cutouts, tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    assert not (tmp_path / "sources").exists()


@pytest.mark.parametrize("size", [0, -1, 2.5, "2"])
def test_a_size_of_partitions_that_is_no_positive_integer(fitted, images, tmp_path, size):
    with pytest.raises(ValueError, match=f"partition_size={size!r}: it must be a positive integer"):
        write_predictions(fitted.model, images, tmp_path / "out", partition_size=size)
    with pytest.raises(ValueError, match="partition_size"):
        predict_sources(fitted.model, images, partition_size=size)
    assert not (tmp_path / "out").exists()


def test_a_size_of_partitions_may_be_of_numpy(fitted, cutouts, tmp_path):
    assert write_predictions(fitted.model, cutouts, tmp_path, partition_size=np.int64(40))[4] == 3


def test_a_folder_where_the_unreadable_would_be_listed_is_refused_before_the_work(
    fitted, cutouts, tmp_path
):
    write_predictions(fitted.model, cutouts, tmp_path)
    (tmp_path / "errors.csv").mkdir()
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(CatalogError, match=r"errors\.csv is a folder.*move it away"):
        write_predictions(fitted.model, cutouts, tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_unreadable_cutouts_are_listed_and_can_be_mended(fitted, own, images, expected, tmp_path):
    out = tmp_path / "out"
    good = (own / "50.png").read_bytes()
    (own / "50.png").write_bytes(good[:40])
    (own / "51.png").unlink()
    (own / "51.png").symlink_to("nowhere.png")
    written = write_predictions(fitted.model, own, out, partition_size=30)
    assert written.n_unreadable == 2
    errors = pd.read_csv(out / "errors.csv", dtype=str)
    assert errors["source_id"].tolist() == ["50", "51"]
    assert errors["path"].tolist() == [str(own / "50.png"), str(own / "51.png")]
    assert "damaged" in errors["reason"][0]
    assert len(read(out)) == N_NEW - 2
    again = write_predictions(fitted.model, own, out)
    assert (again.n_kept, again.n_unreadable) == (3, 2)
    for name in ("50.png", "51.png"):
        (own / name).unlink()
    write_cutouts(own, images)  # all are newer now
    os.utime(own / "50.png", ns=(1, 1))
    mended = write_predictions(fitted.model, own, out)
    assert mended.n_unreadable == 0
    assert not (out / "errors.csv").exists()
    same(read(out), expected)


def test_a_replaced_cutout_renews_its_partition_only(fitted, own, images, tmp_path):
    out = tmp_path / "out"
    write_predictions(fitted.model, own, out, partition_size=30)
    (own / "31.png").write_bytes((own / "0.png").read_bytes())
    written = write_predictions(fitted.model, own, out)
    assert (written.n_kept, written.n_partitions) == (2, 3)
    table = read(out).set_index("source_id")
    assert table.loc["31", "tsne_x"] == table.loc["0", "tsne_x"]


def test_strict_stops_at_the_first(fitted, own, tmp_path):
    out = tmp_path / "out"
    (own / "50.png").write_bytes(b"no image")
    with pytest.raises(CatalogError, match=r"cannot read .*50\.png: it is not an image.*--strict"):
        write_predictions(fitted.model, own, out, partition_size=30, strict=True)
    there = [path.name for path in (out / "sources").iterdir()]
    assert "part-000001.parquet" not in there
    assert not (out / "errors.csv").exists()
    assert write_predictions(fitted.model, own, out).n_kept == len(there)
    with pytest.raises(CatalogError, match=r"cannot read .*50\.png"):
        write_predictions(fitted.model, own, out, strict=True)


def test_all_unreadable_is_an_error(fitted, tmp_path):
    folder = write_cutouts(tmp_path / "c", [])
    (folder / "1.png").touch()
    with pytest.raises(
        CatalogError, match=r"none of 1 cutouts could be read. .*1\.png: it is empty"
    ):
        write_predictions(fitted.model, folder, tmp_path / "out")
    assert len(pd.read_csv(tmp_path / "out" / "errors.csv")) == 1


def test_a_table_with_a_blank_path(fitted, cutouts, tmp_path):
    table = pd.DataFrame({"source_id": ["a", "b"], "path": [f"{cutouts}/0.png", None]})
    table.to_parquet(tmp_path / "t.parquet")
    assert write_predictions(fitted.model, tmp_path / "t.parquet", tmp_path / "o").n_unreadable == 1
    errors = pd.read_csv(tmp_path / "o" / "errors.csv")
    assert errors["reason"].item() == "the table has no path for it"


def test_a_full_disk_leaves_what_was_there(fitted, cutouts, expected, tmp_path, monkeypatch):
    write = pq.write_table

    def fill(table, path, **options):
        if parts_module.FOOTER in (table.schema.metadata or {}) and len(made) == 2:
            path.write_bytes(b"PAR1 and then the disk was full")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made.append(path)
        write(table, path, **options)

    made = []
    monkeypatch.setattr(parts_module.pq, "write_table", fill)
    with pytest.raises(CatalogError, match=r"No space left on device\): make room.*same command"):
        write_predictions(fitted.model, cutouts, tmp_path, partition_size=20)
    [there] = (tmp_path / "sources").iterdir()
    assert pq.read_metadata(there).num_rows in (20, 10)
    monkeypatch.undo()
    written = write_predictions(fitted.model, cutouts, tmp_path)
    assert (written.n_kept, written.n_partitions) == (1, 5)
    same(read(tmp_path), expected)


def test_a_folder_that_cannot_be_made(fitted, cutouts, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match=r"cannot write to .*: make room, permit it, or choose"):
        write_predictions(fitted.model, cutouts, tmp_path / "file" / "out")


def count_computed(images, n_rows):
    """A lazy array, and the list of its chunks that were computed."""
    computed = []

    def load(start):
        computed.append(start)
        return images[start : start + n_rows]

    starts = range(0, len(images), n_rows)
    chunks = [
        da.from_delayed(
            dask.delayed(load)(start, dask_key_name=f"load-{start}"),
            images[start : start + n_rows].shape,
            dtype=images.dtype,
        )
        for start in starts
    ]
    return da.concatenate(chunks), computed


def test_blocks_that_are_there_are_not_computed(fitted, images, expected, tmp_path):
    array, computed = count_computed(images, 20)
    write_predictions(fitted.model, array, tmp_path)
    assert sorted(computed) == [0, 20, 40, 60, 80]
    computed.clear()
    (tmp_path / "sources" / "part-000003.parquet").unlink()
    written = write_predictions(fitted.model, array, tmp_path)
    assert (written.n_partitions, written.n_kept) == (5, 4)
    assert computed == [60]
    same(read(tmp_path), expected)


def test_blocks_share_the_chunks_of_their_array(fitted, images, expected, tmp_path):
    array, computed = count_computed(images, 45)
    write_predictions(fitted.model, array, tmp_path, partition_size=10)
    assert sorted(computed) == [0, 45]
    same(read(tmp_path), expected)


@pytest.mark.parametrize("kind", ["files", "array"])
def test_more_partitions_than_are_in_hand(
    fitted, cutouts, images, expected, tmp_path, monkeypatch, kind
):
    monkeypatch.setattr("spurclust.scale.writing.AT_ONCE", 4)
    survey = cutouts if kind == "files" else images
    written = write_predictions(fitted.model, survey, tmp_path, partition_size=10)
    assert written.n_partitions == 9
    same(read(tmp_path), expected)


@pytest.mark.parametrize("place", ["manifest.json", "sources", "cutouts.parquet"])
def test_a_crash_before_the_first_partition(
    fitted, cutouts, expected, tmp_path, monkeypatch, place
):
    """Whatever is made first, the same call goes on from there."""

    def crash_at(make):
        def crashing(path, *arguments, **options):
            if Path(path).name == place:
                raise KeyboardInterrupt
            return make(path, *arguments, **options)

        return crashing

    monkeypatch.setattr(parts_module, "atomic_write", crash_at(parts_module.atomic_write))
    monkeypatch.setattr(Path, "mkdir", crash_at(Path.mkdir))
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        write_predictions(fitted.model, cutouts, out)
    monkeypatch.undo()
    write_predictions(fitted.model, cutouts, out)
    same(read(out), expected)


def test_the_manifest_is_not_complete_while_parts_are_made_anew(fitted, own, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_predictions(fitted.model, own, out, partition_size=30)
    (own / "31.png").write_bytes((own / "0.png").read_bytes())
    seen = []
    write = pq.write_table

    def look(table, path, **options):
        if "sources" in str(path):
            seen.append(json.loads((out / "manifest.json").read_text()))
        write(table, path, **options)

    monkeypatch.setattr(pq, "write_table", look)
    write_predictions(fitted.model, own, out)
    [manifest] = seen
    assert manifest["complete"] is False
    assert "partitions" not in manifest
    assert json.loads((out / "manifest.json").read_text())["complete"] is True


HOLDER = """
import sys, time
import filelock

with filelock.FileLock(sys.argv[1] + "/predicting.lock"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_process_at_a_time_as_long_as_it_lives(fitted, cutouts, expected, tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        words = f"{tmp_path} is being used by another process: wait for it"
        with pytest.raises(CatalogError, match=words):
            write_predictions(fitted.model, cutouts, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["predicting.lock"]
        process.kill()
    write_predictions(fitted.model, cutouts, tmp_path)
    same(read(tmp_path), expected)


@pytest.mark.parametrize("state", ["missing", "empty", "half done"])
def test_a_folder_that_is_read_only(fitted, cutouts, tmp_path, monkeypatch, state):
    out = tmp_path / "out"
    if state == "empty":
        out.mkdir()
    if state == "half done":
        write_predictions(fitted.model, cutouts, out, partition_size=30)
        (out / "sources" / "part-000001.parquet").unlink()
    before = snapshot(tmp_path)
    make_file, make_folder = os.open, os.mkdir

    def refuse(make):
        def refusing(path, *arguments, **options):
            if str(path).startswith(str(out)) and not Path(path).is_dir():
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return make(path, *arguments, **options)

        return refusing

    monkeypatch.setattr(os, "open", refuse(make_file))
    monkeypatch.setattr(os, "mkdir", refuse(make_folder))
    with pytest.raises(
        CatalogError, match=r"cannot write to .*out \(Read-only file system\): .*ch"
    ):
        write_predictions(fitted.model, cutouts, out, partition_size=30)
    monkeypatch.undo()
    assert snapshot(tmp_path) == before


def test_partitions_of_uneven_chunks(fitted, images, expected, tmp_path):
    uneven = da.from_array(images, chunks=((20, 40, 30), 14, 16), name="uneven")
    write_predictions(fitted.model, uneven, tmp_path)
    assert write_predictions(fitted.model, uneven, tmp_path).n_kept == 3
    words = "in partitions of uneven numbers of sources, not of 7"
    with pytest.raises(CatalogError, match=words):
        write_predictions(fitted.model, uneven, tmp_path, partition_size=7)
    same(read(tmp_path), expected)


def test_equal_arrays_are_one_survey(fitted, images, tmp_path):
    write_predictions(fitted.model, images, tmp_path, partition_size=30)
    assert write_predictions(fitted.model, images.copy(), tmp_path).n_kept == 3
    with pytest.raises(CatalogError, match="of other cutouts"):
        write_predictions(fitted.model, np.flipud(images), tmp_path)


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
