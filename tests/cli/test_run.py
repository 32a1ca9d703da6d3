import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spurclust import catalog, cutouts
from spurclust.analysis.folder import PLOTS
from spurclust.cli.main import main

from .conftest import (
    COLUMNS,
    LEAN,
    N_SOURCES,
    N_SPURIOUS,
    POSITIONS,
    RANKING,
    TABLES,
    files_of,
    one_error,
    run,
    write_labels,
)


def test_run_leaves_the_tables_summary_and_model(results):
    assert set(files_of(results)) == TABLES
    table = pd.read_csv(results / "sources.csv", dtype={"source_id": str})
    assert list(table.columns) == COLUMNS + RANKING + POSITIONS
    assert len(table) == N_SOURCES
    assert int((table["label"] == 1).sum()) == N_SPURIOUS
    assert table["reason"].notna().sum() == N_SPURIOUS
    components = pd.read_csv(results / "components.csv")
    assert components["size"].sum() == N_SOURCES
    region = set(components["component"][components["in_region"]])
    assert (table["component"].isin(region) == table["flagged"]).all()


def test_the_summary_agrees_with_the_tables(results):
    table = pd.read_csv(results / "sources.csv")
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    flagged, spurious = table["flagged"], table["label"] == 1
    assert summary["flagged"]["k"] == int(flagged.sum())
    assert summary["in_sample"]["completeness"]["k"] == int((flagged & spurious).sum())
    assert summary["in_sample"]["completeness"]["n"] == N_SPURIOUS
    assert summary["labels"]["n_sources"] == N_SOURCES
    assert set(summary["files"]) == TABLES
    assert summary["skipped"] == {}
    assert summary["settings"]["command"] == "run"
    assert summary["settings"]["perplexity"] == 10
    stages = {"reading", "flatten", "reduce", "embed", "mixture", "ranking", "writing"}
    assert set(summary["seconds"]) == stages


def test_run_says_what_it_found(survey, tmp_path, capsys):
    assert run(survey, tmp_path / "out", "-N", "3", "--no-plots") == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    for word in ("reading", "flatten", "reduce", "embed", "mixture", "ranking", "writing"):
        assert re.search(rf"^  {word} +\d+\.\d\d s$", text, re.MULTILINE)
    assert re.search(rf"^sources +{N_SOURCES}$", text, re.MULTILINE)
    assert re.search(r"^  component +size +inspected", text, re.MULTILINE)
    assert re.search(rf"^Flagged \d+ of {N_SOURCES} sources \(workload 0\.\d+\)", text, re.M)
    assert re.search(rf"completeness +\d of {N_SPURIOUS} = [01]\.\d+ \(95 %", text)
    assert re.search(r"purity +\d+ of \d+ = [01]\.\d+ \(95 %", text)
    assert "In-sample" in text
    assert "diffraction spike" in text


def test_run_writes_the_page_to_look_at_and_judge_in(survey, tmp_path, capsys):
    pytest.importorskip("bokeh")
    out = tmp_path / "out"
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--out", str(out)]
    options = ["--no-plots", "--perplexity", "10", "--jobs", "2", "-N", "3"]
    assert main([*command, *options]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^  report +\d+\.\d\d s$", said, re.MULTILINE)
    assert f"open {out / 'report.html'} in a browser" in said
    assert set(files_of(out)) == TABLES | {"report.html"}
    assert "report.html" in json.loads((out / "summary.json").read_text())["files"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"cutouts of {N_SOURCES} of {N_SOURCES} sources" in page
    assert main([*command, *options, "--no-report"]) == 0
    assert not (out / "report.html").exists()


def test_the_order_of_inspection_is_written_and_said(survey, results, capsys):
    table = pd.read_csv(results / "sources.csv", dtype={"source_id": str})
    assert sorted(table["inspection_rank"]) == list(range(1, N_SOURCES + 1))
    ordered = table.sort_values("inspection_rank")
    assert ordered["inspection_probability"].is_monotonic_decreasing
    spurious = set(table.loc[table["label"] == 1, "source_id"])
    for source_id, nearest in zip(table["source_id"], table["nearest_spurious"], strict=True):
        named = nearest.split(", ")
        assert set(named) <= spurious - {source_id}
        assert len(named) == 3
    effort = json.loads((results / "summary.json").read_text())["ranking"]["expected_effort"]
    assert [row["completeness"] for row in effort] == [0.9, 0.95, 0.99]
    for row in effort:
        assert row["interval"][0] <= row["inspections"] <= row["interval"][1] <= N_SOURCES
    loaded = catalog.load_model(results / "ranker.skops")
    assert loaded.inspection_rank_.tolist() == table["inspection_rank"].tolist()


def test_no_order_where_it_is_not_wanted_or_nothing_is_known(survey, tmp_path, capsys):
    labels = pd.read_excel(survey / "labels.xlsx")
    labels["Reliable_Source"] = 1
    labels.to_csv(tmp_path / "none.csv", index=False)
    for table, options in (("labels.xlsx", ["--no-ranking"]), (tmp_path / "none.csv", [])):
        out = tmp_path / "out"
        command = ["run", str(survey), "--labels", str(survey / table), "--out", str(out)]
        quick = ["--no-plots", "--no-report", "--perplexity", "10", "-N", "3", *options]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no spurious source is known
            assert main([*command, *quick]) == 0
        assert "In the order of inspection_rank" not in capsys.readouterr().out
        assert "inspection_rank" not in pd.read_csv(out / "sources.csv").columns
        assert not (out / "ranker.skops").exists()


def test_a_region_on_pixels_is_the_original_method(survey, tmp_path):
    out = tmp_path / "out"
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--out", str(out)]
    quick = ["--no-plots", "--no-report", "--no-ranking", "--perplexity", "10"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # more components than distinct points
        assert main([*command, *quick, "--region-on", "pixels"]) == 0
    steps = catalog.load_model(out / "model.skops").pipeline_.named_steps
    assert type(steps["flatten"]).__name__ == "ImageFlattener"
    assert steps["reduce"] == "passthrough"
    assert len(pd.read_csv(out / "components.csv")) == 6


def test_what_the_report_lacks_is_found_before_the_work(survey, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--no-plots"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    said, errors = capsys.readouterr()
    assert said == ""
    assert "--no-report" in errors
    assert "pip install 'spurclust[report]'" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["svg,pdf", "PNG"]])
def test_pictures_for_papers(survey, tmp_path, options):
    out = tmp_path / "out"
    given = [word for option in options for word in ("--plot-format", option)]
    assert run(survey, out, "-N", "3", *given, *LEAN) == 0
    found = {path.name for path in (out / "plots").iterdir()}
    assert found == {f"{name}.{suffix}" for name in PLOTS for suffix in ("png", "svg", "pdf")}
    drawn = (out / "plots" / "components.svg").read_text(encoding="utf-8")
    assert ">Spurious fraction (%)</text>" in drawn
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert sorted(summary["settings"]["plot_format"]) == ["pdf", "png", "svg"]


def test_without_a_spurious_source_there_are_no_galleries(survey, tmp_path, capsys):
    ids = cutouts.source_ids_from_paths(cutouts.list_cutouts(survey))
    labels = write_labels(tmp_path / "labels.csv", dict.fromkeys(ids, 1))
    out = tmp_path / "out"
    assert run(survey, out, labels=labels) == 0
    text, errors = capsys.readouterr()
    assert not (out / "plots" / "spurious.png").exists()
    assert not (out / "plots" / "flagged.png").exists()
    assert (out / "plots" / "region.png").exists()
    assert "completeness  not defined (0 of 0)" in text
    assert f"Flagged 0 of {N_SOURCES}" in text
    assert all(line.startswith("spurclust: warning: ") for line in errors.splitlines())
    assert "spurious" in errors


def test_options_reach_the_detector(survey, tmp_path):
    out = tmp_path / "out"
    options = ["-N", "2", "--threshold", "0.3", "--assignment", "soft", "--random-state", "5"]
    assert run(survey, out, "--no-plots", *LEAN, *options) == 0
    detector = catalog.load_model(out / "model.skops")
    chosen = detector.get_params()
    assert (chosen["n_components"], chosen["threshold"]) == (2, 0.3)
    assert (chosen["assignment"], chosen["random_state"]) == ("soft", 5)
    assert chosen["perplexity"] == 10
    assert detector.image_shape_ == (34, 190)


def test_a_truncated_cutout_is_named_or_skipped(copied, tmp_path, capsys):
    broken = Path(cutouts.list_cutouts(copied)[5])
    broken.write_bytes(broken.read_bytes()[:2000])
    out = tmp_path / "out"
    assert run(copied, out, "--no-plots") == 1
    one_error(capsys, broken.name)
    assert not out.exists()
    assert run(copied, out, "--no-plots", "--skip-unreadable") == 0
    errors = capsys.readouterr().err.splitlines()
    assert all(line.startswith("spurclust: warning: ") for line in errors)
    assert any(broken.name in line for line in errors)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["skipped"]) == [str(broken)]
    assert len(pd.read_csv(out / "sources.csv")) == N_SOURCES - 1


def test_columns_of_another_team_can_be_named(survey, tmp_path):
    ids = cutouts.source_ids_from_paths(cutouts.list_cutouts(survey))
    table = tmp_path / "labels.csv"
    verdicts = [number < 6 for number in range(len(ids))]
    pd.DataFrame({"name": ids, "bad": np.asarray(verdicts, int), "why": "spike"}).to_csv(
        table, index=False
    )
    columns = ["--id-column", "name", "--label-column", "bad", "--reason-column", "why"]
    out = tmp_path / "out"
    columns += ["--spurious-value", "1"]
    assert run(survey, out, "--no-plots", *LEAN, *columns, labels=table) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["labels"]["reasons"] == {"spike": 6}


def test_sizes_are_one_number_or_two(survey, tmp_path, capsys):
    table = str(survey / "labels.xlsx")
    command = ["run", str(survey), "--labels", table, "--out", str(tmp_path / "out"), "--no-plots"]
    command += ["--no-report", *LEAN]
    assert main([*command, "--perplexity", "10", "--size", "10", "40"]) == 0
    assert catalog.load_model(tmp_path / "out" / "model.skops").image_shape_ == (10, 40)
    again = str(tmp_path / "again.csv")
    model = str(tmp_path / "out" / "model.skops")
    assert main(["predict", model, str(survey), "--out", again]) == 0
    assert main([*command, "--perplexity", "10", "--size", "12"]) == 0
    capsys.readouterr()
    assert main([*command, "--size", "1", "2", "3"]) == 1
    one_error(capsys, "--size")
    assert main([*command, "--size", "9", "--reduce", "2"]) == 1
    one_error(capsys, "size and reduce")
