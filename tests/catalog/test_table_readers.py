"""Tables of every format, and files that are none."""

import gzip

import numpy as np
import openpyxl
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable.tree import VOTableFile
from astropy.table import MaskedColumn, Table

from spurclust.catalog import write_table
from spurclust.catalog.table_readers import read_sheet
from spurclust.errors import CatalogError

TEXT = "Source_ID,Reliable_Source,Reason\n00123,0,edge data\n7,1,\n"
ROWS = [["Source_ID", "Reliable_Source", "Reason"], ["00123", 0, "edge data"], [7, 1, None]]


def read(path, sheet=None):
    return read_sheet(path, sheet=sheet)


def workbook(path, *pages, titles=("labels", "notes", "more")):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in zip(titles, pages, strict=False):
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def astropy_table():
    table = Table()
    table["Source_ID"] = np.array([10**18 + 1, 7])
    table["Reliable_Source"] = MaskedColumn(np.array([0, 1], dtype="i2"), mask=[False, True])
    table["Reason"] = ["edge data", ""]
    table["RA"] = [1.5, np.nan]
    table["mags"] = [[1.0, 2.0], [3.0, 4.0]]
    return table


@pytest.mark.parametrize("suffix", [".fits", ".FIT", ".fits.gz", ".ecsv", ".vot", ".xml"])
def test_formats_of_astropy(tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    form = {".ecsv": "ascii.ecsv", ".vot": "votable", ".xml": "votable"}.get(suffix, "fits")
    astropy_table().write(path, format=form)
    assert path.read_bytes().startswith(b"\x1f\x8b") == suffix.endswith(".gz")
    sheet = read(path)
    assert list(sheet.row_numbers) == [1, 2]
    assert sheet.frame["Source_ID"].tolist() == [10**18 + 1, 7]
    assert sheet.frame["Reliable_Source"].isna().tolist() == [False, True]
    assert sheet.frame["Reason"].iloc[0] == "edge data"
    assert sheet.frame["RA"].dtype == np.float64
    assert [cell.replace(".0", ".") for cell in sheet.frame["mags"]] == ["[1. 2.]", "[3. 4.]"]


@pytest.mark.parametrize(
    ("encoding", "separator", "newline", "suffix"),
    [
        ("utf-8", ",", "\n", ".csv"),
        ("utf-8-sig", ";", "\r\n", ".csv"),
        ("utf-16", "\t", "\r\n", ".csv"),
        ("cp1252", ";", "\r\n", ".CSV"),
        ("latin-1", ",", "\r", ".csv"),
        ("utf-8", "\t", "\n", ".tsv"),
    ],
)
def test_text_as_programs_write_it(tmp_path, encoding, separator, newline, suffix):
    text = 'Source_ID,Reason,Note\n00123,"edge, of the ""field""",Prüfung\n7,"two\nlines",\n'
    text = text.replace(",", separator).replace("\n", newline)
    path = tmp_path / f"labels{suffix}"
    path.write_bytes(text.encode(encoding))
    sheet = read(path)
    assert sheet.frame.columns.tolist() == ["Source_ID", "Reason", "Note"]
    assert sheet.frame["Source_ID"].tolist() == ["00123", "7"]
    edge = "edge, of the " + '"field"'
    assert sheet.frame["Reason"].tolist() == [
        edge.replace(",", separator),
        f"two{newline}lines",
    ]
    assert sheet.frame["Note"].tolist() == ["Prüfung", ""]


def test_line_that_names_the_separator(tmp_path):
    (tmp_path / "a.csv").write_text("sep=|\nSource_ID|a,b,c\n1|2\n")
    sheet = read(tmp_path / "a.csv")
    assert sheet.frame.columns.tolist() == ["Source_ID", "a,b,c"]
    assert sheet.row_numbers == [2]


@pytest.mark.parametrize("above", [[], [[], [None, " "]]])
def test_blank_rows_above_and_below(tmp_path, above):
    sheet = read(workbook(tmp_path / "a.xlsx", [*above, *ROWS, [None] * 3, [" "]]))
    assert sheet.row_numbers == [2 + len(above), 3 + len(above)]
    assert sheet.hint == ""
    assert sheet.frame["Source_ID"].tolist() == ["00123", 7]
    assert sheet.frame["Reason"].tolist() == ["edge data", None]
    (tmp_path / "a.csv").write_text("\n" * len(above) + TEXT + "\n,,,,\n")
    sheet = read(tmp_path / "a.csv")
    assert sheet.row_numbers == [2 + len(above), 3 + len(above)]
    assert sheet.frame["Source_ID"].tolist() == ["00123", "7"]


def test_short_rows_are_filled_with_blanks(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,c\n1\n2,3,4\n")
    assert read(tmp_path / "a.csv").frame["b"].tolist() == [None, "3"]


def test_sheets(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ROWS, [["x"], [1]])
    assert "'notes'" in read(path).hint
    assert read(path, "notes").frame["x"].tolist() == [1]
    with pytest.raises(CatalogError, match=r"no sheet 'Notes': choose from 'labels', 'notes'"):
        read(path, "Notes")
    (tmp_path / "a.csv").write_text(TEXT)
    with pytest.raises(CatalogError, match="has no sheets"):
        read(tmp_path / "a.csv", "notes")


def test_formulas_without_results(tmp_path):
    rows = [ROWS[0], ["1", "=1-1", ""], ["2", "=1-0", ""]]
    with pytest.raises(CatalogError, match="formulas without their results"):
        read(workbook(tmp_path / "a.xlsx", rows))


def test_text_that_looks_like_a_formula(tmp_path):
    write_table(pd.DataFrame({"Reason": ["=edge"]}), tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx").frame["Reason"].tolist() == ["=edge"]


@pytest.mark.parametrize("suffix", [".fits", ".vot"])
def test_first_table_of_several(tmp_path, suffix):
    path, tables = tmp_path / f"a{suffix}", [Table({"a": [1]}), Table({"b": [1]})]
    if suffix == ".fits":
        parts = [fits.PrimaryHDU(), *map(fits.BinTableHDU, tables)]
        fits.HDUList(parts).writeto(path)
    else:
        file = VOTableFile.from_table(tables[0])
        file.resources.append(VOTableFile.from_table(tables[1]).resources[0])
        file.to_xml(str(path))
    sheet = read(path)
    assert sheet.frame.columns.tolist() == ["a"]
    assert "2 tables" in sheet.hint


def test_images_and_files_without_any_are_no_tables(tmp_path):
    image = np.zeros((3, 3))
    fits.HDUList([fits.PrimaryHDU(image), fits.CompImageHDU(image)]).writeto(tmp_path / "a.fits")
    VOTableFile().to_xml(str(tmp_path / "a.vot"))
    for name in ("a.fits", "a.vot"):
        with pytest.raises(CatalogError, match=f"{name} has no table"):
            read(tmp_path / name)


def test_data_frame_is_taken_as_it_is():
    frame = pd.DataFrame({"a": [1, 2]}, index=[5, 5])
    sheet = read(frame)
    assert sheet.origin == "the DataFrame"
    assert list(sheet.row_numbers) == [0, 1]
    assert sheet.frame.index.tolist() == [0, 1]


def test_bytes_of_no_encoding_stay_as_escapes(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"Source_ID,Reason\n1,\x81\n")
    assert read(tmp_path / "a.csv").frame["Reason"].tolist() == [r"\x81"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.xlsx", TEXT.encode(), "not an Excel workbook but plain text, perhaps csv"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 99, "with a password"),
        ("a.csv", b"PK\x03\x04" + b"\0" * 99, "not a csv table but an Excel workbook"),
        ("a.csv", b"# %ECSV 1.0\n", "but an ECSV table"),
        ("a.csv", b"Sour\0ce", "is not text"),
        ("a.ecsv", TEXT.encode(), "not an ECSV table but plain text"),
        ("a.fits", b"\0\1\2", "not a FITS file but no table"),
        ("a.fits", gzip.compress(b"SIMPLE", mtime=0), "but a gzip file"),
        ("a.vot", b"PK\x03\x04", "not a VOTable but an Excel"),
        ("a.vot", TEXT.encode(), "cannot be read as a VOTable"),
        ("a.xlsx", b"", "is empty"),
        ("a.csv", b" \n,,\n", "is blank"),
        ("a.csv", b"Source_ID,Reason\n", "has no rows"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n1,2,3\n", "row 3, row 4: name their columns"),
        ("a.csv", b'a,b\n1,"two', "quotation marks in line 2"),
        ("a.xls", b"x", "not an old Excel workbook but plain text"),
        ("a", b"x", "no suffix of a table"),
    ],
)
def test_file_that_is_not_what_it_seems(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CatalogError, match=message) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(CatalogError, match="No such file"):
        read(tmp_path / "a.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CatalogError, match="cannot be read"):
        read(tmp_path / "folder.csv")
    with pytest.raises(TypeError, match="not int"):
        read(3)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("suffix", [".xlsx", ".fits", ".fits.gz", ".vot"])
def test_truncated_file(tmp_path, suffix, part):
    path = tmp_path / f"a{suffix}"
    if suffix == ".xlsx":
        workbook(path, ROWS)
    else:
        table = Table({"Source_ID": np.arange(5000)})
        table.write(path, format="votable" if suffix == ".vot" else "fits")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(CatalogError, match=r"damaged; save it again|its end is missing") as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_missing_library_is_named(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", ROWS)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(ImportError, match="spurclust\\[survey\\]"):
        read(path)
