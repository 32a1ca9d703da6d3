"""Parquet tables of ids and paths."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spurclust.catalog import match_labels, read_labels
from spurclust.cutouts import open_cutouts, read_cutouts
from spurclust.cutouts.files import find_tables, is_path_table
from spurclust.errors import CatalogError


def write(path, ids, paths, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"source_id": ids, "path": paths}), path, **options)
    return path


def contents(source, size=None):
    files = [part.load() for part in source.partitions(size)[0]]
    return [one for part in files for one in zip(part.source_ids, part.paths, strict=True)]


def test_row_groups_are_cut(tmp_path):
    table = write(
        tmp_path / "t.parquet",
        list(range(25)),
        [f"c/{k}.png" for k in range(25)],
        row_group_size=10,
    )
    source = open_cutouts(table)
    parts, size = source.partitions(4)
    assert size == 4
    assert [len(part) for part in parts] == [4, 4, 2, 4, 4, 2, 4, 1]
    assert contents(source, 4) == [(str(k), str(tmp_path / "c" / f"{k}.png")) for k in range(25)]
    assert source.name == str(table)


def test_absolute_paths_and_missing_ones(tmp_path):
    table = write(tmp_path / "t.parquet", ["007", "8"], ["/x/7.png", None])
    assert contents(open_cutouts(table)) == [("007", "/x/7.png"), ("8", "")]


def test_a_folder_of_tables_as_in_a_catalog(tmp_path):
    root = tmp_path / "hats" / "dataset"
    for order, pixel in ((1, 44), (0, 3)):
        write(
            root / f"Norder={order}" / "Dir=0" / f"Npix={pixel}.parquet",
            [f"{pixel}a", f"{pixel}b"],
            [f"{pixel}a.png", f"{pixel}b.png"],
        )
    write(root / "_metadata.parquet", ["x"], ["x.png"])
    source = open_cutouts(tmp_path / "hats")
    assert contents(source) == [
        (one, str(tmp_path / "hats" / f"{one}.png")) for one in ("3a", "3b", "44a", "44b")
    ]


@pytest.fixture
def catalog(tmp_path):
    """A HATS catalog with all that its importer writes."""
    root = tmp_path / "hats"
    pixels = root / "dataset" / "Norder=1" / "Dir=0"
    write(pixels / "Npix=44.parquet", ["1", "2"], ["1.png", "2.png"])
    write(pixels / "Npix=45" / "part0.parquet", ["3"], ["3.png"])
    write(root / "dataset" / "data_thumbnail.parquet", ["1", "3"], ["1.png", "3.png"])
    schema = pa.schema({"source_id": pa.string(), "path": pa.string()})
    pq.write_metadata(schema, root / "dataset" / "_metadata")
    pq.write_metadata(schema, root / "dataset" / "_common_metadata")
    for name in ("point_map.fits", "skymap.fits", "skymap.2.fits"):
        (root / name).touch()
    (root / "partition_info.csv").write_text("Norder,Npix\n1,44\n1,45\n")
    (root / "hats.properties").write_text("dataproduct_type=object\n")
    return root


@pytest.mark.parametrize("mark", ["hats.properties", "properties"])
def test_a_real_catalog(catalog, mark):
    (catalog / "hats.properties").rename(catalog / mark)
    source = open_cutouts(catalog)
    assert [one for one, _ in contents(source)] == ["1", "2", "3"]
    assert contents(source)[0][1] == str(catalog / "1.png")
    assert [one for one, _ in contents(open_cutouts(catalog / "dataset"))] == ["1", "2", "3"]


def test_a_collection_of_catalogs(catalog):
    collection = catalog.parent
    (collection / "collection.properties").write_text("hats_primary_table_url=hats\n")
    with pytest.raises(CatalogError, match="is a HATS collection: give the folder of the cat"):
        open_cutouts(collection)


def test_a_row_group_is_read_once_for_all_its_partitions(tmp_path, monkeypatch):
    n = 100
    table = write(
        tmp_path / "t.parquet",
        list(range(n)),
        [f"{k}.png" for k in range(n)],
        row_group_size=50,
    )
    opened = []
    read = pq.ParquetFile.read_row_group

    def count(self, number, *arguments):
        opened.append(number)
        return read(self, number, *arguments)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", count)
    assert len(contents(open_cutouts(table), 5)) == n
    assert opened == [0, 1]


def test_a_table_that_was_replaced_is_read_anew(tmp_path):
    table = write(tmp_path / "t.parquet", ["1"], ["1.png"])
    assert contents(open_cutouts(table)) == [("1", str(tmp_path / "1.png"))]
    write(table, ["1"], ["2.png"])
    assert contents(open_cutouts(table)) == [("1", str(tmp_path / "2.png"))]


def test_other_columns(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"objid": [5], "file": ["5.png"], "ra": [1.0]}).to_parquet(path)
    assert contents(open_cutouts(path, id_column="objid", path_column="file"))[0][0] == "5"
    with pytest.raises(
        CatalogError, match="no column 'source_id'; its columns are objid, file, ra"
    ):
        open_cutouts(path)


def test_ids_are_compared_across_tables(tmp_path):
    write(tmp_path / "deep" / "a.parquet", ["1", "2"], ["1.png", "2.png"])
    write(tmp_path / "deep" / "b.parquet", ["3", "1"], ["3.png", "1.png"])
    words = f"source_id '1' occurs 2 times in {tmp_path}, and 1 ids occur more"
    with pytest.raises(CatalogError, match=words):
        open_cutouts(tmp_path)


def test_a_missing_id_names_its_row(tmp_path):
    write(tmp_path / "a.parquet", ["1"], ["1.png"])
    for blank in (None, ""):
        write(tmp_path / "t.parquet", ["2", blank, "3"], ["2.png", "3.png", "4.png"])
        with pytest.raises(CatalogError, match=r"t\.parquet: row 1 has no source_id: give every"):
            open_cutouts(tmp_path)


def test_a_missing_id_of_a_very_long_table(tmp_path, monkeypatch):
    monkeypatch.setattr("spurclust.cutouts.path_tables.MAX_COMPARED", 2)
    table = write(tmp_path / "t.parquet", ["1", None, "3"], ["1.png", "2.png", "3.png"])
    with pytest.raises(CatalogError, match=r"t\.parquet: row 1 of row group 0 has no source_id"):
        contents(open_cutouts(table), 1)


def test_folders_behind_links_are_read_once(tmp_path):
    write(tmp_path / "sl" / "a" / "p.parquet", ["1"], ["1.png"])
    write(tmp_path / "target" / "p.parquet", ["2"], ["2.png"])
    (tmp_path / "sl" / "b").symlink_to("../target")
    (tmp_path / "target" / "round").symlink_to("../sl")
    assert [one for one, _ in contents(open_cutouts(tmp_path / "sl"))] == ["1", "2"]


def test_a_link_to_no_table_is_told(tmp_path):
    write(tmp_path / "a.parquet", ["1"], ["1.png"])
    (tmp_path / "b.parquet").symlink_to("nowhere.parquet")
    with pytest.raises(CatalogError, match=r"b\.parquet cannot be read as a Parquet table"):
        open_cutouts(tmp_path)


def test_folders_of_other_programs_and_predictions_are_passed_over(tmp_path):
    for folder in (".", "_temporary", ".ipynb_checkpoints", "mine/sources", "out/sources"):
        write(tmp_path / folder / "p.parquet", [folder], ["1.png"])
    (tmp_path / "out" / "manifest.json").write_text('{"format": "spurclust predictions"}')
    (tmp_path / "mine" / "manifest.json").write_text('{"format": "of somebody else"}')
    assert [one for one, _ in contents(open_cutouts(tmp_path))] == ["mine/sources", "."]
    with pytest.raises(CatalogError, match="out holds predictions of spurclust: give the tables"):
        open_cutouts(tmp_path / "out")


@pytest.mark.parametrize(
    ("ids", "paths", "words"),
    [
        ([["1"]], ["1.png"], "the column 'source_id' is of list"),
        (["1"], [["1.png"]], "the column 'path' is of list"),
        ([b"\xff"], ["1.png"], "cannot be read as a Parquet table"),
        (["1"], [b"caf\xe9.png"], "cannot be read as a Parquet table"),
    ],
)
def test_columns_that_are_no_texts_are_told_with_their_table(tmp_path, ids, paths, words):
    table = write(tmp_path / "t.parquet", ids, paths)
    with pytest.raises(CatalogError, match=rf"t\.parquet.* ?{words}"):
        contents(open_cutouts(table))


def test_two_columns_of_a_name(tmp_path):
    columns = [pa.array(["1"]), pa.array(["1.png"]), pa.array(["2.png"])]
    pq.write_table(pa.table(columns, ["source_id", "path", "path"]), tmp_path / "t.parquet")
    with pytest.raises(CatalogError, match=r"t\.parquet has 2 columns named 'path'"):
        open_cutouts(tmp_path / "t.parquet")


@pytest.mark.parametrize("column", ["source_id", "path"])
def test_damaged_pages_are_told_with_their_table(tmp_path, column):
    n = 500
    ids, paths = [f"id{k}" for k in range(n)], [f"c/{k}.png" for k in range(n)]
    table = write(tmp_path / "t.parquet", ids, paths, use_dictionary=False)
    chunk = pq.read_metadata(table).row_group(0).column(["source_id", "path"].index(column))
    content = bytearray(table.read_bytes())
    start, size = chunk.data_page_offset, chunk.total_compressed_size
    content[start + size // 2 : start + size] = bytes(size - size // 2)
    table.write_bytes(content)
    with pytest.raises(CatalogError, match=r"t\.parquet cannot be read as a Parquet table"):
        contents(open_cutouts(table))


ACUTE, COMBINED = "caf\u00e9", "cafe\u0301"
IDS = st.lists(
    st.sampled_from(
        ["0", "00", "7", "07", "7.0", "7.00", "-7", "a", "007a", "12", "1.5", " 7", ACUTE, COMBINED]
    ),
    min_size=1,
    unique_by=str.strip,
)


@given(ids=IDS, labelled=IDS, size=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore:.*have no cutout")
def test_labels_find_the_rows_that_they_find_among_all(tmp_path_factory, ids, labelled, size):
    paths = [f"{k}.png" for k in range(len(ids))]
    folder = tmp_path_factory.mktemp("t")
    source = open_cutouts(write(folder / "t.parquet", ids, paths, row_group_size=size))
    labels = read_labels(
        pd.DataFrame({"Source_ID": [one.strip() for one in labelled], "Reliable_Source": 0})
    )
    rows, found = source.find(labels.table["source_id"].tolist())
    assert found == [ids[row] for row in rows]
    try:
        expected = match_labels(labels, ids).y
    except CatalogError:
        with pytest.raises(CatalogError, match="no id of .* the cutouts have '"):
            match_labels(labels, found)
        return
    y = match_labels(labels, found).y
    assert y.tolist() == expected[rows].tolist()
    assert {row for row, label in enumerate(expected) if label >= 0} <= set(rows.tolist())


def test_rows_of_several_groups_and_tables_in_any_order(tmp_path):
    names = [f"{k}.png" for k in range(15)]
    write(tmp_path / "a.parquet", list(range(10)), names[:10], row_group_size=4)
    write(tmp_path / "b.parquet", list(range(10, 15)), names[10:])
    source = open_cutouts(tmp_path)
    assert len(source) == 15
    for rows in ([0, 3, 4, 9, 10, 14], [14, 0, 9, 3]):
        ids, paths = source.take(rows)
        assert ids == [str(row) for row in rows]
        assert paths == [str(tmp_path / f"{row}.png") for row in rows]
    assert source.take([]) == ([], [])


def test_reading_whole_and_in_part(tmp_path):
    for k in range(4):
        Image.fromarray(np.arange(k, k + 20, dtype=np.uint8).reshape(5, 4)).save(
            tmp_path / f"{k}.png"
        )
    table = write(tmp_path / "t.parquet", list("abcde"), ["0.png", "1.png", None, "2.png", "3.png"])
    assert open_cutouts(table).read([4, 0]).images[:, 0, 0].tolist() == [3, 0]
    with pytest.raises(CatalogError, match="cannot read source c: the table has no path for it"):
        read_cutouts(table)
    with pytest.warns(UserWarning, match=r"1 of 5 cutouts were skipped:\n  c: the table has no"):
        cutouts = read_cutouts(table, on_error="skip")
    assert cutouts.source_ids == list("abde")
    assert cutouts.images[:, 0, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(CatalogError, match=r"source_ids are for arrays and lists .*t\.parquet has"):
        read_cutouts(table, source_ids=list("fghij"))


def test_tables_are_told_from_cutouts_by_name(tmp_path):
    assert is_path_table("A.PARQUET")
    assert not is_path_table("a.parquet/*.png")
    assert not is_path_table(["a.parquet"])
    assert not is_path_table(tmp_path)
    (tmp_path / "Norder=1").mkdir()
    (tmp_path / "Norder=1" / "Npix=3.parquet").touch()
    assert is_path_table(tmp_path)
    assert [path.name for path in find_tables(tmp_path)] == ["Npix=3.parquet"]
    (tmp_path / "a.png").touch()
    assert not is_path_table(tmp_path)
    # A HATS catalog has maps of the sky.
    (tmp_path / "hats.properties").touch()
    assert is_path_table(tmp_path)


def test_fingerprints_follow_the_rows(tmp_path):
    table = write(tmp_path / "t.parquet", ["1", "2"], ["1.png", "2.png"])
    before = open_cutouts(table).fingerprint
    assert open_cutouts(table).fingerprint == before
    write(table, ["1", "2"], ["1.png", "9.png"])
    assert open_cutouts(table).fingerprint != before


def test_what_is_no_table(tmp_path):
    for content in (b"", b"PAR1 and no more", b"\0" * 200):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(CatalogError, match="cannot be read as a Parquet table"):
            open_cutouts(tmp_path / "t.parquet")
    with pytest.raises(CatalogError, match="cannot be read as a Parquet table"):
        open_cutouts(tmp_path / "missing.parquet")
    write(tmp_path / "t.parquet", pa.array([], pa.string()), pa.array([], pa.string()))
    with pytest.raises(CatalogError, match="has no rows"):
        open_cutouts(tmp_path / "t.parquet")
