"""`spurclust report`: where the page goes, which cutouts it finds, what it may replace."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main

from .conftest import N_SOURCES, one_error, predict, write_images, write_results

pytest.importorskip("bokeh")
pytest.importorskip("jinja2")


@pytest.fixture
def folder(tmp_path):
    pixels = np.full((6, 8, 24), 255)
    pixels[:, 4:] = 20 * np.arange(6)[:, None, None]
    write_images(tmp_path / "strips", pixels)
    (tmp_path / "out").mkdir()
    paths = [f"strips/{number}.png" for number in range(6)]
    places = {"tsne_x": np.arange(6.0), "tsne_y": np.arange(6.0) ** 2}
    label = [1, 0, None, None, 0, None]
    return write_results(
        tmp_path / "out", source_id=range(6), path=paths, label=label, flagged=True, **places
    )


@pytest.fixture
def beside(folder, monkeypatch):
    """Work in the folder that the recorded paths start from."""
    monkeypatch.chdir(folder.parent)
    return folder


def test_the_page_is_one_of_the_runs_files(beside, capsys):
    assert main(["report", "out"]) == 0
    said = capsys.readouterr().out
    assert "cutouts of 6 of 6 sources" in said
    assert "The report is out/report.html" in said
    assert json.loads((beside / "summary.json").read_text())["files"] == ["report.html"]
    assert main(["report", "out"]) == 0
    assert not list(beside.glob(".spurclust*"))


def test_a_page_of_someone_else_stays(beside, capsys):
    (beside / "report.html").write_text("mine")
    assert main(["report", "out"]) == 1
    assert "choose another file with --out" in capsys.readouterr().err
    assert (beside / "report.html").read_text() == "mine"
    assert main(["report", "out", "--out", "other.html"]) == 0
    assert json.loads((beside / "summary.json").read_text())["files"] == []


def test_the_page_does_not_replace_a_table(beside, capsys):
    before = (beside / "sources.csv").read_text()
    assert main(["report", "out", "--out", "out/sources.csv"]) == 1
    one_error(capsys, "out/sources.csv is not the name of a page: end it in .html")
    assert (beside / "sources.csv").read_text() == before


def test_missing_cutouts_are_counted_and_found_elsewhere(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["report", "."]) == 0
    said = capsys.readouterr().out
    assert "cutouts of 0 of 6 sources" in said
    assert "6 cutouts were not found or not readable, such as strips/0.png" in said
    (tmp_path / "strips" / "3.png").write_text("no picture")
    moved = shutil.move(tmp_path / "strips", tmp_path / "moved")
    assert main(["report", ".", "--cutouts", str(moved)]) == 0
    assert "cutouts of 5 of 6 sources" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "n_shown"),
    [(["--max-cutouts", "2"], 2), (["--max-cutouts", "0"], 0), (["--max-size", "0.0006"], 2)],
)
def test_limits_are_kept_and_said(beside, capsys, options, n_shown):
    assert main(["report", "out", "--cutout-size", "20", *options]) == 0
    said = capsys.readouterr().out
    assert f"cutouts of {n_shown} of 6 sources" in said
    assert ("shrunk to 20 pixels" in said) == (n_shown > 0)
    assert f"{6 - n_shown} were left out" in said


def test_no_results_are_an_error(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert "sources.csv is missing: give the folder" in capsys.readouterr().err


def test_what_is_not_installed_is_named(beside, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    assert main(["report", "out"]) == 1
    assert "pip install 'spurclust[report]'" in capsys.readouterr().err
    assert not (beside / "report.html").exists()


def test_the_sample_of_an_audit_can_be_judged(beside, capsys):
    table = pd.read_csv(beside / "sources.csv", dtype=str)
    table["flagged"] = "False"
    table.to_csv(beside / "sources.csv", index=False)
    assert main(["audit", "out", "--sample", "2"]) == 0
    assert main(["report", "out"]) == 0
    drawn = pd.read_csv(beside / "audit.csv", dtype=str)["Source_ID"]
    rows = ",".join(str(table["source_id"].tolist().index(name)) for name in drawn)
    assert f'"audit":[{rows}]' in (beside / "report.html").read_text(encoding="utf-8")
    assert "spurclust audit out --labels judged.csv" in (beside / "report.html").read_text()
    judged = pd.DataFrame({"name": drawn, "verdict": 0})
    judged.to_csv("judged.csv", index=False)
    columns = ["--id-column", "name", "--label-column", "verdict", "--spurious-value", "1"]
    capsys.readouterr()
    assert main(["audit", "out", "--labels", "judged.csv", *columns]) == 0
    assert "2 drawn at random were inspected: 0 spurious" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["Source_ID\n2\nstranger\n", "", "other\n2\n"])
def test_a_sample_of_other_results_is_left_out(beside, capsys, text):
    (beside / "audit.csv").write_text(text)
    for options in ([], ["--out", "page.html"]):
        assert main(["report", "out", *options]) == 0
        assert "warning: the report leaves out the audit" in capsys.readouterr().err
    assert '"audit":[]' in (beside.parent / "page.html").read_text(encoding="utf-8")


def test_a_folder_of_predictions_is_drawn(model, survey, tmp_path, capsys):
    assert predict(model, survey, tmp_path / "new", "--partition-size", 15) == 0
    assert main(["report", str(tmp_path / "new")]) == 0
    assert f"cutouts of {N_SOURCES} of {N_SOURCES} sources" in capsys.readouterr().out
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "new sources lie in the spurious region of the model" in page
    assert predict(model, survey, tmp_path / "new") == 0  # goes on beside its page
