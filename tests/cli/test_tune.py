"""`spurclust tune` and `run --tune`: held-out figures first, and what they come from."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.cli.main import main

N_SOURCES, N_SPURIOUS = 90, 24


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Bright corners are spurious, for one of two reasons; ten sources are uninspected."""
    folder = tmp_path_factory.mktemp("survey")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(N_SOURCES):
        image = rng.integers(0, 60, (12, 12), dtype=np.uint8)
        spurious = number < N_SPURIOUS
        if spurious:
            image[:6, :6] += np.uint8(150)
        Image.fromarray(image).save(folder / f"z6_{number}_F444W.png")
        reason = ("edge data" if number % 3 else "diffraction spike") if spurious else ""
        label = "" if number >= 80 else int(not spurious)
        rows.append({"Source_ID": number, "Reliable_Source": label, "Reason": reason})
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    return folder


def call(command, survey, out, *options):
    given = [command, str(survey / "*.png"), "--labels", str(survey / "labels.csv")]
    return main(
        [*given, "--out", str(out), "--jobs", "2", "--perplexity", "10", "--no-report", *options]
    )


@pytest.fixture(scope="module")
def tuned(survey, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "out"
    options = ["-N", "2", "3", "--threshold", "0.05", "0.3", "--repeats", "2", "--folds", "4"]
    assert call("tune", survey, out, *options) == 0
    return out


def test_the_summary_has_held_out_figures(tuned):
    summary = json.loads((tuned / "summary.json").read_text(encoding="utf-8"))
    held_out = summary["held_out"]
    assert held_out["n_settings"] == 4
    assert held_out["n_splits"] == 8
    assert held_out["n_spurious"] == N_SPURIOUS
    assert held_out["completeness"]["fraction"] >= 0.95
    low, high = held_out["completeness"]["interval"]
    assert low < held_out["completeness"]["fraction"] <= high
    assert set(held_out["completeness_by_reason"]) == {"edge data", "diffraction spike"}
    assert sum(each["n"] for each in held_out["completeness_by_reason"].values()) == N_SPURIOUS
    assert summary["region"]["n_components"] == held_out["params"]["n_components"]
    assert summary["region"]["threshold"] == held_out["params"]["threshold"]


def test_all_settings_are_in_a_table(tuned):
    table = pd.read_csv(tuned / "tuning.csv")
    assert len(table) == 4
    assert {"param_n_components", "param_threshold", "mean_test_completeness"} <= set(table)


def test_its_pictures_are_drawn(tuned):
    names = {path.stem for path in (tuned / "plots").iterdir()}
    assert {"completeness", "tuning", "embedding"} <= names


def test_run_tune_says_what_was_held_out_before_what_was_not(survey, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("run", survey, out, "--tune", "--repeats", "1", "--no-plots") == 0
    said = capsys.readouterr().out
    assert "Chosen among 100 settings" in said
    assert said.index("Held out (labels not shown") < said.index("Flagged ")
    assert said.index("Flagged ") < said.index("In-sample")
    assert "diffraction spike: 1.000 of 8 (0.631 to 1.000)" in said


def test_a_workload_as_the_bound(survey, tmp_path):
    options = ["--workload", "0.4", "--repeats", "1", "--no-plots"]
    assert call("tune", survey, tmp_path / "out", *options) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["held_out"]["workload"]["fraction"] <= 0.4


def test_settings_and_tune_exclude_each_other(survey, tmp_path, capsys):
    assert call("run", survey, tmp_path / "out", "--tune", "-N", "3") == 1
    assert "--tune chooses the components and the threshold" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_fewer_spurious_than_folds(survey, tmp_path, capsys):
    table = pd.read_csv(survey / "labels.csv")
    table.loc[3:N_SPURIOUS, "Reliable_Source"] = 1
    table.to_csv(tmp_path / "few.csv", index=False)
    command = ["run", str(survey / "*.png"), "--labels", str(tmp_path / "few.csv"), "--tune"]
    options = ["--no-plots", "--perplexity", "10", "--repeats", "1"]
    assert main([*command, *options, "--out", str(tmp_path / "out")]) == 0
    assert "spurclust: warning:" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["held_out"]["n_splits"] == 3


def test_stability(survey, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("run", survey, out, "-N", "2", "--stability", "2") == 0
    table = pd.read_csv(out / "sources.csv")
    assert table["stability"].between(0, 1).all()
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert sum(summary["stability"].values()) == N_SOURCES
    assert summary["stability"]["always"] == int((table["stability"] == 1).sum())
    assert (out / "plots" / "stability.png").is_file()
    assert "when the embedding starts elsewhere" in capsys.readouterr().out
