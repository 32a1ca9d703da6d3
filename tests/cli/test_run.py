"""`spurclust run`: options reach the analysis, and its outcome is printed and written."""

import json
import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from spurclust import catalog
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
    ids_of,
    one_error,
    predict,
    run,
    strip_paths,
    write_labels,
)

STAGES = {"reading", "flatten", "reduce", "embed", "mixture", "steadiness", "ranking"}
STAGES |= {"writing", "report", "models"}


def read_summary(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_the_files_of_a_run(results):
    assert files_of(results) == TABLES | {"ranker.skops", "report.html"}
    table = pd.read_csv(results / "sources.csv", dtype={"source_id": str})
    assert list(table.columns) == COLUMNS + RANKING + POSITIONS
    assert len(table) == N_SOURCES
    assert (table["label"] == 1).sum() == table["reason"].notna().sum() == N_SPURIOUS
    components = pd.read_csv(results / "components.csv").set_index("component")
    assert components["size"].sum() == N_SOURCES
    assert (components["in_region"][table["component"]].to_numpy() == table["flagged"]).all()
    assert sorted(table["inspection_rank"]) == list(range(1, N_SOURCES + 1))
    assert table.sort_values("inspection_rank")["inspection_probability"].is_monotonic_decreasing
    own = table["inspection_probability"].where(table["label"] == 0)
    other = 1 - table["inspection_probability"].where(table["label"] == 1)
    assert table["label_suspicion"].to_numpy() == pytest.approx(own.fillna(other).to_numpy())
    spurious = set(table.loc[table["label"] == 1, "source_id"])
    for source_id, nearest in zip(table["source_id"], table["nearest_spurious"], strict=True):
        assert len(set(nearest.split(", ")) & spurious - {source_id}) == 3
    ranker = catalog.load_model(results / "ranker.skops")
    assert ranker.inspection_rank_.tolist() == table["inspection_rank"].tolist()


def test_the_summary_agrees_with_the_tables(results):
    table, summary = pd.read_csv(results / "sources.csv"), read_summary(results)
    flagged, spurious = table["flagged"], table["label"] == 1
    assert summary["flagged"]["k"] == flagged.sum()
    assert summary["in_sample"]["completeness"]["k"] == (flagged & spurious).sum()
    assert summary["in_sample"]["completeness"]["n"] == N_SPURIOUS
    assert summary["labels"]["n_sources"] == N_SOURCES
    assert set(summary["files"]) == files_of(results)
    assert summary["skipped"] == {}
    assert summary["settings"]["command"] == "run"
    assert summary["settings"]["perplexity"] == 5
    assert set(summary["seconds"]) == STAGES
    effort = summary["ranking"]["expected_effort"]
    assert [row["completeness"] for row in effort] == [0.9, 0.95, 0.99]
    for row in effort:
        assert row["interval"][0] <= row["inspections"] <= row["interval"][1] <= N_SOURCES


def test_what_a_run_prints(full_run):
    # With some versions of scikit-learn the region of so few sources holds nearly all.
    errors = full_run.errors.splitlines()
    assert [line for line in errors if "warning: The region holds" not in line] == []
    patterns = [rf"^  {stage} +\d+\.\d\d s$" for stage in STAGES]
    patterns += [rf"^sources +{N_SOURCES}$", r"^  component +size +inspected", "diffraction spike"]
    patterns += [rf"^Flagged \d+ of {N_SOURCES} sources \(workload [01]\.\d+\)", "In-sample"]
    patterns += [rf"completeness +\d of {N_SPURIOUS} = [01]\.\d+ \(95 %"]
    patterns += [r"purity +\d+ of \d+ = [01]\.\d+ \(95 %", "order of inspection_rank"]
    for pattern in patterns:
        assert re.search(pattern, full_run.said, re.MULTILINE), pattern
    assert f"open {full_run.folder / 'report.html'} in a browser" in full_run.said


def test_an_earlier_run_is_replaced_whole(survey, results, tmp_path, capsys):
    out = shutil.copytree(results, tmp_path / "out")
    assert run(survey, out, *LEAN) == 0
    said = capsys.readouterr().out
    assert f"Results are in {out}, and replace earlier ones" in said
    assert "inspection_rank" not in said
    assert "open " not in said
    assert files_of(out) == TABLES
    assert list(pd.read_csv(out / "sources.csv").columns) == COLUMNS + POSITIONS


@pytest.mark.parametrize(
    ("options", "steps", "expected"),
    [
        (
            ["-N", "2", "--threshold", "0.3", "--assignment", "soft", "--random-state", "5"],
            ["CutoutFeatures", "GuidedProjection", "TSNE", "GuidedMixture"],
            {"n_components": 2, "threshold": 0.3, "assignment": "soft", "random_state": 5},
        ),
        (
            ["--region-on", "pixels", "--size", "10", "40"],
            ["ImageFlattener", "str", "TSNE", "GaussianMixture"],
            {"n_components": 6, "threshold": 0.05, "assignment": "hard", "random_state": 12},
        ),
    ],
)
def test_options_reach_the_detector(survey, tmp_path, options, steps, expected):
    assert run(survey, tmp_path / "out", "--no-ranking", *options) == 0
    detector = catalog.load_model(tmp_path / "out" / "model.skops")
    assert detector.get_params().items() >= {**expected, "perplexity": 5}.items()
    assert [type(step).__name__ for step in detector.pipeline_.named_steps.values()] == steps
    assert detector.image_shape_ == ((10, 40) if "--size" in options else (34, 190))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "1", "2", "3"], "--size takes HEIGHT or HEIGHT WIDTH, got 3 numbers"),
        (["--reduce", "2", "--size", "9"], "size and reduce"),
    ],
)
def test_sizes_that_cannot_be(survey, tmp_path, capsys, options, words):
    assert run(survey, tmp_path / "out", *LEAN, *options) == 1
    one_error(capsys, words)


def test_columns_of_another_team_can_be_named(survey, tmp_path):
    table = pd.DataFrame({"name": ids_of(survey), "bad": np.arange(N_SOURCES) < 6, "why": "spike"})
    table.astype({"bad": int}).to_csv(tmp_path / "labels.csv", index=False)
    columns = ["--id-column", "name", "--label-column", "bad", "--reason-column", "why"]
    columns += ["--spurious-value", "1"]
    assert run(survey, tmp_path / "out", *LEAN, *columns, labels=tmp_path / "labels.csv") == 0
    assert read_summary(tmp_path / "out")["labels"]["reasons"] == {"spike": 6}


def test_without_a_spurious_source_there_is_no_order_and_no_gallery(survey, tmp_path, capsys):
    labels = write_labels(tmp_path / "labels.csv", dict.fromkeys(ids_of(survey), 1))
    out = tmp_path / "out"
    command = ["--plot-format", "svg,PNG", "--plot-format", "svg"]
    assert run(survey, out, *command, labels=labels, pictures=True) == 0
    said, errors = capsys.readouterr()
    drawn = {f"plots/{name}.{suffix}" for name in PLOTS for suffix in ("svg", "png")}
    drawn = {name for name in drawn if "spurious" not in name and "flagged" not in name}
    assert files_of(out) == drawn | TABLES - {"flagged.reg"}
    assert read_summary(out)["settings"]["plot_format"] == ["svg", "png"]
    assert "completeness  not defined (0 of 0)" in said
    assert f"Flagged 0 of {N_SOURCES}" in said
    assert "order of inspection_rank" not in said
    assert all(line.startswith("spurclust: warning: ") for line in errors.splitlines())
    assert "spurious" in errors


def test_without_labels_the_most_unusual_come_first_and_it_says_how_to_go_on(
    survey, tmp_path, capsys
):
    out = tmp_path / "out"
    assert main(["run", str(survey), "--out", str(out), "--perplexity", "5", "--reduce", "5"]) == 0
    said = capsys.readouterr().out
    assert f"None of the {N_SOURCES} sources has a label" in said
    assert said.splitlines()[-1].endswith("spurclust inspect CUTOUTS --out FOLDER")
    table = pd.read_csv(out / "sources.csv")
    assert sorted(table["inspection_rank"]) == list(range(1, N_SOURCES + 1))
    assert not table["flagged"].any()
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "--labels judged.csv" in report
    assert "--labels LABELS" not in report


def test_a_truncated_cutout_is_named_or_skipped(copied, tmp_path, capsys):
    broken = strip_paths(copied)[5]
    broken.write_bytes(broken.read_bytes()[:2000])
    out = tmp_path / "out"
    assert run(copied, out, *LEAN) == 1
    one_error(capsys, broken.name, 'on_error="skip" (--skip-unreadable)')
    assert not out.exists()
    assert run(copied, out, *LEAN, "--skip-unreadable") == 0
    errors = capsys.readouterr().err.splitlines()
    assert all(line.startswith("spurclust: warning: ") for line in errors)
    assert any(broken.name in line for line in errors)
    assert list(read_summary(out)["skipped"]) == [str(broken)]


def test_what_the_report_lacks_is_found_before_the_work(survey, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert run(survey, tmp_path / "out", report=True) == 1
    said, errors = capsys.readouterr()
    assert said == ""
    assert "--no-report" in errors
    assert "pip install 'spurclust[report]'" in errors
    assert list(tmp_path.iterdir()) == []


def test_extensions_and_the_place_of_trimmed_cutouts(tmp_path, capsys):
    folder = tmp_path / "files"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(40):
        image = rng.normal(size=(12, 12)).astype(np.float32) + 9 * (k % 4 == 0)
        planes = {"MODEL": image, "F115W": image[:, 4 * (k == 5) :], "F444W": image[:4, :4]}
        hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items()]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / f"{k}.fts")
    labels = write_labels(tmp_path / "labels.csv", {str(k): int(k % 4 > 0) for k in range(40)})
    lean = ["-N", "2", "--size", "6", "--no-ranking"]
    assert run(folder, tmp_path / "out", *lean, labels=labels) == 1
    one_error(capsys, "its images differ in shape", "2 F115W (12 x 12)", "--hdu NAME_OR_NUMBER")
    assert run(folder, tmp_path / "out", *lean, "--hdu", "F115W", labels=labels) == 0
    told = capsys.readouterr()
    assert "Read the FITS extension F115W of 40 files" in told.out
    assert "1 of 40 cutouts were padded without data to 12 x 12" in told.err
    assert read_summary(tmp_path / "out")["reading"]["hdu"] == ["F115W"]
    assert predict(tmp_path / "out" / "model.skops", folder, tmp_path / "new.csv") == 0
    flagged = [pd.read_csv(tmp_path / name)["flagged"] for name in ("out/sources.csv", "new.csv")]
    assert flagged[0].equals(flagged[1])
    never = [*lean[:2], "--size", "12", "--no-ranking", "--hdu", "2", "--pad", "never"]
    capsys.readouterr()
    assert run(folder, tmp_path / "never", *never, labels=labels) == 1
    one_error(capsys, "5.fts: it is 12 x 8 pixels")
