"""Tables written for other programs: every bit back, whole or not at all."""

import csv
import sys

import numpy as np
import openpyxl
import pandas as pd
import pytest
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spurclust.catalog import (
    check_table_path,
    match_labels,
    read_labels,
    sources_table,
    write_table,
)
from spurclust.errors import CatalogError
from spurclust.region import component_table

NAMES = [
    "source_id",
    "path",
    "label",
    "reason",
    "tsne_x",
    "tsne_y",
    "component",
    "spurious_probability",
    "flagged",
]
ASTROPY = {
    ".ecsv": "ascii.ecsv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".fits": "fits",
    ".fit": "fits",
}
IDS = ["00123", "7", "6000000000000000001", "g-4"]
REASONS = ['edge, of the "field"', "", "", "=1+1"]


def example(**other):
    columns = {
        "embedding": np.array([[0.1, 1 / 3], [-1e-30, 2.5], [1e20, 0], [3, 4]], dtype=np.float32),
        "component": [0, 5, 2, 2],
        "spurious_probability": [0.05, np.nextafter(0.05, 0), 0.0, 1.0],
        "flagged": [True, False, False, True],
        "paths": ["a/z6_00123_F.png", "b c.png", "c,d.png", "d.png"],
        "y": [1, 0, -1, 1],
        "reasons": REASONS,
    }
    return sources_table(IDS, **{**columns, **other})


def astropy_read(path):
    table = Table.read(path, format=ASTROPY[path.suffix])
    table.convert_bytestring_to_unicode()
    return table


def csv_read(path, separator=","):
    """Read without any library's opinion on numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file, delimiter=separator)
    return {name: list(cells) for name, *cells in zip(header, *rows, strict=True)}


def no_part_left(folder):
    return not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV"])
def test_text_has_every_bit(tmp_path, suffix):
    path = tmp_path / f"sources{suffix}"
    write_table(example(), path)
    found = csv_read(path, "\t" if suffix == ".tsv" else ",")
    assert list(found) == NAMES
    assert found["source_id"] == IDS
    assert found["label"] == ["1", "0", "", "1"]
    assert found["reason"] == REASONS
    assert found["component"] == ["0", "5", "2", "2"]
    assert found["flagged"] == ["True", "False", "False", "True"]
    for name in ("tsne_x", "tsne_y", "spurious_probability"):
        assert [float(cell) for cell in found[name]] == example()[name].tolist()
    assert no_part_left(tmp_path)


def test_pandas_reads_the_csv(tmp_path):
    write_table(example(), tmp_path / "sources.csv")
    found = pd.read_csv(tmp_path / "sources.csv", dtype={"source_id": str})
    assert found["source_id"].tolist() == IDS
    assert found["label"].isna().tolist() == [False, False, True, False]
    assert found["flagged"].dtype == bool
    np.testing.assert_allclose(found["tsne_x"], example()["tsne_x"], rtol=1e-15)


@pytest.mark.parametrize("suffix", ASTROPY)
def test_formats_of_astropy_have_every_bit(tmp_path, suffix):
    path = tmp_path / f"sources{suffix}"
    write_table(example(), path)
    found = astropy_read(path)
    assert found.colnames == NAMES
    for name in ("source_id", "tsne_x", "tsne_y", "component", "spurious_probability", "flagged"):
        assert list(found[name]) == example()[name].tolist()
    assert list(np.ma.filled(found["reason"], "")) == REASONS
    assert list(np.ma.getmaskarray(found["label"])) == [False, False, True, False]
    assert list(np.ma.filled(found["label"], 9)) == [1, 0, 9, 1]
    assert found["flagged"].dtype == bool
    assert found["tsne_x"].description == "First coordinate of the t-SNE embedding"
    assert found["label"].description.startswith("1 spurious")
    assert no_part_left(tmp_path)


@pytest.mark.parametrize("suffix", ASTROPY)
def test_positions_have_units_and_links(tmp_path, suffix):
    path = tmp_path / f"sources{suffix}"
    positions = [[214.852676, -52.873104], [0, 90], [np.nan, np.nan], [359.9999999, 0.1 + 0.2]]
    table = example(positions=positions, stability=[0.5, 0.25, 0, 1])
    assert list(table) == [*NAMES, "stability", "ra", "dec", "sky_viewer"]
    write_table(table, path, units={"stability": "", "reason": "m"})
    found = astropy_read(path)
    for k, name in enumerate(("ra", "dec")):
        assert found[name].unit == "deg"
        values = np.ma.filled(found[name].astype(float), np.nan)
        np.testing.assert_array_equal(values, np.array(positions)[:, k])
        assert "taken as ICRS" in found[name].description
    links = list(np.ma.filled(found["sky_viewer"], ""))
    assert links == table["sky_viewer"].tolist()
    assert links[2] == ""
    assert all(found[name].description for name in found.colnames)
    assert not found["tsne_x"].unit
    assert found["reason"].unit is None
    if suffix != ".fits":
        assert found["ra"].meta["ucd"] == "pos.eq.ra;meta.main"


@pytest.mark.parametrize("suffix", ASTROPY)
def test_components_have_descriptions(tmp_path, suffix):
    table = component_table(np.array([[5, 3, 1], [4, 0, 0]]), 0.05)
    write_table(table, tmp_path / f"components{suffix}")
    found = astropy_read(tmp_path / f"components{suffix}")
    assert all(found[name].description for name in found.colnames)


def test_workbook_has_every_bit(tmp_path):
    path = tmp_path / "sources.xlsx"
    write_table(example(), path)
    found = pd.read_excel(path, dtype={"source_id": str})
    assert list(found) == NAMES
    assert found["source_id"].tolist() == IDS
    assert found["reason"].fillna("").tolist() == REASONS
    assert found["label"].isna().tolist() == [False, False, True, False]
    assert found["flagged"].tolist() == [True, False, False, True]
    np.testing.assert_allclose(found["tsne_x"], example()["tsne_x"], rtol=1e-15)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".ecsv", ".vot", ".fits", ".xlsx"])
def test_written_labels_are_read_again(tmp_path, suffix):
    path = tmp_path / f"sources{suffix}"
    write_table(example(), path)
    labels = read_labels(
        path,
        id_column="source_id",
        label_column="label",
        reason_column="reason",
        spurious_value=1,
    )
    found = match_labels(labels, IDS)
    assert found.y.tolist() == [1, 0, -1, 1]
    assert found.reasons == REASONS


# What each format cannot hold, said once more and more plainly than in the package.
FORBIDDEN = {
    ".csv": "\0\r",
    ".ecsv": "\0"
    + "".join(c for c in map(chr, range(0x3000)) if c != "\n" and c.splitlines() == [""]),
    ".vot": "".join(map(chr, {*range(32)} - {9, 10})) + "\ufffe\uffff",
    ".xlsx": "".join(map(chr, {*range(32)} - {9, 10})) + "\ufffe\uffff",
}
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
    if suffix == ".csv":
        found = csv_read(path)
    elif suffix == ".xlsx":
        page = openpyxl.load_workbook(path).active
        found = {name: cells for name, *cells in page.iter_cols(values_only=True)}
        found["t"] = ["" if cell is None else cell for cell in found["t"]]
    else:
        found = {
            name: list(np.ma.filled(astropy_read(path)[name], "" if name == "t" else 0))
            for name in table
        }
    assert found["t"] == [escaped(text, suffix) for text, _ in rows]
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
        (".fits", "Prüfung\n", r"Pr\xfcfung\n"),
        (".fits", "星", r"\u661f"),
        (".vot", "a\x0bb", r"a\x0bb"),
        (".xlsx", "a\x1fb", r"a\x1fb"),
        (".ecsv", "a\rb", r"a\rb"),
        (".csv", "a\udcffb", r"a\udcffb"),
    ],
)
def test_characters_that_a_format_cannot_hold(tmp_path, suffix, text, written):
    path = tmp_path / f"sources{suffix}"
    with pytest.warns(UserWarning, match=r"cannot hold some characters in reason; .* escapes"):
        write_table(example(reasons=[text, "", "", ""]), path)
    labels = read_labels(
        path,
        id_column="source_id",
        label_column="label",
        reason_column="reason",
        spurious_value=1,
    )
    assert labels.table["reason"].tolist()[0] == written


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".vot", ".xlsx"])
def test_other_characters_stay(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    write_table(pd.DataFrame({"source_id": ["1"], "label": [1], "reason": ["é\n星 '"]}), path)
    labels = read_labels(path, id_column="source_id", label_column="label", reason_column="reason")
    assert labels.table["reason"].tolist() == ["é\n星 '"]


def test_other_types(tmp_path):
    table = pd.DataFrame(
        {
            "small": np.array([1, 2], dtype=np.uint8),
            "big": [10**17, 3],
            "far": [np.inf, np.nan],
            "half": np.array([0.5, 1.5], dtype=np.float16),
            "maybe": pd.array([True, None], dtype="boolean"),
            "count": pd.array([10**12, None], dtype="Int64"),
            "interval": [(0.1, 0.2), None],
        }
    )
    for suffix in (".fits", ".vot"):
        write_table(table, tmp_path / f"t{suffix}")
        found = astropy_read(tmp_path / f"t{suffix}")
        assert list(found["small"]) == [1, 2]
        assert list(found["big"]) == [10**17, 3]
        assert found["far"][0] == np.inf
        assert list(found["half"]) == [0.5, 1.5]
        assert found["maybe"][0] == "True"
        assert found["count"][0] == 10**12
        assert np.ma.getmaskarray(found["count"])[1]
        assert found["interval"][0] == "(0.1, 0.2)"
    write_table(table, tmp_path / "t.xlsx")
    page = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    found = {name: cells for name, *cells in page.iter_cols(values_only=True)}
    assert found["big"] == ["100000000000000000", 3]
    assert found["far"] == ["inf", None]
    assert found["maybe"] == ["True", None]


def test_index_with_a_name_is_a_column(tmp_path):
    table = pd.DataFrame({"size": [3]}, index=pd.Index([0], name="component"))
    write_table(table, tmp_path / "components.csv", descriptions={"size": "how many"})
    assert (tmp_path / "components.csv").read_text() == "component,size\n0,3\n"
    write_table(table, tmp_path / "components.ecsv", descriptions={"size": "how many"})
    assert Table.read(tmp_path / "components.ecsv")["size"].description == "how many"


def test_table_without_rows(tmp_path):
    table = example().iloc[:0]
    for suffix in (".csv", ".xlsx", *ASTROPY):
        write_table(table, tmp_path / f"t{suffix}")
    assert astropy_read(tmp_path / "t.fits").colnames == NAMES


def test_columns_of_one_name(tmp_path):
    table = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(CatalogError, match=r"several columns are named \['a'\]"):
        write_table(table, tmp_path / "t.csv")


def test_more_rows_than_a_workbook_has(tmp_path):
    with pytest.raises(CatalogError, match="1048576 rows are more than"):
        write_table(pd.DataFrame({"n": np.arange(2**20)}), tmp_path / "t.xlsx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("check", [check_table_path, lambda path: write_table(example(), path)])
def test_places_where_no_table_can_be(tmp_path, check):
    for name in ("sources", "sources.doc", "sources.fits.gz"):
        with pytest.raises(CatalogError, match=r"must end in one of \.csv, .*\.xlsx"):
            check(tmp_path / name)
    with pytest.raises(CatalogError, match="there is no folder"):
        check(tmp_path / "no" / "t.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CatalogError, match="is a folder"):
        check(tmp_path / "folder.csv")


def test_check_leaves_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    for name in ("t.csv", "t.fits", "t.xlsx"):
        check_table_path(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_text() == "mine"


def test_check_finds_out_that_a_library_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "astropy.table", None)
    with pytest.raises(ImportError):
        check_table_path(tmp_path / "t.fits")
    assert not list(tmp_path.iterdir())
