"""Labels of several rounds: which one counts, and what is said of it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog import format_merge, match_labels, merge_labels, read_labels

NAMES = ["Source_ID", "Reliable_Source", "Reason"]


def labels_of(*rows, names=NAMES):
    columns = zip(*rows, strict=True)
    cells = zip(names, columns, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reasons without labels
        return read_labels(pd.DataFrame({n: pd.Series(c, dtype=object) for n, c in cells}))


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


def test_one_source_written_in_two_ways():
    merged = merge_labels([labels_of(["00123", 1, ""]), labels_of([123.0, 0, "spike"])])
    assert rows_of(merged) == [("00123", 1, "spike")]


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


def test_what_is_said():
    rows = [(str(number), 0, "") for number in range(14)]
    merged = merge_labels([labels_of(*rows[:3]), labels_of(*rows), labels_of(["0", 1, ""])])
    assert merged.labels.origin == "the DataFrame"
    counts = merged.counts.assign(origin=["old.xlsx", "judged.csv", "one.csv"])
    assert format_merge(counts).split("\n") == [
        "old.xlsx: 3 labels",
        "judged.csv: 14 labels, 3 replace earlier ones",
        "one.csv: 1 label, 1 replaces an earlier one (1 with the other verdict)",
    ]


def test_the_files_are_named_when_nothing_matches(tmp_path):
    tables = []
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("Source_ID,Reliable_Source\na,1\n")
        tables.append(read_labels(tmp_path / name))
    with pytest.raises(ValueError, match=r"no id of .*old\.csv and .*new\.csv is that of a cutout"):
        match_labels(merge_labels(tables).labels, ["b"])


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
