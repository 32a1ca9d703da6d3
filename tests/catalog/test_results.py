"""The table of sources, and the tables of a run read back as they were."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import read_results, sources_table, write_table
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
IDS = ["00123", "7", "6000000000000000001", "g-4"]
REASONS = ['edge, of the "field"', "", "", "=1+1"]


def example(**other):
    columns = {
        "embedding": np.array([[0.1, 1 / 3], [-1e-30, 2.5], [1e20, 0], [3, 4]], dtype=np.float32),
        "component": [0, 5, 2, 2],
        "spurious_probability": [0.05, np.nextafter(0.05, 0), 0.0, 1.0],
        "flagged": [True, False, False, True],
        "paths": [Path("a/z6_00123_F.png"), "b c.png", "c,d.png", "d.png"],
        "y": [1, 0, -1, 1],
        "reasons": REASONS,
    }
    return sources_table(IDS, **{**columns, **other})


def test_columns():
    table = example()
    assert list(table) == NAMES
    assert table["label"].tolist() == [1, 0, pd.NA, 1]
    assert table["tsne_x"].dtype == np.float64
    assert table["flagged"].dtype == bool
    assert table["path"].tolist()[0] == str(Path("a/z6_00123_F.png"))


def test_only_what_prediction_knows():
    table = example(paths=None, y=None, reasons=None)
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
def test_columns_that_do_not_fit(wrong, message):
    with pytest.raises(ValueError, match=message):
        example(**wrong)


def test_results_are_read_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    sources = example(
        embedding=rng.normal(size=(4, 2)) * 10.0 ** rng.integers(-300, 300, (4, 2)),
        reasons=["NA", "", "null", "007"],
        novelty=[1, 2, 3, 4],
        stability=[np.nan, 0, 1, 0.1 + 0.2],
        inspection_rank=[4, 3, 2, 1],
        nearest_spurious=["nan", "1, 2", "", "3"],
        positions=[[1, 2], [np.nan, np.nan], [1 / 3, 2 / 3], [0, 0]],
    )
    components = component_table(np.array([[5, 3, 1], *[[4, 0, 0]] * 5]), 0.05)
    tuning = pd.DataFrame({"param_threshold": [0.1, 2.0], "rank": [1, 2], "mean": [np.nan, 0.1]})
    tables = {"sources": sources, "components": components, "tuning": tuning}
    for name, table in tables.items():
        write_table(table, tmp_path / f"{name}.csv")
    summary = {"written_by": "spurclust", "files": []}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    found = read_results(tmp_path)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(getattr(found, name), table, check_exact=True)
    assert found.summary == summary
    (tmp_path / "tuning.csv").unlink()
    assert read_results(tmp_path).tuning is None


@pytest.fixture
def run_folder(tmp_path):
    write_table(example(), tmp_path / "sources.csv")
    components = component_table(np.array([[5, 3, 1], *[[4, 0, 0]] * 5]), 0.05)
    write_table(components, tmp_path / "components.csv")
    (tmp_path / "summary.json").write_text('{"written_by": "spurclust"}')
    return tmp_path


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
        ("sources.csv", "", "cannot be read as a table"),
        ("sources.csv", 'a,b\n"1,2\n', "cannot be read as a table"),
        ("sources.csv", "source_id,label\n1,1\n", "has no column path, reason"),
        ("tuning.csv", "a\nx\n", "'x' in the column a, row 2, is no number"),
    ],
)
def test_a_damaged_file_is_named(run_folder, name, text, message):
    (run_folder / name).write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_results(run_folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", "yes", "'yes' in the column label, row 2, is no number"),
        ("label", "2", "a cell of label is not 0, 1 or blank"),
        ("tsne_x", "", "a cell of tsne_x is no number"),
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
