"""The table of sources, and the tables of a run read back as they were."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import read_results, write_table
from spurclust.errors import CatalogError
from spurclust.region import component_table

NAMES = [
    *("source_id", "path", "label", "reason", "tsne_x", "tsne_y"),
    *("component", "spurious_probability", "flagged"),
]
FIVE = '{"written_by": "spurclust", "labels": {"n_sources": 5}}'
COMPONENTS = component_table(np.array([[5, 3, 1], *[[4, 0, 0]] * 5]), 0.05)


@pytest.fixture
def run_folder(make_sources, tmp_path):
    write_table(make_sources(), tmp_path / "sources.csv")
    write_table(COMPONENTS, tmp_path / "components.csv")
    (tmp_path / "summary.json").write_text('{"written_by": "spurclust"}')
    return tmp_path


def test_columns(make_sources):
    table = make_sources(paths=[Path("a/z6_00123_F.png")] * 4)
    assert list(table) == NAMES
    assert table["label"].tolist() == [1, 0, pd.NA, 1]
    assert table["tsne_x"].dtype == np.float64
    assert table["flagged"].dtype == bool
    assert table["path"].tolist()[0] == str(Path("a/z6_00123_F.png"))


def test_only_what_prediction_knows(make_sources):
    table = make_sources(paths=None, y=None, reasons=None)
    assert list(table) == NAMES
    assert table["label"].isna().all()
    assert table["path"].tolist() == [""] * 4 == table["reason"].tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y": [1, 0, 2, 0]}, "y has values other than"),
        ({"embedding": np.zeros((4, 3))}, r"shape \(4, 3\)"),
        ({"embedding": np.zeros(4)}, r"shape \(4,\)"),
        ({"positions": np.zeros((4, 1))}, r"positions has the shape \(4, 1\)"),
        ({"positions": np.zeros((3, 2))}, "'ra': 3"),
        ({"flagged": [True]}, "'flagged': 1"),
        ({"paths": ["a"]}, "'path': 1"),
    ],
)
def test_columns_that_do_not_fit(make_sources, wrong, message):
    with pytest.raises(ValueError, match=message):
        make_sources(**wrong)


def test_results_are_read_back_as_they_were(make_sources, run_folder):
    rng = np.random.default_rng(0)
    sources = make_sources(
        embedding=rng.normal(size=(4, 2)) * 10.0 ** rng.integers(-300, 300, (4, 2)),
        reasons=["NA", "", "null", "007"],
        novelty=[1, 2, 3, 4],
        stability=[np.nan, 0, 1, 0.1 + 0.2],
        inspection_rank=[4, 3, 2, 1],
        inspect_next=[2, 0],
        label_suspicion=[0.1 + 0.2, 1, np.nan, 0],
        nearest_spurious=["nan", "1, 2", "", "3"],
        most_similar=["7, nan", "1", "2", "007"],
        positions=[[1, 2], [np.nan, np.nan], [1 / 3, 2 / 3], [0, 0]],
    )
    tuning = pd.DataFrame({"param_threshold": [0.1, 2.0], "rank": [1, 2], "mean": [np.nan, 0.1]})
    assert read_results(run_folder).tuning is None
    write_table(sources, run_folder / "sources.csv")
    write_table(tuning, run_folder / "tuning.csv")
    found = read_results(run_folder)
    for name, table in {"sources": sources, "components": COMPONENTS, "tuning": tuning}.items():
        pd.testing.assert_frame_equal(getattr(found, name), table, check_exact=True)
    assert found.summary == {"written_by": "spurclust"}
    assert found.sources["inspect_next"].tolist() == [2, pd.NA, 1, pd.NA]


@pytest.mark.parametrize("name", ["sources.csv", "components.csv", "summary.json"])
def test_a_missing_file_is_named(run_folder, name):
    (run_folder / name).unlink()
    with pytest.raises(CatalogError, match=f"{name} is missing: give the folder"):
        read_results(run_folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("summary.json", "{", "summary.json is damaged"),
        ("summary.json", "[1]", "is not of spurclust"),
        ("summary.json", '{"written_by": "other"}', "is not of spurclust"),
        ("summary.json", FIVE, "sources.csv has 4 of the 5 sources of the run: copy it again"),
        ("sources.csv", "", "cannot be read as a table"),
        ("sources.csv", 'a,b\n"1,2\n', "cannot be read as a table"),
        ("sources.csv", "source_id,label\n1,1\n", "has no column path, reason"),
        ("tuning.csv", "a\nx\n", "'x' in the column a, row 2, is not a number"),
    ],
)
def test_a_damaged_file_is_named(run_folder, name, text, message):
    (run_folder / name).write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_results(run_folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", "yes", "'yes' in the column label, row 2, is not a number"),
        ("label", "2", "a cell of label is not 0, 1 or blank"),
        ("tsne_x", "", "a cell of tsne_x is not a number"),
        ("component", "7", "names components that components.csv does not have"),
        ("source_id", None, "has the id .* twice"),
        (None, None, "has no source"),
    ],
)
def test_a_wrong_cell_is_named(run_folder, column, value, message):
    table = pd.read_csv(run_folder / "sources.csv", dtype=str, keep_default_na=False)
    if column is None:
        table = table.iloc[:0]
    else:
        table.loc[0, column] = table.loc[1, column] if value is None else value
    table.to_csv(run_folder / "sources.csv", index=False)
    with pytest.raises(CatalogError, match=message):
        read_results(run_folder)
