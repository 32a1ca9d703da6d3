"""`spurclust predict` into a folder, and what it says of drift."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.scale import open_client, writing

from .conftest import N_SOURCES, one_error, predict, strip_paths


def test_the_folder_holds_what_the_table_does(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path / "table.csv") == 0
    assert predict(model, survey, tmp_path / "folder", "--partition-size", 15) == 0
    said = capsys.readouterr().out
    parts = pd.read_parquet(tmp_path / "folder" / "sources")
    names = list(parts.columns.drop(["path", "flagged"]))
    # Not all pandas' own reader of numbers is exact in its last bit.
    table = pd.read_csv(tmp_path / "table.csv", dtype=str)
    table = table.astype(dict.fromkeys(names[1:], float))
    table["flagged"] = table["flagged"] == "True"
    pd.testing.assert_frame_equal(parts[names], table[names], check_dtype=False, check_exact=True)
    assert parts["flagged"].tolist() == table["flagged"].tolist()
    assert said.count(f"Flagged {table['flagged'].sum()} of {N_SOURCES} sources") == 2
    assert "Partitions made: 3, in" in said


def test_the_same_command_goes_on(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path, "--partition-size", 15) == 0
    (tmp_path / "sources" / "part-000001.parquet").unlink()
    capsys.readouterr()
    assert predict(model, survey, tmp_path) == 0
    said = capsys.readouterr().out
    assert "Partitions there already: 2 of 3" in said
    assert "Partitions made: 1, in" in said
    assert json.loads((tmp_path / "manifest.json").read_text())["complete"] is True


def test_a_scheduler_that_runs(model, survey, tmp_path, capsys):
    with open_client(workers=1) as client:
        assert predict(model, survey, tmp_path, "--scheduler", client.scheduler.address) == 0
    assert f"of {N_SOURCES} sources" in capsys.readouterr().out
    assert len(pd.read_parquet(tmp_path / "sources")) == N_SOURCES


def test_an_error_of_a_worker_is_said_once(model, tmp_path):
    (tmp_path / "7.png").write_bytes(b"no image")
    command = [sys.executable, "-m", "spurclust", "predict", model, tmp_path, "--strict"]
    command += ["--out", tmp_path / "out", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    # On a busy machine, dask may say that a worker was slow to end.
    [line] = [line for line in done.stderr.splitlines() if "distributed.nanny" not in line]
    assert line.startswith("spurclust: error: cannot read ")


def test_unreadable_cutouts(model, copied, tmp_path, capsys):
    out, broken = tmp_path / "out", strip_paths(copied)[2]
    broken.write_bytes(b"no image")
    assert predict(model, copied, out) == 0
    said = capsys.readouterr().out
    assert f"of {N_SOURCES - 1} sources" in said
    assert f"Unreadable cutouts: 1; {out / 'errors.csv'} says why" in said
    assert pd.read_csv(out / "errors.csv")["path"].item() == str(broken)
    assert predict(model, copied, tmp_path / "strict", "--strict") == 1
    one_error(capsys, f"cannot read {broken}: it is not an image")


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("t.csv", ["--workers", "2"], "--workers: only for results in a folder, but --out"),
        ("t.csv", ["--strict", "--partition-size", "3"], "--partition-size and --strict: only"),
        ("out", ["--strict", "--skip-unreadable"], "contradict each other"),
        ("out", ["--workers", "2", "--jobs", "2"], "--jobs is the number of threads of this"),
        ("out", ["--scheduler", "nowhere", "--jobs", "1"], "with one thread per partition"),
        ("out", ["--id-column", "objid"], "are for tables of paths: give CUTOUTS as such"),
        ("out", ["--scheduler", "nowhere"], "no dask scheduler answers at nowhere"),
        ("run.v2", [], "must end in one of"),
    ],
)
def test_wrong_options(model, survey, tmp_path, capsys, out, options, words):
    assert predict(model, survey, tmp_path / out, *options) == 1
    one_error(capsys, words)
    assert not (tmp_path / out).exists()


def test_a_name_with_a_dot_is_a_folder_if_the_options_say_so(model, survey, tmp_path):
    path = strip_paths(survey)[0]
    assert predict(model, path, tmp_path / "run.v2", "--partition-size", 100) == 0
    assert (tmp_path / "run.v2" / "manifest.json").exists()


def test_an_interruption_says_that_work_can_go_on(model, survey, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write_all", interrupt)
    assert predict(model, survey, tmp_path / "out") == 130
    assert (
        f"interrupted: the partitions in {tmp_path / 'out'} are complete" in capsys.readouterr().err
    )


@pytest.mark.parametrize("out", ["table.csv", "folder"])
def test_drift_is_said_with_its_share(model, copied, tmp_path, capsys, out):
    assert predict(model, copied, tmp_path / f"same-{out}") == 0
    assert "warning" not in capsys.readouterr().err
    for path in strip_paths(copied)[:30]:
        with Image.open(path) as picture:
            inverted = 255 - np.asarray(picture)
        Image.fromarray(inverted).save(path)
    place = tmp_path / out
    assert predict(model, copied, place) == 0
    [warning] = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    table = pd.read_parquet(place / "sources") if place.is_dir() else pd.read_csv(place)
    n_novel = (table["novelty"] > 1).sum()
    assert n_novel > 20
    assert f"{n_novel} of {N_SOURCES} sources ({n_novel / N_SOURCES:.0%}"[:-1] in warning
