import subprocess
import sys

import pytest

import spurclust
from spurclust import cutouts
from spurclust.cli.main import main

from .conftest import LEAN, one_error, run, write_labels


def test_missing_input_is_named(survey, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(tmp_path / "none", out, labels=survey / "labels.xlsx") == 1
    one_error(capsys, str(tmp_path / "none"))
    assert run(survey, out, labels=tmp_path / "none.csv") == 1
    one_error(capsys, "none.csv")
    assert list(tmp_path.iterdir()) == []


def test_labels_that_cannot_be_used_are_one_error(survey, tmp_path, capsys):
    out = tmp_path / "out"
    table = tmp_path / "labels.csv"
    table.write_text("name,verdict\n1011,0\n", encoding="utf-8")
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "labels.csv", "Source_ID")
    write_labels(table, {"none-of-them": 0})
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "none-of-them")
    ids = cutouts.source_ids_from_paths(cutouts.list_cutouts(survey))
    write_labels(table, dict.fromkeys(ids, ""))
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "uninspected")
    assert not out.exists()


@pytest.mark.parametrize(
    "where", ["spurclust.catalog.save_model", "spurclust.cli.run.make_detector"]
)
def test_an_interrupt_leaves_nothing(survey, tmp_path, monkeypatch, capsys, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    assert run(survey, tmp_path / "out", "--no-plots") == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["walk"],
        ["run", "folder"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--threshold", "0"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--threshold", "nan"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "-N", "0"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--perplexity", "-1"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--jobs", "none"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--random-state", "-1"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--format", "docx"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--plot-format", "svg,jpg"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: spurclust" in capsys.readouterr().err


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "spurclust", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == spurclust.__version__


def test_errors_name_the_options_of_the_command_line(tmp_path, capsys):
    (tmp_path / "table.csv").write_text("Source_ID,Verdict\n1,0\n")
    argv = ["run", str(tmp_path), "--labels", str(tmp_path / "table.csv")]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 1
    assert "Choose it with label_column (--label-column)" in capsys.readouterr().err
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "table.csv").write_text("Source_ID,Reliable_Source\n1,0\n")
    assert main([*argv, "--out", str(tmp_path / "out")]) == 1
    assert 'on_error="skip" (--skip-unreadable)' in capsys.readouterr().err


def test_a_reader_that_has_gone_does_not_end_the_work(survey, tmp_path):
    out = tmp_path / "out"
    labels = survey / "labels.xlsx"
    options = f"--no-plots --no-report --perplexity 5 -N 2 {' '.join(LEAN)}"
    command = f"{sys.executable} -m spurclust run {survey} --labels {labels} --out {out} {options}"
    done = subprocess.run(
        f"{command} | head -n 1", shell=True, capture_output=True, text=True, check=True
    )
    assert "Broken pipe" not in done.stderr
    assert (out / "summary.json").exists()
    again = subprocess.run(command.split(), capture_output=True, text=True, check=True)
    assert "in place of earlier ones" in again.stdout
