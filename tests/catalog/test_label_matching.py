"""Labels joined by id: to the cutouts, to those of earlier rounds, and counted."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust.catalog import match_labels, merge_labels, read_labels
from spurclust.catalog.ids import match_ids
from spurclust.catalog.label_matching import (
    MergedLabels,
    count_labels,
    format_counts,
    format_merge,
)
from spurclust.catalog.label_tables import Labels
from spurclust.errors import CatalogError

NAMES = ["Source_ID", "Reliable_Source", "Reason"]


def labels_of(*rows, names=NAMES):
    columns = zip(*rows, strict=True)
    cells = zip(names, columns, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reasons without labels
        return read_labels(pd.DataFrame({n: pd.Series(c, dtype=object) for n, c in cells}))


# Ids


@pytest.mark.parametrize(
    ("ids", "wanted", "rows", "ambiguous"),
    [
        (["123"], ["00123"], [0], []),
        (["00123"], ["123"], [0], []),
        (["123.0"], ["00123"], [0], []),
        (["000"], ["0"], [0], []),
        (["-7"], ["-007", "7"], [0, -1], []),
        # Two of them in one list: letter by letter.
        (["123"], ["00123", "123"], [-1, 0], ["00123", "123"]),
        (["00123", "123"], ["123"], [1], ["00123", "123"]),
        (["00123", "123"], ["0123"], [-1], ["00123", "0123", "123"]),
        (["123", "00123"], ["00123", "123"], [1, 0], ["00123", "123"]),
        # Only these: the others are still numbers.
        (["00123", "123", "7"], ["123", "007"], [1, 2], ["00123", "123"]),
        # Text is never a number.
        (["a01"], ["a1", "A01"], [-1, -1], []),
        (["12e4"], ["120000"], [-1], []),
        ([], ["1"], [-1], []),
    ],
)
def test_matching(ids, wanted, rows, ambiguous):
    found, letters = match_ids(ids, wanted)
    assert found.tolist() == rows
    assert letters == ambiguous


written = st.builds(
    lambda zeros, number, point: "0" * zeros + str(number) + point,
    st.integers(0, 2),
    st.integers(0, 20),
    st.sampled_from(["", ".", ".0"]),
) | st.text("ab0", max_size=3)


@given(st.lists(written, unique=True), st.lists(written, unique=True), st.randoms())
def test_no_row_serves_two_no_exact_match_is_missed_and_order_does_not_matter(ids, wanted, random):
    found = match_ids(ids, wanted)[0].tolist()
    used = [row for row in found if row >= 0]
    assert len(set(used)) == len(used)
    for row, text in zip(found, wanted, strict=True):
        if text in ids:
            assert ids[row] == text
        elif row >= 0:
            assert float(ids[row]) == float(text)
    shuffled = random.sample(ids, len(ids))
    again = match_ids(shuffled, wanted)[0].tolist()
    assert [ids[row] if row >= 0 else None for row in found] == [
        shuffled[row] if row >= 0 else None for row in again
    ]


# Joining to the cutouts


def test_joined_in_any_order():
    labels = labels_of(["3", 0, "edge data"], ["1", 1, ""], ["2", None, ""])
    found = match_labels(labels, ["1", "00002", 3, "4"])
    assert found.y.tolist() == [0, -1, 1, -1]
    assert found.y.dtype == np.int8
    assert found.reasons == ["", "", "edge data", ""]
    assert found.ids_without_row == ["4"]
    assert found.ids_without_cutout == []


def test_rows_without_a_cutout():
    labels = labels_of(*([str(k), None if k % 2 else 0, ""] for k in range(20)))
    with pytest.warns(UserWarning, match="no cutout") as caught:
        found = match_labels(labels, ["0", "1"])
    message = str(caught[0].message)
    assert "18 of the 20 sources in the DataFrame have no cutout, 9 of them labeled: 2" in message
    assert message.endswith("11 and 8 more")
    assert len(found.ids_without_cutout) == 18


def test_ids_that_are_compared_letter_by_letter_are_named():
    labels = labels_of(["00123", 0, "x"], [123, 1, ""], [7.0, 0, ""])
    with pytest.warns(UserWarning, match="00123, 0123, 123 are compared letter by letter"):
        found = match_labels(labels, ["0123", "007"])
    assert found.y.tolist() == [-1, 1]


def test_no_id_in_common():
    labels = labels_of(["g1", 0, ""], ["g2", 1, ""])
    message = r"'g1', 'g2', the cutouts have 'z6_1_crop'.* id_column .* id_pattern"
    with pytest.raises(CatalogError, match=message):
        match_labels(labels, ["z6_1_crop"])
    with pytest.raises(CatalogError, match="the cutouts have none"):
        match_labels(labels, [])


def test_two_cutouts_of_one_id():
    with pytest.raises(CatalogError, match="several cutouts have the id a:"):
        match_labels(labels_of(["a", 0, ""]), ["a", "b", "a "])


# Merging


def rows_of(merged):
    table = merged.labels.table
    return list(zip(table["source_id"], table["label"], table["reason"], strict=True))


def test_later_tables_win():
    merged = merge_labels(
        [
            labels_of(["1", 0, "edge data"], ["2", 1, ""], ["3", None, ""]),
            labels_of(["3", 0, "spike"], ["2", 0, "neighbour"], ["4", 1, ""]),
            labels_of(["2", 1, ""]),
        ]
    )
    assert rows_of(merged) == [("1", 1, "edge data"), ("2", 0, ""), ("3", 1, "spike"), ("4", 0, "")]
    assert merged.labels.origin == "the DataFrame"
    assert merged.counts["n_labels"].tolist() == [2, 3, 1]
    assert merged.counts["n_replaced"].tolist() == [0, 1, 1]
    assert merged.counts["n_changed"].tolist() == [0, 1, 1]
    assert merged.labels.table["label"].dtype == np.int8


@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [
        ((0, "spike"), (None, ""), (1, "spike")),
        ((0, "spike"), (None, "edge data"), (1, "spike")),
        ((0, "spike"), (0, ""), (1, "spike")),
        ((0, "spike"), (0, "edge data"), (1, "edge data")),
        ((0, "spike"), (1, ""), (0, "")),
        ((1, ""), (0, "spike"), (1, "spike")),
        ((None, "spike"), (1, ""), (0, "")),
        ((None, "spike"), (None, ""), (-1, "spike")),
        ((None, ""), (None, "spike"), (-1, "spike")),
    ],
)
def test_what_becomes_of_label_and_reason(earlier, later, kept):
    merged = merge_labels([labels_of(["a", *earlier]), labels_of(["a", *later])])
    assert rows_of(merged) == [("a", *kept)]


@pytest.mark.parametrize(("first", "second"), [("00123", 123.0), ("NA", "NA"), ("null", "null")])
def test_one_source_of_two_tables_keeps_its_first_id(first, second):
    merged = merge_labels([labels_of([first, 1, ""]), labels_of([second, 0, "spike"])])
    assert rows_of(merged) == [(first, 1, "spike")]


def test_two_sources_of_one_number_stay_apart():
    tables = [labels_of(["00123", 0, "x"]), labels_of(["123", 1, ""])]
    merged = merge_labels(tables, source_ids=["123", "00123", "7"])
    assert merged.counts["n_replaced"].tolist() == [0, 0]
    assert match_labels(merged.labels, ["123", "00123", "7"]).y.tolist() == [0, 1, -1]
    both = labels_of(["00123", 0, "x"], ["123", 1, ""])
    assert rows_of(merge_labels([tables[0], both])) == [("00123", 1, "x"), ("123", 0, "")]


def test_other_columns_fill_up():
    names = ["Source_ID", "Reliable_Source", "RA", "Field", "Other_ID"]
    first = labels_of(["1", 1, 10.5, "A", 2**62 + 1], ["2", 1, 11.5, "B", 5], names=names)
    second = labels_of(["2", 0, None, " ", 6], ["3", 0, 7.5, "C", 7], names=names)
    third = labels_of(["3", 0, "me"], ["4", 1, "I"], names=[*NAMES[:2], "Who"])
    table = merge_labels([first, second, third]).labels.table
    assert list(table.columns) == ["source_id", "label", "reason", *names[2:], "Who"]
    assert table["RA"].tolist()[:3] == [10.5, 11.5, 7.5]
    assert table["Field"].tolist()[:3] == ["A", "B", "C"]
    assert table["Other_ID"].tolist()[:3] == [2**62 + 1, 6, 7]
    assert table["Who"].isna().tolist() == [True, True, False, False]
    assert table["Other_ID"].isna().tolist() == [False, False, False, True]


def test_printed_merge():
    names = ["origin", "n_labels", "n_replaced", "n_changed"]
    rows = [("old.xlsx", 3, 0, 0), ("judged.csv", 14, 3, 0), ("one.csv", 1, 1, 1)]
    assert format_merge(
        MergedLabels(Labels(pd.DataFrame(), ""), pd.DataFrame(rows, columns=names))
    ).split("\n") == [
        "old.xlsx: 3 labels",
        "judged.csv: 14 labels, 3 replace earlier ones",
        "one.csv: 1 label, 1 replaces an earlier one (1 with the other verdict)",
    ]


def test_no_table():
    with pytest.raises(ValueError, match="no label table"):
        merge_labels([])


tables_of_labels = st.lists(
    st.dictionaries(
        st.integers(0, 9).map(str),
        st.tuples(st.sampled_from([0, 1, None]), st.sampled_from(["", "x", "y"])),
        min_size=1,
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=30)
@given(tables_of_labels)
def test_each_source_has_its_last_label(rounds):
    tables = [labels_of(*([name, *row] for name, row in rows.items())) for rows in rounds]
    merged = merge_labels(tables)
    last = {name: None for rows in rounds for name in rows}
    for rows in rounds:
        last.update({name: label for name, (label, _) in rows.items() if label is not None})
    verdicts = {1: 0, 0: 1, None: -1}
    found = {name: label for name, label, _ in rows_of(merged)}
    assert found == {name: verdicts[label] for name, label in last.items()}
    assert list(found) == list(last)
    # Joining two and then the third is joining three.
    stepwise = tables[0]
    for table in tables[1:]:
        stepwise = merge_labels([stepwise, table]).labels
    assert rows_of(merged) == list(
        stepwise.table[["source_id", "label", "reason"]].itertuples(index=False, name=None)
    )


# Counts


def test_counts():
    y = np.array([1, 1, 1, 1, 0, -1, 1, 1])
    reasons = ["b", "a", "", " ", "ignored", "ignored", "b", "c"]
    assert count_labels(y, reasons) == {
        "n_sources": 8,
        "n_inspected": 7,
        "n_spurious": 6,
        "spurious_fraction": 6 / 7,
        "reasons": {"b": 2, "no reason given": 2, "a": 1, "c": 1},
    }
    assert list(count_labels(y, reasons)["reasons"]) == ["b", "no reason given", "a", "c"]


def test_printed_counts():
    y = np.repeat([1, 0, -1], [12, 988, 200])
    assert format_counts(count_labels(y, ["edge data"] * 1200)).split("\n") == [
        "sources        1200",
        "inspected      1000",
        "spurious         12  1.2 % of the inspected",
        "  edge data      12",
    ]
    counts = count_labels([-1, -1], ["", ""])
    assert counts["spurious_fraction"] is None
    assert "%" not in format_counts(counts)


def test_verdicts_of_several_tables_are_counted_together():
    def one(*cells, **more):
        rows = pd.DataFrame({"Source_ID": ["a", "b", "c"], "Reliable_Source": cells, **more})
        return read_labels(rows, verdicts="majority")

    tables = [
        one(0, 1, 0, Reason=["spike", "", ""]),
        one(1, 1, None),
        one(0, 0, 1),
    ]
    merged = merge_labels(tables)
    table = merged.labels.table
    assert table["label"].tolist() == [1, 0, -1]
    assert table["reason"].tolist() == ["spike", "", ""]
    assert table["verdicts"].tolist() == [3, 3, 2]
    assert table["spurious_verdicts"].tolist() == [2, 1, 1]
    assert merged.counts["n_replaced"].tolist() == [0, 0, 0]
    lines = format_merge(merged).splitlines()
    assert lines[-1] == "3 sources have several verdicts, and those on 3 differ (majority counts)"
    # In any order.
    other = merge_labels(tables[::-1]).labels.table
    assert other["label"].tolist() == [1, 0, -1]
    # As in one table with a row for each inspector.
    votes = [0, 1, 0, 1, 1, None, 0, 0, 1]
    rows = pd.DataFrame({"Source_ID": list("abc" * 3), "Reliable_Source": votes})
    with pytest.warns(UserWarning, match=r"several verdicts|without a majority"):
        assert read_labels(rows, verdicts="majority").table["label"].tolist() == [1, 0, -1]
