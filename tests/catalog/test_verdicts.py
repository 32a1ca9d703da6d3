"""Verdicts of several inspectors as one table: long, wide and separate tables say the same."""

import warnings

import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import match_labels, merge_verdicts, read_labels, write_table
from spurclust.errors import CatalogError
from spurclust.metrics import cohen_kappa, fleiss_kappa

IDS = ["0007", "0012", "0100", "0003", "0200"]
# 1 reliable, 0 spurious, as in the tables of the team.
GIVEN = {
    "ann": ["0", "1", "1", "0", ""],
    "bob": ["0", "0", "1", "", ""],
    "cy": ["1", "0", "1", "1", ""],
}
WHY = {
    "ann": ["edge", "", "", "spike", ""],
    "bob": ["edge", "spike", "", "", ""],
    "cy": ["", "edge", "", "", ""],
}
LABELS = [0, 0, 1, pd.NA, pd.NA]
REASONS = ["edge", "spike", "", "", ""]


def separate():
    return {
        name: pd.DataFrame(
            {"Source_ID": IDS, "Reliable_Source": GIVEN[name], "Reason": WHY[name], "mag": 27.5}
        )
        for name in GIVEN
    }


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in GIVEN]
    for path, table in zip(paths, separate().values(), strict=True):
        table.to_csv(path, index=False)
    return paths


def long_table():
    rows = [table.assign(Inspector=name) for name, table in separate().items()]
    return pd.concat(rows).sort_values("Source_ID", kind="stable")


def wide_table():
    table = pd.DataFrame({"Source_ID": IDS, "Reason": REASONS, "mag": 27.5, **GIVEN})
    table.loc[3, "Reason"] = "spike"
    return table


def check_table(table):
    found = table.set_index("Source_ID").loc[IDS]
    assert found["Reliable_Source"].tolist() == LABELS
    assert found["Reason"].tolist() == REASONS
    for name, cells in GIVEN.items():
        assert found[name].tolist() == [int(cell) if cell else pd.NA for cell in cells]
    assert found["Votes_Spurious"].tolist() == [2, 2, 0, 1, 0]
    assert found["Votes_Reliable"].tolist() == [1, 1, 3, 1, 0]
    np.testing.assert_allclose(found["Agreement"], [2 / 3, 2 / 3, 1, 1 / 2, np.nan])
    assert (found["mag"] == 27.5).all()
    columns = ["Reliable_Source", "Reason", *GIVEN, "Votes_Spurious", "Votes_Reliable"]
    assert list(found) == [*columns, "Agreement", "mag"]


def test_separate_long_and_wide_tables_are_one_table(files):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for merged in (
            merge_verdicts(files),
            merge_verdicts([long_table()]),
            merge_verdicts([wide_table()], label_column=list(GIVEN)),
        ):
            check_table(merged.table)
            assert merged.inspectors == ("ann", "bob", "cy")
            assert sorted(merged.disagreements["Source_ID"]) == ["0003", "0007", "0012"]


@pytest.mark.parametrize("name", ["merged.csv", "merged.xlsx", "merged.ecsv"])
def test_the_merged_table_is_a_label_table(files, tmp_path, name):
    merged = merge_verdicts(files)
    write_table(merged.table, tmp_path / name)
    labels = read_labels(tmp_path / name)
    assert match_labels(labels, IDS).y.tolist() == [1, 1, 0, -1, -1]
    assert labels.table.set_index("source_id").loc[IDS, "reason"].tolist() == REASONS
    # The columns of the inspectors can be merged once more.
    again = merge_verdicts([tmp_path / name], label_column=list(GIVEN))
    check_table(again.table)


def test_the_label_is_the_one_that_several_inspectors_of_one_table_have():
    long = long_table()
    for verdicts in ("majority", "any", "all"):
        merged = merge_verdicts([long], verdicts=verdicts).table
        with warnings.catch_warnings(action="ignore"):
            labels = read_labels(long, verdicts=verdicts)
        y = match_labels(labels, merged["Source_ID"]).y
        assert merged["Reliable_Source"].map({0: 1, 1: 0}).fillna(-1).tolist() == y.tolist()


def test_agreement_of_all_of_pairs_and_on_reasons(files):
    agreement = merge_verdicts(files).agreement
    y = np.transpose([[{"0": 1, "1": 0, "": -1}[cell] for cell in GIVEN[name]] for name in GIVEN])
    assert agreement["kappa"][0] == fleiss_kappa(y, unlabeled=-1).value
    assert agreement["kappa"][2] == cohen_kappa(y[:, 0], y[:, 2], unlabeled=-1).value
    assert agreement["about"].tolist() == ["spurious"] * 4 + ["edge", "spike"]
    # A column of reasons that all share says nothing on agreement.
    wide = merge_verdicts([wide_table()], label_column=list(GIVEN)).agreement
    pd.testing.assert_frame_equal(wide, agreement[:4])


def test_an_inspector_in_several_tables_is_one_whose_later_verdict_counts():
    first = pd.DataFrame({"Source_ID": ["7", "8"], "ann": ["0", "0"], "bob": ["0", "1"]})
    later = pd.DataFrame({"Source_ID": ["08", "9"], "ann": ["1", "0"], "bob": ["", "0"]})
    table = merge_verdicts([first, later], label_column=["ann", "bob"]).table
    assert table["Source_ID"].tolist() == ["7", "8", "9"]
    assert table["ann"].tolist() == [0, 1, 0]
    assert table["bob"].tolist() == [0, 1, 0]


def test_inspectors_and_columns_have_names_of_their_own():
    table = pd.DataFrame(
        {"Source_ID": ["7"], "Reliable_Source": [0], "Bob": [1], "Votes_Spurious": [5]}
    )
    merged = merge_verdicts([table], label_column=["Reliable_Source", "Bob"])
    assert merged.inspectors == ("Reliable_Source (inspector)", "Bob")
    assert merged.table["Reliable_Source"].isna().all()
    assert merged.table["Votes_Spurious"].tolist() == [1]


def one_person():
    return [pd.DataFrame({"Source_ID": ["7"], "Reliable_Source": [0]})]


@pytest.mark.parametrize(
    ("tables", "options", "message"),
    [
        (one_person, {}, "only inspector is table 1: .* --label-column.* --inspector-column"),
        (lambda: [long_table().assign(Inspector="ann")], {}, "spurious in one row"),
        (
            lambda: [long_table().assign(Inspector=["", *["bob"] * 14])],
            {},
            "a label but no Inspector in row 0: fill",
        ),
        (
            lambda: [long_table()],
            {"inspector_column": "Judge"},
            r"no column 'Judge' of inspectors.*\(--inspector-column\)",
        ),
        (
            lambda: [long_table().assign(other=1)],
            {"label_column": ["Reliable_Source", "other"]},
            "has a column of inspectors, 'Inspector': name one label_column",
        ),
        (
            lambda: [long_table().drop(columns="Inspector")] * 2,
            {},
            "spurious in one row and reliable in another: row 0 .*--inspector-column",
        ),
    ],
)
def test_tables_that_do_not_say_who_has_judged(tables, options, message):
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(CatalogError, match=message),
    ):
        merge_verdicts(tables(), **options)


def test_files_of_one_name_and_unknown_verdicts(files, tmp_path):
    (tmp_path / "more").mkdir()
    twin = files[0].rename(tmp_path / "more" / "bob.csv")
    with pytest.raises(CatalogError, match="two inspectors would have the name of the file, bob"):
        merge_verdicts([files[1], twin])
    with pytest.raises(ValueError, match="'most': it must be one of majority, any, all"):
        merge_verdicts(files[1:], verdicts="most")
