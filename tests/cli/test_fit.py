"""`spurclust fit`: a reference of a survey that is too large to read whole."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from spurclust.cli import fit as fit_module
from spurclust.cli.main import main
from spurclust.cutouts import list_cutouts

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


@pytest.mark.parametrize("method", ["random", "diverse"])
def test_a_model_of_a_part_predicts_the_rest(survey, tmp_path, capsys, method):
    out = tmp_path / "out"
    assert fit(survey, survey, out, "--reference", method) == 0
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


def test_cutouts_outside_the_reference_are_not_read(survey, tmp_path, capsys):
    assert fit(survey, survey, tmp_path / "first") == 0
    kept = set(pd.read_csv(tmp_path / "first" / "sources.csv")["path"])
    for path in survey.glob("*.png"):
        if str(path) not in kept:
            path.write_bytes(b"no image")
    assert fit(survey, survey, tmp_path / "again") == 0
    names = ["source_id", "tsne_x", "flagged"]
    first, again = (
        pd.read_csv(tmp_path / one / "sources.csv")[names] for one in ("first", "again")
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_a_table_of_paths(survey, tmp_path):
    assert fit(survey, survey, tmp_path / "files") == 0
    paths = sorted(survey.glob("*.png"))
    ids = [path.name.split("_")[1] for path in paths]
    table = tmp_path / "paths.parquet"
    pd.DataFrame({"source_id": ids, "path": list(map(str, paths))}).to_parquet(table)
    assert fit(table, survey, tmp_path / "table") == 0
    found = pd.read_csv(tmp_path / "table" / "sources.csv", dtype=str)
    labels = labels_of(survey)
    assert set(labels.index[labels.notna()]) <= set(found["source_id"])
    assert len(found) == 30


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
    assert "--cutout-id-column, and --path-column" in said
    assert fit(survey, survey, tmp_path / "out", "--path-column", "file") == 1
    assert "are for tables of paths: give CUTOUTS as one" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["random", "diverse"])
def test_a_blank_path_in_a_table(survey, tmp_path, capsys, method):
    ids = write_table(survey, tmp_path / "t.parquet", path_3=None, path_5="")
    options = ["--reference", method]
    size = N_SOURCES if method == "random" else N_SOURCES - 10
    assert fit(tmp_path / "t.parquet", survey, tmp_path / "out", *options, size=size) == 1
    said = capsys.readouterr().err
    assert f"cannot read {ids[3]}: the table has no path for it. Give it one, or pass over" in said
    options += ["--skip-unreadable"]
    assert fit(tmp_path / "t.parquet", survey, tmp_path / "out", *options, size=size) == 0
    assert f"2 of {N_SOURCES} cutouts were skipped, {ids[3]} for one" in capsys.readouterr().err
    found = set(pd.read_csv(tmp_path / "out" / "sources.csv", dtype=str)["source_id"])
    assert found <= {*ids} - {ids[3], ids[5]}


@pytest.mark.parametrize("first_are_bad", [True, False])
def test_a_chunk_of_the_pool_without_a_readable_cutout(
    survey, tmp_path, capsys, monkeypatch, first_are_bad
):
    monkeypatch.setattr(fit_module, "CHUNK", 10)
    paths = list_cutouts(survey)
    bad = paths[:10] if first_are_bad else paths[20:30]
    for path in bad:
        Path(path).write_bytes(b"no image")
    options = ["--reference", "diverse"]
    assert fit(survey, survey, tmp_path / "out", *options) == 1
    assert "cannot read" in capsys.readouterr().err
    assert fit(survey, survey, tmp_path / "out", *options, "--skip-unreadable") == 0
    said = capsys.readouterr().err
    assert f"10 of the {N_SOURCES} cutouts to draw from were skipped:" in said
    assert all(path in said for path in bad)
    assert len(pd.read_csv(tmp_path / "out" / "sources.csv")) == 30


def test_a_pool_has_the_size_of_its_first_cutouts(survey, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fit_module, "CHUNK", 10)
    odd = list_cutouts(survey)[20:30]
    for path in odd:
        with Image.open(path) as picture:
            picture.resize((100, 30)).save(path)
    options = ["--reference", "diverse"]
    assert fit(survey, survey, tmp_path / "out", *options) == 1
    assert f"cannot read {odd[0]}: it is 6 x 20 pixels" in capsys.readouterr().err
    assert fit(survey, survey, tmp_path / "out", *options, "--skip-unreadable") == 0
    assert f"10 of the {N_SOURCES} cutouts to draw from" in capsys.readouterr().err


def test_unreadable_cutouts_of_the_reference(survey, tmp_path, capsys):
    bad = next(iter(survey.glob("*.png")))
    bad.write_bytes(b"no image")
    assert fit(survey, survey, tmp_path / "out", size=N_SOURCES) == 1
    assert f"cannot read {bad}" in capsys.readouterr().err
    assert fit(survey, survey, tmp_path / "out", "--skip-unreadable", size=N_SOURCES) == 0
    found = pd.read_csv(tmp_path / "out" / "sources.csv", dtype={"source_id": str})
    assert len(found) == N_SOURCES - 1
    labels = labels_of(survey)
    expected = 1 - labels.loc[found["source_id"]].to_numpy()
    pd.testing.assert_series_equal(
        found["label"], pd.Series(expected), check_names=False, check_dtype=False
    )


def test_a_reference_without_room_for_all_labels(survey, tmp_path, capsys):
    assert fit(survey, survey, tmp_path / "out", size=12) == 0
    errors = capsys.readouterr().err
    assert "known reliable sources have no room in the reference, so 66.7% of its labels" in errors
    assert fit(survey, survey, tmp_path / "none", size=5) == 1
    assert "at least the 8 known spurious" in capsys.readouterr().err
