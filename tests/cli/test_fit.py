"""`spurclust fit`: a reference of a survey that is too large to read whole."""

import json

import pandas as pd
import pytest

from spurclust.cli.main import main

N_SOURCES = 60
QUICK = ["--reduce", "5", "--perplexity", "8", "-N", "3", "--no-plots", "--no-report"]


@pytest.fixture
def survey(tmp_path):
    folder = tmp_path / "strips"
    command = ["simulate", str(folder), "--n-sources", str(N_SOURCES), "--n-spurious", "8"]
    assert main([*command, "--jobs", "2"]) == 0
    labels = pd.read_excel(folder / "labels.xlsx", dtype={"Source_ID": str})
    labels["Reliable_Source"] = labels["Reliable_Source"].astype("Int64")
    few = labels["Reliable_Source"].eq(0) | (labels.index % 6 == 0)
    labels.loc[~few, "Reliable_Source"] = pd.NA
    labels.to_csv(folder / "labels.csv", index=False)
    return folder


def fit(cutouts, survey, out, *options, size=30):
    command = ["fit", str(cutouts), "--labels", str(survey / "labels.csv"), "--out", str(out)]
    return main([*command, "--reference-size", str(size), *QUICK, *map(str, options)])


def labels_of(survey):
    table = pd.read_csv(survey / "labels.csv", dtype={"Source_ID": str})
    return table.set_index("Source_ID")["Reliable_Source"]


def test_a_model_of_a_part_predicts_the_rest(survey, tmp_path, capsys):
    out = tmp_path / "out"
    assert fit(survey, survey, out, "--reference", "diverse") == 0
    said = capsys.readouterr().out
    assert f"Reference: 30 of {N_SOURCES} sources, with all 8 known spurious" in said
    assert f"Next: spurclust predict {out / 'model.skops'} {survey} --out FOLDER" in said
    fitted = pd.read_csv(out / "sources.csv", dtype={"source_id": str})
    assert len(fitted) == 30
    labels = labels_of(survey)
    inspected = set(labels.index[labels.notna()])
    assert inspected <= set(fitted["source_id"])
    assert json.loads((out / "summary.json").read_text())["settings"]["reference_size"] == 30
    assert (
        main(["predict", str(out / "model.skops"), str(survey), "--out", str(tmp_path / "p")]) == 0
    )
    table = pd.read_parquet(tmp_path / "p" / "sources").set_index("source_id")
    assert len(table) == N_SOURCES
    again = table.loc[fitted["source_id"]]
    assert again["tsne_x"].tolist() == fitted["tsne_x"].tolist()
    assert again["flagged"].tolist() == fitted["flagged"].tolist()


def write_table(survey, path, id_column="source_id", path_column="path", **changed):
    """List the strips in a table, some of them with other paths."""
    paths = sorted(survey.glob("*.png"))
    ids = [path.name.split("_")[1] for path in paths]
    listed = [changed.get(f"path_{k}", str(one)) for k, one in enumerate(paths)]
    pd.DataFrame({id_column: ids, path_column: listed}).to_parquet(path, row_group_size=7)
    return ids


def test_a_table_with_other_columns(survey, tmp_path, capsys):
    ids = write_table(survey, tmp_path / "t.parquet", "objid", "file")
    columns = ["--cutout-id-column", "objid", "--path-column", "file"]
    assert fit(tmp_path / "t.parquet", survey, tmp_path / "table", *columns, size=N_SOURCES) == 0
    assert "t.parquet --id-column objid --path-column file --out FOLDER" in capsys.readouterr().out
    found = pd.read_csv(tmp_path / "table" / "sources.csv", dtype=str)
    assert found["source_id"].tolist() == ids
    labels = labels_of(survey)
    expected = 1 - labels.loc[ids].to_numpy()
    pd.testing.assert_series_equal(
        found["label"].astype(float), pd.Series(expected), check_names=False, check_dtype=False
    )


def test_columns_of_a_table(survey, tmp_path, capsys):
    write_table(survey, tmp_path / "t.parquet", "objid", "file")
    assert fit(tmp_path / "t.parquet", survey, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "no column 'source_id'; its columns are objid, file" in said
    assert "--cutout-id-column" in said
    assert fit(survey, survey, tmp_path / "out", "--path-column", "file") == 1
    assert "are for tables of paths: give CUTOUTS as one" in capsys.readouterr().err


def test_a_reference_without_room_for_all_labels(survey, tmp_path, capsys):
    assert fit(survey, survey, tmp_path / "out", size=12) == 0
    errors = capsys.readouterr().err
    assert "known reliable sources have no room in the reference, so 66.7% of its labels" in errors
    assert fit(survey, survey, tmp_path / "none", size=5) == 1
    assert "at least the 8 known spurious" in capsys.readouterr().err
