"""`spurclust fit`: a reference of a survey that is too large to read whole."""

import pandas as pd
import pytest

from spurclust.cli.main import main

from .conftest import LEAN, N_SOURCES, N_SPURIOUS, ids_of, predict, strip_paths

SIZE = 25


@pytest.fixture(scope="module")
def labels(survey, tmp_path_factory):
    """Leave most reliable sources uninspected."""
    table = pd.read_excel(survey / "labels.xlsx", dtype={"Source_ID": str})
    few = table["Reliable_Source"].eq(0) | (table.index % 6 == 0)
    table["Reliable_Source"] = table["Reliable_Source"].astype("Int64").where(few)
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    table.to_csv(path, index=False)
    return path


def fit(cutouts, labels, out, *options, size=SIZE):
    command = ["fit", str(cutouts), "--labels", str(labels), "--out", str(out), "--reduce", "5"]
    command += ["--reference-size", str(size), "--perplexity", "5", "-N", "3", "--jobs", "2"]
    return main([*command, "--no-plots", "--no-report", *options])


def test_a_model_of_a_part_predicts_the_rest(survey, labels, tmp_path, capsys):
    out = tmp_path / "my out"
    assert fit(survey, labels, out, "--reference", "diverse", "--no-ranking") == 0
    said = capsys.readouterr().out
    assert f"Reference: {SIZE} of {N_SOURCES} sources, with all {N_SPURIOUS} known spurious" in said
    assert f"Next: spurclust predict '{out / 'model.skops'}' {survey} --out FOLDER" in said
    fitted = pd.read_csv(out / "sources.csv", dtype={"source_id": str, "tsne_x": str})
    assert len(fitted) == SIZE
    inspected = pd.read_csv(labels, dtype={"Source_ID": str}).dropna(subset="Reliable_Source")
    assert set(inspected["Source_ID"]) <= set(fitted["source_id"])
    assert predict(out / "model.skops", survey, tmp_path / "p") == 0
    table = pd.read_parquet(tmp_path / "p" / "sources").set_index("source_id")
    assert len(table) == N_SOURCES
    again = table.loc[fitted["source_id"]]
    assert again["tsne_x"].tolist() == [float(x) for x in fitted["tsne_x"]]
    assert again["flagged"].tolist() == fitted["flagged"].tolist()


def test_columns_of_a_table_of_paths(survey, labels, tmp_path, capsys):
    ids, table, out = ids_of(survey), tmp_path / "t.parquet", tmp_path / "out"
    paths = pd.DataFrame({"objid": ids, "file": map(str, strip_paths(survey))})
    paths.to_parquet(table, row_group_size=7)
    assert fit(table, labels, out) == 1
    errors = capsys.readouterr().err
    assert "no column 'source_id'; its columns are objid, file" in errors
    assert "--cutout-id-column" in errors
    assert fit(survey, labels, out, "--path-column", "file") == 1
    assert "are for tables of paths: give CUTOUTS as such" in capsys.readouterr().err
    columns = ["--cutout-id-column", "objid", "--path-column", "file"]
    assert fit(table, labels, out, *LEAN, *columns, size=N_SOURCES) == 0
    assert "t.parquet --id-column objid --path-column file --out FOLDER" in capsys.readouterr().out
    assert pd.read_csv(out / "sources.csv", dtype=str)["source_id"].tolist() == ids


def test_a_reference_too_small_for_the_known_spurious(survey, labels, tmp_path, capsys):
    assert fit(survey, labels, tmp_path / "out", size=5) == 1
    assert "at least the 8 known spurious" in capsys.readouterr().err
