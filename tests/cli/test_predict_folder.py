"""`spurclust predict` into a folder, and what it says of drift."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.cli.main import main
from spurclust.scale import open_client, writing

N_SOURCES = 90


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "strips"
    command = ["simulate", str(folder), "--n-sources", str(N_SOURCES), "--n-spurious", "12"]
    assert main([*command, "--jobs", "2"]) == 0
    return folder


@pytest.fixture(scope="module")
def model(survey, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--out", str(out)]
    quick = ["--reduce", "5", "--perplexity", "8", "-N", "3", "--no-plots", "--no-report"]
    assert main([*command, *quick]) == 0
    return str(out / "model.skops")


def predict(model, cutouts, out, *options):
    return main(["predict", model, str(cutouts), "--out", str(out), *map(str, options)])


def copied(survey, folder, n=6):
    folder.mkdir()
    for path in sorted(survey.glob("*.png"))[:n]:
        shutil.copy(path, folder)
    return sorted(folder.iterdir())


def test_the_folder_holds_what_the_table_does(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path / "table.csv") == 0
    assert predict(model, survey, tmp_path / "folder", "--partition-size", 40) == 0
    said = capsys.readouterr().out
    parts = pd.read_parquet(tmp_path / "folder" / "sources")
    names = list(parts.columns.drop(["path", "flagged"]))
    # Not all pandas' own reader of numbers is exact in its last bit.
    table = pd.read_csv(tmp_path / "table.csv", dtype=str)
    table = table.astype(dict.fromkeys(names[1:], float))
    table["flagged"] = table["flagged"] == "True"
    pd.testing.assert_frame_equal(parts[names], table[names], check_dtype=False, check_exact=True)
    assert parts["flagged"].tolist() == table["flagged"].tolist()
    flagged = f"Flagged {table['flagged'].sum()} of {N_SOURCES} sources"
    assert said.count(flagged) == 2
    assert "Partitions made: 3, in" in said


def test_the_same_command_goes_on(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path, "--partition-size", 30) == 0
    (tmp_path / "sources" / "part-000001.parquet").unlink()
    capsys.readouterr()
    assert predict(model, survey, tmp_path) == 0
    said = capsys.readouterr().out
    assert "Partitions there already: 2 of 3" in said
    assert "Partitions made: 1, in" in said
    assert json.loads((tmp_path / "manifest.json").read_text())["complete"] is True


def test_workers(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path, "--workers", 1) == 0
    assert f"of {N_SOURCES} sources" in capsys.readouterr().out
    assert len(pd.read_parquet(tmp_path / "sources")) == N_SOURCES


def test_an_error_of_a_worker_is_said_once(model, tmp_path):
    (tmp_path / "7.png").write_bytes(b"no image")
    command = [sys.executable, "-m", "spurclust", "predict", model, tmp_path, "--strict"]
    command += ["--out", tmp_path / "out", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("spurclust: error: cannot read ")


def test_unreadable_cutouts(model, survey, tmp_path, capsys):
    paths = copied(survey, tmp_path / "cutouts")
    paths[2].write_bytes(b"no image")
    assert predict(model, tmp_path / "cutouts", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "of 5 sources" in said
    assert f"Unreadable cutouts: 1; {tmp_path / 'out' / 'errors.csv'} says why" in said
    assert pd.read_csv(tmp_path / "out" / "errors.csv")["path"].item() == str(paths[2])
    assert predict(model, tmp_path / "cutouts", tmp_path / "strict", "--strict") == 1
    assert f"cannot read {paths[2]}: it is not a PNG" in capsys.readouterr().err


def test_a_table_of_paths_with_other_columns(model, survey, tmp_path, capsys):
    paths = copied(survey, tmp_path / "cutouts")
    table = pd.DataFrame({"objid": range(6), "file": [f"cutouts/{path.name}" for path in paths]})
    table.to_parquet(tmp_path / "t.parquet")
    assert predict(model, tmp_path / "t.parquet", tmp_path / "out") == 1
    assert "no column 'source_id'" in capsys.readouterr().err
    columns = ["--id-column", "objid", "--path-column", "file"]
    assert predict(model, tmp_path / "t.parquet", tmp_path / "out", *columns) == 0
    found = pd.read_parquet(tmp_path / "out" / "sources")
    assert found["source_id"].tolist() == list("012345")


def test_tables_of_paths_are_predicted_into_a_table_as_well(model, survey, tmp_path):
    paths = copied(survey, tmp_path / "cutouts")
    table = pd.DataFrame({"objid": range(6), "path": [f"cutouts/{path.name}" for path in paths]})
    table.to_parquet(tmp_path / "t.parquet")
    found = tmp_path / "found.csv"
    assert predict(model, tmp_path / "t.parquet", found, "--id-column", "objid") == 0
    assert predict(model, tmp_path / "cutouts", tmp_path / "files.csv") == 0
    names = ["tsne_x", "flagged", "inspection_rank"]
    of_files = pd.read_csv(tmp_path / "files.csv").set_index("path")[names]
    pd.testing.assert_frame_equal(pd.read_csv(found).set_index("path")[names], of_files)


def test_a_scheduler_that_runs(model, survey, tmp_path, capsys):
    with open_client(workers=1) as client:
        address = client.scheduler.address
        assert predict(model, survey, tmp_path / "o", "--scheduler", address) == 0
        assert predict(model, survey, tmp_path / "o", "--scheduler", address) == 0
    assert "Partitions there already: 1 of 1" in capsys.readouterr().out
    assert len(pd.read_parquet(tmp_path / "o" / "sources")) == N_SOURCES


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("t.csv", ["--workers", "2"], "--workers: only for results in a folder, and --out"),
        ("t.csv", ["--strict", "--partition-size", "3"], "--partition-size and --strict: only"),
        ("out", ["--strict", "--skip-unreadable"], "contradict each other"),
        ("out", ["--workers", "2", "--jobs", "2"], "--jobs is the number of threads of this"),
        ("out", ["--scheduler", "nowhere", "--jobs", "1"], "with one thread for each partition"),
        ("out", ["--id-column", "objid"], "are for tables of paths: give CUTOUTS as one"),
        ("out", ["--scheduler", "nowhere"], "no dask scheduler answers at nowhere"),
    ],
)
def test_wrong_options(model, survey, tmp_path, capsys, out, options, words):
    assert predict(model, survey, tmp_path / out, *options) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / out).exists()


def test_a_name_with_a_dot_is_a_folder_if_the_options_say_so(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path / "run.v2") == 1
    assert "must end in one of" in capsys.readouterr().err
    assert predict(model, survey, tmp_path / "run.v2", "--partition-size", 100) == 0
    assert (tmp_path / "run.v2" / "manifest.json").exists()


def test_an_interruption_says_that_work_can_go_on(model, survey, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write_all", interrupt)
    assert predict(model, survey, tmp_path / "out") == 130
    assert f"interrupted: the partitions in {tmp_path / 'out'} are whole" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["table.csv", "folder"])
def test_drift_is_said_with_its_share(model, survey, tmp_path, capsys, out):
    paths = copied(survey, tmp_path / "cutouts", n=N_SOURCES)
    assert predict(model, tmp_path / "cutouts", tmp_path / f"same-{out}") == 0
    assert "warning" not in capsys.readouterr().err
    for path in paths[:60]:
        with Image.open(path) as picture:
            inverted = 255 - np.asarray(picture)
        Image.fromarray(inverted).save(path)
    assert predict(model, tmp_path / "cutouts", tmp_path / out) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == 1
    place = tmp_path / out
    table = pd.read_parquet(place / "sources") if place.is_dir() else pd.read_csv(place)
    n_novel = (table["novelty"] > 1).sum()
    assert n_novel > 45
    assert f"{n_novel} of {N_SOURCES} sources ({n_novel / N_SOURCES:.0%}"[:-1] in warnings[0]
