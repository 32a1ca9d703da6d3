"""`--labels` given more than once: which labels count, what is printed, and their positions."""

import json

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main

from .conftest import write_images

N_SOURCES = 30


@pytest.fixture
def survey(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(3).integers(0, 256, (N_SOURCES, 6, 18))
    write_images(tmp_path / "strips", images)
    write("old.csv", {number: (number > 3, "spike" * (number <= 3)) for number in range(20)})
    return tmp_path


def write(path, rows):
    cells = [(name, "" if ok is None else int(ok), why) for name, (ok, why) in rows.items()]
    table = pd.DataFrame(cells, columns=["Source_ID", "Reliable_Source", "Reason"])
    table.to_csv(path, index=False)


def run(*tables):
    labels = [word for table in tables for word in ("--labels", table)]
    quick = "--perplexity 5 -N 2 --no-plots --no-report --no-ranking --jobs 1 --out out"
    return main(["run", "strips", *labels, *quick.split()])


def test_later_labels_win_and_it_is_said(survey, capsys):
    judged = {0: (True, ""), 1: (None, ""), 2: (False, "edge data")}
    write("judged.csv", {**judged, **dict.fromkeys(range(20, 25), (True, ""))})
    assert run("old.csv", "judged.csv") == 0
    printed = capsys.readouterr().out.splitlines()
    assert "old.csv: 20 labels" in printed
    assert "judged.csv: 7 labels, 2 replace earlier ones (1 with the other verdict)" in printed
    table = pd.read_csv("out/sources.csv", dtype={"source_id": str}).set_index("source_id")
    assert table.loc[["0", "1", "2", "3"], "label"].tolist() == [0, 1, 1, 1]
    assert table.loc[["1", "2"], "reason"].tolist() == ["spike", "edge data"]
    summary = json.loads((survey / "out" / "summary.json").read_text())
    assert table["label"].notna().sum() == summary["labels"]["n_inspected"] == 25
    assert summary["settings"]["labels"] == ["old.csv", "judged.csv"]


def test_positions_come_along(survey, capsys):
    ids = np.arange(20)
    table = pd.DataFrame({"Source_ID": ids, "Reliable_Source": (ids > 3).astype(int)})
    table["RA"], table["Dec"] = 150 + ids / 1000, 2.5
    table.loc[0, ["RA", "Dec"]] = np.nan
    table.to_csv("placed.csv", index=False)
    regions = survey / "out" / "flagged.reg"
    assert run("placed.csv") == 0
    sources = pd.read_csv("out/sources.csv", dtype={"source_id": str}).set_index("source_id")
    assert list(sources.columns)[-3:] == ["ra", "dec", "sky_viewer"]
    assert sources.loc["7", ["ra", "dec"]].tolist() == [150.007, 2.5]
    assert sources.loc[["0", "25"], ["ra", "sky_viewer"]].isna().all(axis=None)
    n_placed = int((sources["flagged"] & sources["ra"].notna()).sum())
    assert regions.read_text().count("circle(") == n_placed
    assert "flagged.reg" in json.loads((survey / "out" / "summary.json").read_text())["files"]
    capsys.readouterr()
    # A run without positions takes the regions of the earlier one away.
    assert run("old.csv") == 0
    assert "old.csv" not in capsys.readouterr().out
    assert not regions.exists()
    regions.write_text("mine")
    assert run("placed.csv") == 1
    assert "flagged.reg, not from an earlier result" in capsys.readouterr().err
    assert regions.read_text() == "mine"


def test_words_sheets_and_a_catalogue(survey, capsys):
    labels = pd.DataFrame({"Source_ID": np.arange(20), "verdict": ["art"] * 4 + ["gal"] * 16})
    with pd.ExcelWriter("labels.xlsx") as book:
        labels.iloc[:5].to_excel(book, sheet_name="first", index=False)
        labels.to_excel(book, sheet_name="all", index=False)
    table = pd.DataFrame({"name": np.arange(N_SOURCES), "RA": 150.0, "Dec": 2.5, "mag": 27.5})
    with pd.ExcelWriter("sources.xlsx") as book:
        table.to_excel(book, sheet_name="a", index=False)
        table.assign(mag=26).to_excel(book, sheet_name="b", index=False)
    words = "--label-column verdict --label-map art=spurious,gal=reliable --catalogue sources.xlsx"
    words += " --catalogue-id-column name --perplexity 5 -N 2 --no-plots --no-report --no-ranking"
    command = ["run", "strips", "--labels", "labels.xlsx", *words.split(), "--out", "out"]
    assert main([*command, "--sheet", "all"]) == 1
    assert "choose one of 'a', 'b' with sheet (--sheet, --catalogue-" in capsys.readouterr().err
    command += ["--catalogue-sheet", "a"]
    assert main(command) == 1
    assert "choose one of 'first', 'all' with sheet (--sheet, " in capsys.readouterr().err
    assert main([*command, "--sheet", "all"]) == 0
    sources = pd.read_csv("out/sources.csv")
    assert sources["label"].eq(1).sum() == 4
    assert sources["mag"].eq(27.5).all()
    assert sources["ra"].notna().all()
    plain = ["run", "strips", "--labels", "old.csv", "--out", "out"]
    assert main([*plain, "--sheet", "all"]) == 1
    assert "--sheet is for workbooks" in capsys.readouterr().err
    assert main([*plain, "--catalogue-sheet", "a"]) == 1
    assert "--catalogue-sheet needs a --catalogue" in capsys.readouterr().err
