"""`spurclust tune` and `run --tune`: held-out figures first, and what they come from."""

import json

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main

from .conftest import LEAN, recorded, write_images

N_SOURCES, N_SPURIOUS = 90, 24
SETTINGS = ["-N", "2", "3", "--threshold", "0.05", "0.3"]


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Bright corners are spurious, for one of two reasons; ten sources are uninspected."""
    images = np.random.default_rng(0).integers(0, 60, (N_SOURCES, 12, 12))
    images[:N_SPURIOUS, :6, :6] += 150
    folder = write_images(tmp_path_factory.mktemp("survey") / "images", images)
    numbers = np.arange(N_SOURCES)
    table = pd.DataFrame({"Source_ID": numbers, "Reliable_Source": numbers >= N_SPURIOUS})
    table["Reliable_Source"] = table["Reliable_Source"].astype("Int64").where(numbers < 80)
    reasons = np.where(numbers % 3 == 0, "diffraction spike", "edge data")
    table["Reason"] = np.where(numbers < N_SPURIOUS, reasons, "")
    table.to_csv(folder / "labels.csv", index=False)
    return folder


def call(command, survey, out, *options, labels=None):
    table = labels or survey / "labels.csv"
    given = [command, str(survey / "*.png"), "--labels", str(table), "--out", str(out)]
    return main([*given, "--jobs", "2", "--perplexity", "10", "--no-report", *options])


def read_summary(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tuned(survey, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "out"
    options = [*SETTINGS, "--repeats", "2", "--folds", "4", "--stability", "1"]
    return recorded(out, lambda: call("tune", survey, out, *options))


def test_the_summary_has_held_out_figures(tuned):
    summary = read_summary(tuned.folder)
    held_out = summary["held_out"]
    assert (held_out["n_settings"], held_out["n_splits"]) == (4, 8)
    assert held_out["n_spurious"] == N_SPURIOUS
    assert held_out["completeness"]["fraction"] >= 0.95
    low, high = held_out["completeness"]["interval"]
    assert low < held_out["completeness"]["fraction"] <= high
    by_reason = held_out["completeness_by_reason"]
    assert {reason: each["n"] for reason, each in by_reason.items()} == {
        "edge data": 16,
        "diffraction spike": 8,
    }
    for name in ("n_components", "threshold"):
        assert summary["region"][name] == held_out["params"][name]


def test_what_was_held_out_is_said_before_what_was_not(tuned):
    said = tuned.said
    assert "Chosen among 4 settings" in said
    assert said.index("Held out (labels not shown") < said.index("Flagged ")
    assert said.index("Flagged ") < said.index("In-sample")
    assert "diffraction spike: 1.000 (0.631 to 1.000; 8 known)" in said
    assert "when the embedding starts elsewhere" in said


def test_all_settings_and_the_stability_are_in_tables_and_pictures(tuned):
    settings = pd.read_csv(tuned.folder / "tuning.csv")
    assert len(settings) == 4
    assert {"param_n_components", "param_threshold", "mean_test_completeness"} <= set(settings)
    stability = pd.read_csv(tuned.folder / "sources.csv")["stability"]
    counts = read_summary(tuned.folder)["stability"]
    assert stability.between(0, 1).all()
    assert sum(counts.values()) == N_SOURCES
    assert counts["always"] == (stability == 1).sum()
    names = {path.stem for path in (tuned.folder / "plots").iterdir()}
    assert {"completeness", "tuning", "embedding", "stability"} <= names


def test_run_tune_chooses_among_many_settings(survey, tmp_path, capsys):
    options = ["--tune", "--repeats", "1", "--folds", "2", "--no-plots", *LEAN]
    assert call("run", survey, tmp_path / "out", *options) == 0
    assert "Chosen among 100 settings" in capsys.readouterr().out


def test_a_workload_as_the_bound(survey, tmp_path):
    options = [*SETTINGS, "--workload", "0.4", "--repeats", "1", "--no-plots", *LEAN]
    assert call("tune", survey, tmp_path / "out", *options) == 0
    assert read_summary(tmp_path / "out")["held_out"]["workload"]["fraction"] <= 0.4


def test_settings_and_tune_exclude_each_other(survey, tmp_path, capsys):
    assert call("run", survey, tmp_path / "out", "--tune", "-N", "3") == 1
    assert "--tune chooses the components and the threshold" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_fewer_spurious_than_folds(survey, tmp_path, capsys):
    table = pd.read_csv(survey / "labels.csv")
    table.loc[3:N_SPURIOUS, "Reliable_Source"] = 1
    table.to_csv(tmp_path / "few.csv", index=False)
    options = [*SETTINGS, "--no-plots", "--repeats", "1", *LEAN]
    out = tmp_path / "out"
    assert call("tune", survey, out, *options, labels=tmp_path / "few.csv") == 0
    assert "spurclust: warning:" in capsys.readouterr().err
    assert read_summary(out)["held_out"]["n_splits"] == 3


def test_a_terminal_shows_the_folds_while_they_are_tried(survey, tmp_path, monkeypatch, capsys):
    options = [*LEAN, *SETTINGS, "--repeats", "1", "--folds", "2", "--protocol", "inductive"]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert call("tune", survey, tmp_path / "out", *options, "--no-plots") == 0
    shown = capsys.readouterr().err
    parts = ["Reading cutouts: ", "tuning ...", "Folds:   0%", "t-SNE: ", "writing"]
    positions = [shown.index(part) for part in parts]
    assert positions == sorted(positions)
    options += ["--no-plots", "--quiet"]
    assert call("tune", survey, tmp_path / "quiet", *options) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("spurclust: warning: No setting keeps")
    assert said.err.count("\n") == 1
    assert "quiet" not in read_summary(tmp_path / "quiet")["settings"]
