"""Tables written for other programs: every bit back, and no character lost in silence."""

import csv
import sys

import numpy as np
import openpyxl
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spurclust.catalog import match_labels, read_labels, write_table
from spurclust.catalog.formats.text_tables import unmark_text
from spurclust.catalog.table_writers import check_table_path
from spurclust.errors import CatalogError
from spurclust.region import component_table

ASTROPY = {
    ".ecsv": "ascii.ecsv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".fits": "fits",
    ".fit": "fits",
}
SUFFIXES = [".csv", ".CSV", ".tsv", ".xlsx", *ASTROPY]
POSITIONS = [[214.852676, -52.873104], [0, 90], [np.nan, np.nan], [359.9999999, 0.1 + 0.2]]


@pytest.fixture(scope="module")
def sources(make_sources):
    return make_sources(stability=[0.5, 0.25, 0, 1], positions=POSITIONS)


def astropy_read(path):
    table = Table.read(path, format=ASTROPY[path.suffix])
    table.convert_bytestring_to_unicode()
    return table


def read_back(path):
    """Return the columns as lists, None where blank, by no reader of spurclust."""
    if path.suffix in ASTROPY:
        table = astropy_read(path)
        return {
            name: [
                None if cell is np.ma.masked or cell == "" else cell
                for cell in np.ma.asarray(table[name])
            ]
            for name in table.colnames
        }
    if path.suffix == ".xlsx":
        page = openpyxl.load_workbook(path).active
        return {name: cells for name, *cells in page.iter_cols(values_only=True)}
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        header, *rows = [[unmark_text(cell) for cell in cells] for cells in lines]
    columns = zip(*rows, strict=True)
    return {
        name: [cell or None for cell in cells] for name, cells in zip(header, columns, strict=True)
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_bit_comes_back(tmp_path, sources, suffix):
    path, table = tmp_path / f"sources{suffix}", sources
    write_table(table, path)
    found = read_back(path)
    assert list(found) == list(table)
    # A workbook keeps 16 digits.
    tolerance = 1e-15 if suffix == ".xlsx" else 0
    for name in table:
        cells = [None if pd.isna(cell) or cell == "" else cell for cell in table[name]]
        if table[name].dtype.kind == "f":
            numbers = [np.nan if cell is None else float(cell) for cell in found[name]]
            np.testing.assert_allclose(numbers, table[name], rtol=tolerance)
        elif suffix.lower() in (".csv", ".tsv"):
            assert found[name] == [None if cell is None else str(cell) for cell in cells]
        else:
            assert found[name] == cells
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    labels = read_labels(
        path, id_column="source_id", label_column="label", reason_column="reason", spurious_value=1
    )
    matched = match_labels(labels, table["source_id"].tolist())
    assert matched.y.tolist() == [1, 0, -1, 1]
    assert matched.reasons == table["reason"].tolist()
    np.testing.assert_allclose(matched.positions, POSITIONS, rtol=tolerance)


@pytest.mark.parametrize("suffix", ASTROPY)
def test_formats_of_astropy_have_units_and_descriptions(tmp_path, sources, suffix):
    path = tmp_path / f"sources{suffix}"
    write_table(sources, path, units={"stability": "", "reason": "m"})
    found = astropy_read(path)
    assert all(found[name].description for name in found.colnames)
    assert found["flagged"].dtype == bool
    assert found["ra"].unit == found["dec"].unit == "deg"
    assert not found["tsne_x"].unit
    assert found["reason"].unit is None
    if suffix not in (".fits", ".fit"):
        assert found["ra"].meta["ucd"] == "pos.eq.ra;meta.main"
        assert all(check_ucd(found[name].meta["ucd"], True) for name in found.colnames)
    write_table(component_table(np.array([[5, 3, 1], [4, 0, 0]]), 0.05), path)
    found = astropy_read(path)
    assert all(found[name].description for name in found.colnames)


# What each format cannot hold, written once more and more plainly than in the package.
NOT_XML = "".join(map(chr, {*range(32)} - {9, 10})) + "\ufffe\uffff"
LINE_ENDS = "".join(c for c in map(chr, range(0x3000)) if c != "\n" and c.splitlines() == [""])
FORBIDDEN = {".csv": "\0\r", ".ecsv": "\0" + LINE_ENDS, ".vot": NOT_XML, ".xlsx": NOT_XML}
texts = st.text(st.characters(codec="utf-8"), max_size=6).map(str.strip)
texts |= st.sampled_from(["=1", "a,b", "é\n1", "#N/A", "00", "--", "0x1", "a  b", "'", "#", '"'])
# A workbook's 16 digits round the very largest numbers up to infinity.
numbers = st.floats(-1e308, 1e308) | st.just(np.inf)


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".vot", ".fits", ".xlsx"])
@pytest.mark.filterwarnings("ignore:.*cannot hold some characters")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(texts, numbers), min_size=1, max_size=5))
def test_any_text_and_any_number(tmp_path, suffix, rows):
    path = tmp_path / f"t{suffix}"
    table = pd.DataFrame(
        {"n": range(len(rows)), "t": [t for t, _ in rows], "x": [x for _, x in rows]}
    )
    write_table(table, path)
    found = read_back(path)
    assert found["t"] == [escaped(text, suffix) or None for text, _ in rows]
    assert [int(cell) for cell in found["n"]] == list(range(len(rows)))
    np.testing.assert_allclose(
        [float(cell) for cell in found["x"]], table["x"], rtol=1e-15 if suffix == ".xlsx" else 0
    )


def escaped(text, suffix):
    def is_held(character):
        if suffix == ".fits":
            return " " <= character <= "~"
        return character not in FORBIDDEN[suffix]

    return "".join(c if is_held(c) else c.encode("unicode_escape").decode() for c in text)


@pytest.mark.parametrize(
    ("suffix", "text", "written"),
    [
        (".fits", "Prüfung\n 星", r"Pr\xfcfung\n \u661f"),
        (".vot", "a\x0bb", r"a\x0bb"),
        (".xlsx", "a\x1fb", r"a\x1fb"),
        (".ecsv", "a\rb", r"a\rb"),
        (".csv", "a\udcffb", r"a\udcffb"),
    ],
)
def test_characters_that_a_format_cannot_hold(make_sources, tmp_path, suffix, text, written):
    path = tmp_path / f"sources{suffix}"
    with pytest.warns(UserWarning, match=r"cannot hold some characters in reason; .* escapes"):
        write_table(make_sources(reasons=[text, "", "", ""]), path)
    assert read_back(path)["reason"][0] == written


@pytest.mark.parametrize("suffix", [".fits", ".vot", ".xlsx"])
def test_other_types(tmp_path, suffix):
    table = pd.DataFrame(
        {
            "small": np.array([1, 2], dtype=np.uint8),
            "big": [10**17, 3],
            "far": [np.inf, 1.0],
            "half": np.array([0.5, 1.5], dtype=np.float16),
            "maybe": pd.array([True, None], dtype="boolean"),
            "count": pd.array([10**12, None], dtype="Int64"),
            "interval": [(0.1, 0.2), None],
        }
    )
    write_table(table, tmp_path / f"t{suffix}")
    is_workbook = suffix == ".xlsx"
    assert read_back(tmp_path / f"t{suffix}") == {
        "small": [1, 2],
        "big": ["100000000000000000" if is_workbook else 10**17, 3],
        "far": ["inf" if is_workbook else np.inf, 1.0],
        "half": [0.5, 1.5],
        "maybe": ["True", None],
        "count": [10**12, None],
        "interval": ["(0.1, 0.2)", None],
    }


def test_index_with_a_name_is_a_column(tmp_path):
    table = pd.DataFrame({"size": [3]}, index=pd.Index([0], name="component"))
    write_table(table, tmp_path / "components.csv", descriptions={"size": "how many"})
    assert (tmp_path / "components.csv").read_text() == "component,size\n0,3\n"
    write_table(table, tmp_path / "components.ecsv", descriptions={"size": "how many"})
    assert Table.read(tmp_path / "components.ecsv")["size"].description == "how many"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_table_without_rows(tmp_path, sources, suffix):
    write_table(sources.iloc[:0], tmp_path / f"t{suffix}")
    with pytest.raises(CatalogError, match="has no rows"):
        read_labels(tmp_path / f"t{suffix}")


def test_columns_of_one_name(tmp_path):
    table = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(CatalogError, match=r"several columns are named \['a'\]"):
        write_table(table, tmp_path / "t.csv")


def test_more_rows_than_a_workbook_has(tmp_path):
    with pytest.raises(CatalogError, match="1048576 rows are more than"):
        write_table(pd.DataFrame({"n": np.arange(2**20)}), tmp_path / "t.xlsx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "check", [check_table_path, lambda path: write_table(pd.DataFrame(), path)]
)
def test_places_where_no_table_can_be(tmp_path, check):
    for name in ("sources", "sources.doc", "sources.fits.gz"):
        with pytest.raises(CatalogError, match=r"must end in one of \.csv, .*\.xlsx"):
            check(tmp_path / name)
    with pytest.raises(CatalogError, match="there is no folder"):
        check(tmp_path / "no" / "t.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CatalogError, match="is a folder"):
        check(tmp_path / "folder.csv")


def test_check_leaves_nothing_and_finds_out_that_a_library_is_missing(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("mine")
    for name in ("t.csv", "t.fits", "t.xlsx"):
        check_table_path(tmp_path / name)
    monkeypatch.setitem(sys.modules, "astropy.table", None)
    with pytest.raises(ImportError):
        check_table_path(tmp_path / "t.fits")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_text() == "mine"


SETTINGS = {"labels": ["a.csv", "é.csv"], "perplexity": 50, "size": None, "note": "=1 <&> \x0b"}
COMMANDS = ["=cmd|' /C calc'!A0", "+cmd", "-cmd", "@SUM(A1)", "#1", " =1+1", "'=1", "-5", "g"]


def test_what_a_votable_says_of_itself(tmp_path, sources):
    write_table(sources, tmp_path / "sources.vot", settings=SETTINGS)
    file = parse(str(tmp_path / "sources.vot"), verify="exception")
    (system,) = file.resources[0].coordinate_systems
    table = file.get_first_table()
    assert (system.ID, system.system, table.name) == ("ICRS", "ICRS", "sources")
    assert [field.name for field in table.fields if field.ref == "ICRS"] == ["ra", "dec"]
    infos = {info.name: info.value for info in file.resources[0].infos}
    assert infos["perplexity"] == "50"
    assert infos["labels"] == '["a.csv", "\\u00e9.csv"]'
    assert infos["note"] == r"=1 <&> \x0b"


def test_what_a_fits_table_says_of_itself(tmp_path, sources):
    write_table(sources, tmp_path / "sources.fits", settings=SETTINGS)
    with fits.open(tmp_path / "sources.fits") as parts:
        parts.verify("exception")
        header = parts[1].header
    assert header["EXTNAME"] == "sources"
    for number, name in enumerate(sources, start=1):
        assert header[f"TTYPE{number}"] == name
        assert check_ucd(header[f"TUCD{number}"], True)
        assert header[f"TCOMM{number}"]
    assert "perplexity = 50" in list(header["HISTORY"])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx"])
def test_names_that_a_spreadsheet_would_run(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    table = pd.DataFrame({"source_id": COMMANDS, "label": 0, "=x": COMMANDS})
    write_table(table, path)
    found = read_labels(path, id_column="source_id", label_column="label").table
    assert found["source_id"].tolist() == [text.strip() for text in COMMANDS]
    assert found["=x"].tolist() == COMMANDS
    if suffix == ".xlsx":
        cells = [row[0] for row in openpyxl.load_workbook(path).active.iter_rows(min_row=2)]
        assert {cell.data_type for cell in cells} == {"s"}
        assert [bool(cell.quotePrefix) for cell in cells] == [True] * 7 + [False] * 2
    else:
        lines = path.read_text().splitlines()[1:]
        assert [line.startswith("'") for line in lines] == [True] * 7 + [False] * 2


def test_names_of_columns_that_fits_cannot_hold(tmp_path):
    with pytest.warns(UserWarning, match="the names of columns"):
        write_table(pd.DataFrame({"Prüfung": [1]}), tmp_path / "t.fits")
    assert Table.read(tmp_path / "t.fits").colnames == [r"Pr\xfcfung"]
