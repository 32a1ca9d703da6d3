import json

import numpy as np
import pandas as pd
import pytest

from spurclust.report.run_results import read_results


def test_what_was_written_is_read(run_folder, hostile):
    results = read_results(run_folder)
    assert results.name == "out"
    assert len(results) == 40
    assert results.sources["source_id"][5] == "00123"
    assert [results.sources["source_id"][row] for row in hostile["ids"]] == list(
        hostile["ids"].values()
    )
    assert set(results.label) == {-1, 0, 1}
    assert results.label[[0, 1, 5]].tolist() == [-1, 1, -1]
    assert results.flagged.sum() == 20
    assert results.tuning is None
    assert results.column("stability") is None
    assert results.column("tsne_x")[:2].tolist() == [0.0, 1.0]
    assert read_results(run_folder, name="other").name == "other"


def test_words_for_nothing_are_ids(make_run):
    def change(sources, *_):
        sources.loc[:2, "source_id"] = ["NA", "nan", "null"]

    assert read_results(make_run(change=change)).sources["source_id"][:3].tolist() == [
        "NA",
        "nan",
        "null",
    ]


def test_the_identity_is_that_of_the_sources(run_folder):
    first = read_results(run_folder).identity
    assert read_results(run_folder).identity == first
    table = pd.read_csv(run_folder / "sources.csv", dtype=str, keep_default_na=False)
    table.loc[0, "reason"] = "other"
    table.to_csv(run_folder / "sources.csv", index=False)
    assert read_results(run_folder).identity != first


@pytest.mark.parametrize("name", ["sources.csv", "components.csv", "summary.json"])
def test_a_missing_file_is_named(run_folder, name):
    (run_folder / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is missing: give the folder"):
        read_results(run_folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("summary.json", "{", "summary.json is damaged"),
        ("summary.json", "[1]", "is not of spurclust"),
        ("summary.json", '{"written_by": "other"}', "is not of spurclust"),
        ("sources.csv", "", "cannot be read as a table"),
        ("sources.csv", 'a,b\n"1,2\n', "cannot be read as a table"),
        ("sources.csv", "source_id,label\n1,1\n", "has no column path, reason"),
        ("tuning.csv", "a\nx\n", "'x' in the column a, row 2, is no number"),
    ],
)
def test_a_damaged_file_is_named(run_folder, name, text, message):
    (run_folder / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_results(run_folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", "yes", "'yes' in the column label, row 2, is no number"),
        ("tsne_x", "", "a cell of tsne_x is no number"),
        ("component", "7", "names components that components.csv does not have"),
        ("source_id", "1008", "has the id '1008' twice"),
    ],
)
def test_a_wrong_cell_is_named(run_folder, column, value, message):
    table = pd.read_csv(run_folder / "sources.csv", dtype=str, keep_default_na=False)
    table.loc[0, column] = value
    table.to_csv(run_folder / "sources.csv", index=False)
    with pytest.raises(ValueError, match=message):
        read_results(run_folder)


def test_no_source_is_an_error(run_folder):
    table = pd.read_csv(run_folder / "sources.csv", dtype=str)
    table.iloc[:0].to_csv(run_folder / "sources.csv", index=False)
    with pytest.raises(ValueError, match="has no source"):
        read_results(run_folder)


def test_tuning_is_read_where_it_is(run_folder):
    pd.DataFrame({"param_n_components": [2, 3], "mean_test_workload": [0.5, np.nan]}).to_csv(
        run_folder / "tuning.csv", index=False
    )
    tuning = read_results(run_folder).tuning
    assert tuning["param_n_components"].tolist() == [2.0, 3.0]
    assert np.isnan(tuning["mean_test_workload"][1])


def test_the_summary_is_as_it_was(run_folder):
    assert read_results(run_folder).summary == json.loads((run_folder / "summary.json").read_text())
