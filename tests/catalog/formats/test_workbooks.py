"""Workbooks as teams keep them: several sheets, titles, merged cells, hidden rows."""

import zipfile
from importlib.util import find_spec

import openpyxl
import pandas as pd
import pytest

from spurclust.catalog import read_labels
from spurclust.catalog.formats import workbooks
from spurclust.errors import CatalogError

SHEET = "xl/worksheets/sheet1.xml"
NAMES = ["Source_ID", "Reliable_Source", "Reason"]


@pytest.fixture
def book(tmp_path):
    """Return a function that saves a workbook of several sheets, and returns its path."""

    def save(change=None, **sheets):
        made = openpyxl.Workbook()
        made.remove(made.active)
        for title, rows in sheets.items():
            page = made.create_sheet(title)
            for row in rows:
                page.append(row)
        if change:
            change(made)
        made.save(tmp_path / "labels.xlsx")
        return tmp_path / "labels.xlsx"

    return save


def rows_of(*ids):
    return [NAMES, *([number, 1, None] for number in ids)]


def test_title_above_the_header(book):
    path = book(a=[["Candidates at z > 6", None, None, None, "by A"], [], *rows_of(7, 8), ["Σ", 2]])
    with pytest.raises(CatalogError, match=r"row 6 \(2, id Σ\)"):
        read_labels(path)
    path = book(a=[["Candidates at z > 6", None, None, None, "by A"], [], *rows_of(7, 8)])
    assert read_labels(path).table["source_id"].tolist() == ["7", "8"]


def test_the_only_sheet_with_the_columns(book):
    others = {"README": [["Made by the team", 2026]], "photometry": [["Source_ID", "mag"], [7, 27]]}
    path = book(**others, labels=rows_of(7))
    names = "'Source_ID', 'Reliable_Source'"
    with pytest.warns(UserWarning, match=f"the sheet 'labels', the only one with {names}"):
        assert len(read_labels(path)) == 1
    path = book(first=rows_of(7), second=rows_of(8))
    with pytest.raises(CatalogError, match=r"in several sheets: choose one of 'first', 'second'"):
        read_labels(path)
    assert read_labels(path, sheet="second").table["source_id"].tolist() == ["8"]


def test_merged_cells_count_for_each_row(book):
    def merge(made):
        made["a"].merge_cells("B2:B4")
        made["a"].merge_cells("C2:C4")

    rows = [NAMES, [1, 0, "spike"], [2, None, None], [3, None, None], [4, 1, None], [5, None, None]]
    path = book(merge, a=rows)
    # A range that a program would fill for hours.
    repack(path, SHEET, lambda data: data.replace(b"</mergeCells>", b'<mergeCell ref="D5:XFD1048576"/></mergeCells>'))  # fmt: skip  # noqa: E501
    with pytest.warns(UserWarning, match=r"row 2 to 4 \(0\), row 2 to 4 \(spike\)"):
        found = read_labels(path).table
    assert found["label"].tolist() == [1, 1, 1, 0, -1]
    assert found["reason"].tolist() == ["spike"] * 3 + [""] * 2


def test_hidden_rows_count_and_are_named(book):
    def hide(made):
        for row in (3, 4):
            made["a"].row_dimensions[row].hidden = True

    with pytest.warns(UserWarning, match="2 rows are hidden, .*: row 3, row 4"):
        assert len(read_labels(book(hide, a=rows_of(1, 2, 3, 4)))) == 4


def test_only_formulas_of_the_sheet_that_is_read_need_results(book):
    formulas = [["x"], ["=1+1"]]
    path = book(a=formulas, labels=rows_of(7))
    assert len(read_labels(path, sheet="labels")) == 1
    with pytest.raises(CatalogError, match="formulas without their results"):
        read_labels(book(labels=[*rows_of(7), ["8", "=1-1", ""]]))


def test_date_that_was_an_id(book):
    path = book(a=[NAMES, [pd.Timestamp(2026, 3, 1), 0, ""]])
    assert read_labels(path).table["source_id"].tolist() == ["2026-03-01"]


@pytest.mark.filterwarnings("ignore:.*neither id nor label")
def test_a_cell_far_away(book):
    path = book(lambda made: made["a"].__setitem__("C5000", 1), a=rows_of(7))
    assert len(read_labels(path)) == 1
    path = book(lambda made: made["a"].__setitem__("XFD5000", 1), a=rows_of(7))
    with pytest.raises(CatalogError, match="right of its 3 named columns, in row 5000"):
        read_labels(path)


def test_cells_without_end(book, monkeypatch):
    monkeypatch.setattr(workbooks, "_MAX_CELLS", 20)
    with pytest.raises(CatalogError, match="reach too far, to row 10 and column 2: delete"):
        read_labels(book(a=rows_of(*range(10))))


def repack(path, name, change):
    with zipfile.ZipFile(path) as old:
        parts = {part: old.read(part) for part in old.namelist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part, data in parts.items():
            new.writestr(part, data)


def test_parts_that_would_harm(book, monkeypatch):
    path = book(a=rows_of(7))
    repack(path, SHEET, lambda data: data.replace(b"<sheetData>", b"<sheetData>" + b" " * 10**6))
    assert len(read_labels(path)) == 1
    monkeypatch.setattr(workbooks, "_HARMLESS", 10**5)
    with pytest.raises(CatalogError, match=r"sheet1\.xml would take 10\d+ bytes"):
        read_labels(path)
    path = book(a=rows_of(7))
    repack(path, SHEET, lambda data: b'<!DOCTYPE x [<!ENTITY a "b">]>' + data)
    with pytest.raises(CatalogError, match=r"sheet1\.xml declares a document type"):
        read_labels(path)
    path = book(a=rows_of(7))
    repack(path, SHEET, lambda data: data.replace(b'<row r="2"', b'<row r="999999999"'))
    monkeypatch.setattr(workbooks, "_MAX_WORKBOOK_ROWS", 99)
    with pytest.raises(CatalogError, match="reach too far, to row 101"):
        read_labels(path)


def test_formats_of_other_programs(tmp_path, monkeypatch):
    (tmp_path / "a.ods").write_bytes(b"PK\x03\x04")
    monkeypatch.setattr(workbooks, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs .* python-calamine or odfpy.*pip install"):
        read_labels(tmp_path / "a.ods")


@pytest.mark.skipif(not find_spec("odf"), reason="odfpy writes the file")
@pytest.mark.parametrize("engine", ["odf", "python_calamine"])
def test_open_document(tmp_path, monkeypatch, engine):
    pytest.importorskip(engine)
    path = tmp_path / "a.ods"
    rows = [["Candidates", None, None], NAMES, ["007", 0, "spike"], [8, 1, None]]
    with pd.ExcelWriter(path, engine="odf") as writer:
        pd.DataFrame([["x"]]).to_excel(writer, sheet_name="notes", index=False, header=False)
        pd.DataFrame(rows).to_excel(writer, sheet_name="labels", index=False, header=False)
    monkeypatch.setattr(workbooks, "find_spec", lambda name: name == engine)
    found = read_labels(path, sheet="labels").table
    assert found["source_id"].tolist() == ["007", "8"]
    assert found["label"].tolist() == [1, 0]
    assert found["reason"].tolist() == ["spike", ""]
    repack(path, "content.xml", lambda data: data.replace(
        b"<table:table-cell ", b'<table:table-cell table:number-rows-spanned="2" ', 1))  # fmt: skip
    with pytest.raises(CatalogError, match="has merged cells: unmerge"):
        read_labels(path)


def test_a_header_of_two_rows_with_merged_names(book):
    def merge(made):
        made["A"].merge_cells("A1:A2")
        made["A"].merge_cells("B1:C1")

    above, below = ["Source_ID", "Verdict", None], [None, *NAMES[1:]]
    path = book(merge, A=[above, below, ["7", 0, "edge"], ["8", 1, None]])
    with pytest.warns(UserWarning, match="merged cells count"):
        found = read_labels(path)
    assert found.table.to_numpy().tolist() == [["7", 1, "edge"], ["8", 0, ""]]
