"""`spurclust`: wrong usage, errors of one line, interrupts, and readers that have gone."""

import signal
import subprocess
import sys

import pytest

import spurclust
from spurclust.cli.main import main

from .conftest import LEAN, ids_of, one_error, run, write_labels


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "walk",
        "run folder",
        "run folder --labels a.csv --out b --threshold 0",
        "run folder --labels a.csv --out b --threshold nan",
        "run folder --labels a.csv --out b -N 0",
        "run folder --labels a.csv --out b --perplexity -1",
        "run folder --labels a.csv --out b --jobs none",
        "run folder --labels a.csv --out b --random-state -1",
        "run folder --labels a.csv --out b --format docx",
        "run folder --labels a.csv --out b --plot-format svg,jpg",
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    assert stop.value.code == 2
    assert "usage: spurclust" in capsys.readouterr().err


def test_an_empty_folder_of_results_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", "folder", "--out", ""])
    assert stop.value.code == 2
    assert "--out: it is empty" in capsys.readouterr().err


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "spurclust", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == spurclust.__version__


def test_help_loads_nothing_heavy():
    code = (
        "import sys, contextlib, spurclust.cli.main as command\n"
        "with contextlib.suppress(SystemExit): command.main(['run', '--help'])\n"
        "sys.exit(' '.join({'numpy', 'scipy', 'sklearn', 'pandas'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""
    assert "--labels" in done.stdout


def test_input_that_cannot_be_used_is_one_error(survey, tmp_path, capsys):
    out, table = tmp_path / "out", tmp_path / "labels.csv"
    assert run(tmp_path / "none", out, labels=survey / "labels.xlsx") == 1
    one_error(capsys, str(tmp_path / "none"))
    assert run(survey, out, labels=tmp_path / "none.csv") == 1
    one_error(capsys, "none.csv cannot be read")
    table.write_text("Source_ID,Verdict\n1011,0\n", encoding="utf-8")
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "labels.csv", "Choose it with label_column (--label-column)")
    write_labels(table, {"none-of-them": 0})
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "none-of-them")
    write_labels(table, dict.fromkeys(ids_of(survey), ""))
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "uninspected")
    assert not out.exists()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(13, "Permission denied", "a/b.csv"), "a/b.csv cannot be used (Permission"),
        (UnicodeEncodeError("utf-8", "l\udce9.csv", 1, 2, "surrogates"), r"'l\udce9.csv'. Rename"),
    ],
)
def test_an_error_of_the_system_names_what_to_do(monkeypatch, tmp_path, capsys, error, text):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("spurclust.cli.run.choose_cutouts", fail)
    assert run(tmp_path, tmp_path / "out") == 1
    one_error(capsys, text)


@pytest.mark.parametrize(
    "where", ["spurclust.catalog.save_model", "spurclust.cli.run.make_detector"]
)
def test_an_interrupt_leaves_nothing(survey, tmp_path, monkeypatch, capsys, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    assert run(survey, tmp_path / "out", *LEAN) == 130
    assert "interrupted, nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
@pytest.mark.parametrize("times", [1, 2])
def test_a_request_to_end_is_an_interrupt(survey, tmp_path, times):
    out = tmp_path / "out"
    words = ["run", survey, "--labels", survey / "labels.xlsx", "--out", out, "--jobs", "1"]
    words += ["--tune", "--stability", "9"]
    command = [sys.executable, "-m", "spurclust", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline()  # the work has begun
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "spurclust: interrupted, nothing was written"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_a_request_to_end_that_was_lost_is_repeated_and_cleaning_up_is_not_disturbed():
    code = (
        "import signal, spurclust.cli.main as command\n"
        "def work():\n"
        "    try: signal.raise_signal(signal.SIGTERM)\n"
        "    except KeyboardInterrupt: print('lost')\n"
        "    try: signal.raise_signal(signal.SIGTERM)\n"
        "    finally:\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "        print('cleaned')\n"
        "command.main = work\n"
        "command.run_process()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["lost", "cleaned"]
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"


def test_a_reader_that_has_gone_does_not_end_the_work(survey, tmp_path):
    out = tmp_path / "out"
    options = f"--labels {survey / 'labels.xlsx'} --out {out} --no-plots --no-report --perplexity 5"
    command = f"{sys.executable} -m spurclust run {survey} {options} -N 2 {' '.join(LEAN)}"
    done = subprocess.run(
        f"{command} --size 9 30 | head -n 1", shell=True, capture_output=True, text=True, check=True
    )
    assert "Broken pipe" not in done.stderr
    assert (out / "summary.json").exists()
