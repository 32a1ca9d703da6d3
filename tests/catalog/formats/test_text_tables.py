"""Text as people and programs write it: separators, comments, decimal commas, formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog import read_labels
from spurclust.catalog.formats.text_tables import mark_text, unmark_text
from spurclust.catalog.table_readers import read_sheet
from spurclust.errors import CatalogError

WANTED = ["Source_ID", "Reliable_Source"]


def read(tmp_path, text, name="labels.txt"):
    path = tmp_path / name
    path.write_text(text)
    return read_sheet(path, sheet=None, wanted=WANTED)


@pytest.mark.parametrize(
    "text",
    [
        "Source_ID Reliable_Source\n7 1\n8 0\n",
        "  Source_ID   Reliable_Source  \n   7   1 \n\t8\t\t0\n",
        "#Source_ID,Reliable_Source\n7,1\n8,0\n",
        "# ID of the survey, by hand\n# Source_ID Reliable_Source\n7 1\n8 0\n",
        "Inspected by A, B and C; 2026\n\nSource_ID;Reliable_Source\n7;1\n8;0\n",
        "Source_ID|Reliable_Source\n7|1\n8|0\n",
        'Source_ID,Reliable_Source\n="7",1\n="8",0\n',
    ],
)
def test_header_and_separator_are_found(tmp_path, text):
    sheet = read(tmp_path, text)
    assert sheet.frame.columns.tolist() == WANTED
    assert sheet.frame.to_numpy().tolist() == [["7", "1"], ["8", "0"]]
    assert sheet.notes == []


def test_rows_keep_their_numbers_below_titles_and_comments(tmp_path):
    text = '# made by A\nList, of 2\nSource_ID,Reliable_Source\n# first "half\n7,1\n\n8,galaxy\n'
    sheet = read(tmp_path, text)
    assert sheet.notes == ["1 rows begin with # and are comments: row 4"]
    with pytest.raises(CatalogError, match=r"row 7 \('galaxy', id 8\)"):
        read_labels(tmp_path / "labels.txt")


def test_header_that_stands_twice(tmp_path):
    sheet = read(tmp_path, "Source_ID,Reliable_Source\n7,1\nSource_ID,Reliable_Source\n8,0\n")
    assert sheet.notes == ["1 rows repeat the names of the columns: row 3"]
    assert sheet.frame["Source_ID"].tolist() == ["7", "8"]
    assert sheet.row_numbers == [2, 4]


def test_decimal_commas(tmp_path):
    text = "Source_ID;Reliable_Source;mag;note;n\n7;1;27,5;a,b;1,5,2\n8;0,0;-3;1,5;\n9;;1,5e-3;;\n"
    frame = read(tmp_path, text).frame
    assert frame["mag"].tolist() == ["27.5", "-3", "1.5e-3"]
    assert frame["Reliable_Source"].tolist() == ["1", "0.0", ""]
    assert frame["note"].tolist() == ["a,b", "1,5", ""]
    assert frame["n"].tolist() == ["1,5,2", "", ""]


def test_quoted_decimal_commas_between_commas_are_numbers_but_in_ids(tmp_path):
    read(
        tmp_path,
        "Source_ID,Reliable_Source,mag,flux,n,note\n"
        '"7,5","0,0","27,5","-0,125","1,234","1,5"\n"8,5",1,26,"9,125","2,345",no\n',
    )
    table = read_labels(tmp_path / "labels.txt").table
    assert table["source_id"].tolist() == ["7,5", "8,5"]
    assert table["label"].tolist() == [1, 0]
    assert table[["mag", "flux"]].to_numpy().tolist() == [[27.5, -0.125], [26, 9.125]]
    # 1234 and 2345 as well as 1.234 and 2.345.
    assert table["n"].tolist() == ["1,234", "2,345"]
    assert table["note"].tolist() == ["1,5", "no"]


def test_blank_lines_are_no_rows(tmp_path):
    text = f"Source_ID,Reliable_Source\n7,1\n{chr(10) * 500}{', ' + chr(10)}8,0\n"
    sheet = read(tmp_path, text)
    assert sheet.frame["Source_ID"].tolist() == ["7", "8"]
    assert sheet.row_numbers == [2, 504]


def test_quoted_text_between_blanks(tmp_path):
    frame = read(tmp_path, 'Source_ID Reliable_Source Reason\n7 0 "edge of data"\n').frame
    assert frame["Reason"].tolist() == ["edge of data"]
    with pytest.raises(CatalogError, match="row 2: name their columns, or put text"):
        read(tmp_path, "Source_ID Reliable_Source Reason\n7 0 edge of data\n")


def test_lines_that_all_are_comments(tmp_path):
    with pytest.raises(CatalogError, match="is blank"):
        read(tmp_path, "# a\n# b\n")


@given(st.text(max_size=8) | st.from_regex(r"'*[=+\-@# ][\w=+\-.]{0,4}", fullmatch=True))
def test_marked_text_comes_back_and_runs_nowhere(text):
    marked = mark_text(text)
    if '="' not in text:
        assert unmark_text(marked) == text
    runs = marked.lstrip()[:1] in {"=", "@", "#"}
    assert not runs
    if marked[:1] in {"+", "-"}:
        assert set(marked) <= set("+-0123456789.:eE infINF") or not marked.isascii()


@pytest.mark.parametrize("text", ["-5", "+1.5e-3", "-05:30:00.5", "-inf", "g-4", "a=b", "'quoted'"])
def test_numbers_positions_and_names_stay_as_they_are(text):
    assert mark_text(text) == text == unmark_text(text)
