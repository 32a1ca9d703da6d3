"""Labels: what a cell means, and which rows count."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from spurclust.catalog import read_catalogue, read_labels
from spurclust.catalog.ids import id_text
from spurclust.errors import CatalogError

NAMES = ["Source_ID", "Reliable_Source", "Reason"]


def frame(*rows, names=NAMES):
    columns = zip(*rows, strict=True)
    return pd.DataFrame(
        {n: pd.Series(c, dtype=object) for n, c in zip(names, columns, strict=True)}
    )


def labels_of(*rows, **parameters):
    return read_labels(frame(*rows), **parameters)


def csv_of(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return path


# Cells


@pytest.mark.parametrize(
    ("label", "cells"),
    [
        (1, [0, 0.0, "0", "0.0", " 0 ", False, "FALSE", np.False_, b"0", -0.0]),
        (0, [1, 1.0, "1", "1.", "\t1\n", True, "True", np.int8(1), np.float32(1)]),
        (-1, [None, np.nan, "", "  ", pd.NA, pd.NaT, np.ma.masked, "NaN", "n/a"]),
    ],
)
def test_meaning_of_a_cell(label, cells):
    rows = [[str(k), cell, ""] for k, cell in enumerate(cells)]
    assert labels_of(*rows).table["label"].tolist() == [label] * len(cells)
    other = labels_of(*rows, spurious_value=1).table["label"].tolist()
    assert other == [{1: 0, 0: 1, -1: -1}[label]] * len(cells)


@pytest.mark.parametrize(
    "cell", [2, "wahr", 0.5, -1, "0,5", "galaxy", np.inf, pd.Timestamp(0), b"2", "-0.0001"]
)
def test_label_that_is_neither(cell):
    with pytest.raises(
        CatalogError, match=r"neither 0 nor 1 nor .*, in row 1 \(.*, id b\)\. Define"
    ):
        labels_of(["a", 0, ""], ["b", cell, ""])


def test_rows_are_numbered_as_in_the_spreadsheet(tmp_path):
    text = "\n".join(["Source_ID,Reliable_Source,Reason", "", *(f"{k},{k},x" for k in range(15))])
    named = r"labels\.csv: .* row 5 \('2', id 2\), .*, row 14 \('11', id 11\) and 3 more\. Define"
    with pytest.raises(CatalogError, match=named):
        read_labels(csv_of(tmp_path, text))


def test_rows_of_a_fits_table_are_numbered_from_one(tmp_path):
    Table({"Source_ID": [1, 2], "Reliable_Source": [0, 7]}).write(tmp_path / "a.fits")
    with pytest.raises(CatalogError, match=r"row 2 \(7, id 2\)"):
        read_labels(tmp_path / "a.fits")


def test_id_that_has_lost_digits():
    with pytest.raises(CatalogError, match=r"row 1 \(1\.2345678901234568e\+18 has lost digits\)"):
        labels_of([7, 0, ""], [1234567890123456789.0, 0, ""])


def test_long_ids_keep_every_digit(tmp_path):
    ids = [str(6 * 10**18 + k) for k in range(5)]
    path = csv_of(tmp_path, "\n".join(["Source_ID,Reliable_Source", *(f"{i},1" for i in ids)]))
    assert read_labels(path).table["source_id"].tolist() == ids
    table = Table({"Source_ID": np.array(ids, dtype="i8"), "Reliable_Source": [1] * 5})
    for name in ("a.fits", "a.ecsv"):
        table.write(tmp_path / name)
        assert read_labels(tmp_path / name).table["source_id"].tolist() == ids


def test_reasons_lose_white_space_and_words_for_nothing():
    found = labels_of(["a", 0, " edge data "], ["b", 0, None], ["c", 0, "N/A"], ["d", 0, b"x"])
    assert found.table["reason"].tolist() == ["edge data", "", "", "x"]


# Columns


def test_other_names():
    table = frame(["a", 1, "x", 5], names=["id", "label", "why", "reason"])
    found = read_labels(
        table, id_column="id", label_column="label", reason_column="why", spurious_value=1
    ).table
    assert found.iloc[0].tolist() == ["a", 1, "x", 5]
    assert list(found) == ["source_id", "label", "reason", "reason (in table)"]


def test_white_space_around_a_name_does_not_count():
    table = frame(["a", 0, "x"], names=[" Source_ID", "Reliable_Source ", "Reason\xa0"])
    assert read_labels(table).table["reason"].tolist() == ["x"]


@pytest.mark.parametrize("name", ["source_id", "SourceID", "Source ID", "Sorce_ID"])
def test_similar_name_is_suggested(name):
    table = frame(["a", 0], names=[name, "Reliable_Source"])
    message = f"its columns are {name!r}, 'Reliable_Source'. Did you mean {name!r}?.* id_column"
    with pytest.raises(CatalogError, match=message):
        read_labels(table)


def test_missing_label_column_and_many_others():
    table = frame(["a", *range(40)], names=["Source_ID", *(f"q{k}" for k in range(40))])
    with pytest.raises(CatalogError, match=r"'q28' and 11 more\. Choose it with label_column"):
        read_labels(table)


def test_column_that_exists_twice():
    table = pd.DataFrame([["a", 0, 1]], columns=["Source_ID", "Reliable_Source", "Reliable_Source"])
    with pytest.raises(CatalogError, match="2 columns named 'Reliable_Source'"):
        read_labels(table)


def test_missing_column_names_the_other_sheets(tmp_path):
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="Sheet", index=False)
        frame(["1", 0, "x"]).to_excel(book, sheet_name="verdicts", index=False)
    with pytest.raises(CatalogError, match=r"\(--sheet\) reads another: 'verdicts'"):
        read_labels(tmp_path / "a.xlsx", id_column="id")
    assert len(read_labels(tmp_path / "a.xlsx", sheet="verdicts")) == 1
    # Only one sheet can be meant.
    with pytest.warns(UserWarning, match="read from the sheet 'verdicts', the only one"):
        assert len(read_labels(tmp_path / "a.xlsx")) == 1


def test_reasons_are_optional_but_not_passed_over_in_silence():
    assert labels_of(["a", 0, "x"], reason_column=None).table["Reason"].tolist() == ["x"]
    table = frame(["a", 0, "x"], names=["Source_ID", "Reliable_Source", "Note"])
    assert read_labels(table).table["reason"].tolist() == [""]
    with pytest.raises(CatalogError, match="no column 'Why' of reasons"):
        read_labels(table, reason_column="Why")
    table = table.rename(columns={"Note": "REASON"})
    with pytest.warns(UserWarning, match="in the column 'REASON', choose it with reason_column"):
        assert read_labels(table).table["reason"].tolist() == [""]


def test_bad_spurious_value():
    with pytest.raises(ValueError, match="spurious_value=2"):
        labels_of(["a", 0, ""], spurious_value=2)


def test_other_columns_become_numbers_only_if_nothing_is_lost(tmp_path):
    text = (
        "Source_ID,Reliable_Source,n,x,code,gaia,name,blank,,x\n"
        "1,0,5,1.5e3,007,6000000000000000001,a,,u,2\n"
        "2,0,6,,008,6000000000000000003,3,,v,3\n"
    )
    found = read_labels(csv_of(tmp_path, text)).table
    assert found["n"].tolist() == [5, 6]
    assert found["n"].dtype == np.int64
    assert found["x"].iloc[0] == 1500.0
    assert np.isnan(found["x"].iloc[1])
    assert found["code"].tolist() == ["007", "008"]
    assert found["gaia"].tolist() == ["6000000000000000001", "6000000000000000003"]
    assert found["name"].tolist() == ["a", "3"]
    assert found["blank"].tolist() == ["", ""]
    assert found["column 9"].tolist() == ["u", "v"]
    assert found["x (in table)"].tolist() == [2, 3]


# Rows


def test_blank_rows_are_passed_over():
    rows = [["a", 0, "x"], [None, np.nan, ""], ["b", 1, ""], ["", " ", None]]
    assert labels_of(*rows).table["source_id"].tolist() == ["a", "b"]
    with pytest.raises(CatalogError, match="no id in any row"):
        labels_of(rows[1], rows[3])


def test_rows_without_id_that_are_not_blank():
    with pytest.raises(CatalogError, match="a label but no id, in row 1, row 2: fill in the id"):
        labels_of(["a", 0, ""], [None, 0, ""], [" ", 1, ""], ["nan", None, ""])
    with pytest.warns(UserWarning, match="1 rows have neither id nor label .*: row 1"):
        assert len(labels_of(["a", 0, ""], ["", None, "57 in all"])) == 1


def test_reason_without_label():
    with pytest.warns(UserWarning, match=r"1 rows have a reason but no label .* row 1 \(id b\)"):
        found = labels_of(["a", 0, ""], ["b", "", "edge data"])
    assert found.table["label"].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("rows", "ids", "reasons", "message"),
    [
        (
            [["a", 0, "x"], ["b", 1, ""], ["a", 0, "x"], [" a ", 0, ""]],
            ["a", "b"],
            ["x", ""],
            r"2 rows repeat an id .* row 2 \(id a\), row 3 \(id a\)",
        ),
        # The labeled row wins over the blank one, and that with a reason over both.
        (
            [["a", None, ""], ["b", 1, ""], ["a", 0, ""], ["a", 0, "x"]],
            ["b", "a"],
            ["", "x"],
            r"2 rows repeat an id .* row 0 \(id a\), row 2 \(id a\)",
        ),
    ],
)
def test_repeated_rows_become_one(rows, ids, reasons, message):
    with pytest.warns(UserWarning, match=message):
        found = labels_of(*rows).table
    assert found["source_id"].tolist() == ids
    assert found["label"].tolist() == [{"a": 1, "b": 0}[name] for name in ids]
    assert found["reason"].tolist() == reasons


def test_contradicting_rows():
    rows = [["b", 0, ""], ["a", 0, ""], ["b", 1, ""], ["a", 1, ""], ["c", 1, ""], ["a", None, ""]]
    named = r"row 1 \(id a\), row 3 \(id a\), row 0 \(id b\), row 2 \(id b\)\. Keep one"
    with pytest.raises(CatalogError, match=named):
        labels_of(*rows)


def test_different_reasons_for_one_source():
    with pytest.warns(UserWarning, match=r"repeat|different reasons") as caught:
        found = labels_of(["a", 0, "x"], ["a", 0, "y"])
    assert found.table["reason"].tolist() == ["x"]
    assert str(caught[1].message).endswith("the first is kept: row 0 (id a), row 1 (id a)")
    assert caught[1].filename == __file__


def test_ids_that_differ_in_zeros_are_two_rows():
    found = labels_of(["00123", 0, ""], [123, 1, ""])
    assert found.table["source_id"].tolist() == ["00123", "123"]


# Ids


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("00123", [" 00123\t", b"00123 "]),
        ("123", [123, np.int32(123), 123.0, np.float32(123), "1.23e+02"]),
        ("-5", [-5.0]),
        ("12.5", [12.5]),
        ("9223372036854775809", [2**63 + 1, "9223372036854775809"]),
        (str(2**53 - 1), [float(2**53 - 1)]),
        ("125", ["1.25E2"]),
        # Text, not numbers.
        ("1.234567E+04", ["1.234567E+04"]),
        ("12e4", ["12e4"]),
        ("galaxy 7", ["galaxy 7"]),
        ("2024-03-04", [date(2024, 3, 4), datetime(2024, 3, 4)]),
    ],
)
def test_id_as_text(text, cells):
    assert [id_text(cell) for cell in cells] == [text] * len(cells)


@pytest.mark.parametrize(
    "cell",
    [2.0**53, np.float32(2**24), "1.23457E+18", "1.23457E+11", "1E+05", "1.0000000000000000e+17"],
)
def test_number_that_has_lost_digits(cell):
    with pytest.raises(ValueError, match="lost digits"):
        id_text(cell)


@pytest.mark.parametrize("cell", [("a",), object])
def test_id_of_another_type(cell):
    with pytest.raises(ValueError, match="neither a number nor text"):
        id_text(cell)


def test_error_of_a_spreadsheet_is_no_id():
    with pytest.raises(CatalogError, match=r"row 0 \(#NAME\? is an error of the spreadsheet"):
        labels_of(["#NAME?", 0, ""])


# Words


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (["spurious", "Bogus", "BAD", "anomaly", "no", "N", "false", "artefact"], 1),
        (["reliable", "Real", "good ", "normal", "Yes", "y", "TRUE"], 0),
        (["?", "Maybe", "unsure", "unclear", "not  inspected"], -1),
    ],
)
@pytest.mark.filterwarnings("ignore:.*unsure")
def test_words(words, label):
    rows = [[str(k), word, ""] for k, word in enumerate(words)]
    assert labels_of(*rows).table["label"].tolist() == [label] * len(words)


def test_words_that_say_what_they_mean_do_not_turn_with_the_question():
    rows = [["a", "bogus", ""], ["b", "real", ""], ["c", "yes", ""], ["d", "no", ""]]
    assert labels_of(*rows).table["label"].tolist() == [1, 0, 0, 1]
    assert labels_of(*rows, spurious_value=1).table["label"].tolist() == [1, 0, 1, 0]


def test_unsure_labels_are_counted():
    with pytest.warns(UserWarning, match=r"3 labels are unsure .* uninspected: '\?' 2, 'maybe' 1"):
        labels_of(["a", "?", ""], ["b", "maybe", ""], ["c", "?", ""], ["d", 1, ""])


def test_minus_one_is_uninspected_only_beside_both_verdicts():
    with pytest.warns(UserWarning, match="'-1' 2"):
        found = labels_of(["a", -1, ""], ["b", 1, ""], ["c", 0, ""], ["d", -1.0, ""])
    assert found.table["label"].tolist() == [-1, 0, 1, -1]
    # Here it may be the other verdict.
    with pytest.raises(CatalogError, match=r"row 0 \(-1, id a\)"):
        labels_of(["a", -1, ""], ["b", 1, ""])


def test_map_of_labels():
    words = {"art": "spurious", "Gal": "reliable", 2: "uninspected", "good": "spurious"}
    rows = [["a", "ART", ""], ["b", "gal", ""], ["c", 2.0, ""], ["d", "2", ""], ["e", "good", ""]]
    with pytest.warns(UserWarning, match="'2' 2"):
        found = labels_of(*rows, label_map=words)
    assert found.table["label"].tolist() == [1, 0, -1, -1, 1]
    with pytest.raises(ValueError, match="label_map: 'x' is 'galaxy', which is none of spurious"):
        labels_of(*rows, label_map={"x": "galaxy"})


# Several inspectors

VOTES = {"a": [0, 0, 1], "b": [1, 1, 0], "c": [0, 1, None], "d": [1, 1, 1], "e": [None] * 3}


def long_table():
    rows = [[name, vote, "spike" if vote == 0 else ""] for name in VOTES for vote in VOTES[name]]
    return frame(*rows)


def wide_table():
    return frame(*([name, *votes] for name, votes in VOTES.items()), names=["Source_ID", *"ABC"])


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("majority", [1, 0, -1, 0, -1]),
        ("any", [1, 1, 1, 0, -1]),
        ("all", [0, 0, 0, 0, -1]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(without a majority|have a reason but no label)")
def test_verdicts_in_rows_or_columns(verdicts, expected):
    with pytest.warns(UserWarning, match="4 sources have several verdicts, and those on 3 differ"):
        long = read_labels(long_table(), verdicts=verdicts).table
    with pytest.warns(UserWarning, match="4 sources have several verdicts, and those on 3 differ"):
        wide = read_labels(wide_table(), label_column=["A", "B", "C"], verdicts=verdicts).table
    for table in (long, wide):
        assert table["source_id"].tolist() == list(VOTES)
        assert table["label"].tolist() == expected
        assert table["verdicts"].tolist() == [3, 3, 2, 3, 0]
        assert table["spurious_verdicts"].tolist() == [2, 1, 1, 0, 0]
    assert (long["reason"] == "spike").tolist() == [label == 1 for label in expected]


def test_verdicts_that_differ_are_refused_by_default():
    with pytest.raises(CatalogError, match=r"row 0 \(id a\), .*--verdicts\) majority, any or all"):
        read_labels(long_table())
    with pytest.raises(CatalogError, match=r"one column and reliable in another, in row 0 "):
        read_labels(wide_table(), label_column=["A", "B", "C"])
    assert read_labels(wide_table().iloc[3:], label_column=["A", "B"]).table["label"].tolist() == [
        0,
        -1,
    ]
    with pytest.raises(ValueError, match="verdicts='mean'"):
        read_labels(long_table(), verdicts="mean")


def test_column_of_an_inspector_that_is_not_there():
    with pytest.warns(UserWarning, match="there is no column 'Z', so its verdicts"):
        found = read_labels(wide_table().iloc[3:], label_column=["A", "Z"])
    assert found.table["label"].tolist() == [0, -1]
    with pytest.raises(CatalogError, match="no column 'Y' of labels"):
        read_labels(wide_table(), label_column=["Y", "Z"])


FIELDS = pd.DataFrame(
    {"Source_ID": [7, 8, 7], "Reliable_Source": [0, 1, 1], "Field": ["n", "n", "s"]}
)


@pytest.mark.parametrize("read", [read_labels, read_catalogue])
def test_ids_that_are_unique_in_a_field_only(read):
    table = read(FIELDS, field_column="Field").table
    assert table["source_id"].tolist() == ["n/7", "n/8", "s/7"]
    assert "Field" not in table
    # Labels that were judged since have whole ids.
    judged = pd.DataFrame({"Source_ID": ["n/7"], "Reliable_Source": [1]})
    assert read(judged, field_column="Field").table["source_id"].tolist() == ["n/7"]
    with pytest.raises(CatalogError, match=r"no column 'Field' of fields.*--field-column"):
        read(FIELDS.drop(columns="Field"), field_column="Field")
    with pytest.raises(CatalogError, match=r"there is no Field in row 1 \(id 8\)"):
        read(FIELDS.assign(Field=["n", "", "s"]), field_column="Field")
