"""What the scripts make and how they judge; each runs on a few sources."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust import CutoutFeatures

FOLDER = Path(__file__).parents[2] / "benchmarks"
N_STRIPS = 160


@pytest.fixture(scope="module")
def strips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strips")
    rng = np.random.default_rng(0)
    for number in range(N_STRIPS):
        pixels = rng.integers(0, 60, (12, 40), dtype=np.uint8) + np.uint8(60 * (number % 3))
        Image.fromarray(pixels).convert("RGB").save(folder / f"z6_{number}_F090W_crop.png")
    labels = pd.DataFrame({"Source_ID": range(N_STRIPS), "Reliable_Source": 1})
    labels.loc[labels.index % 9 == 0, "Reliable_Source"] = 0
    labels.to_excel(folder / "labels.xlsx", index=False)
    return folder


def test_kept_neighbors_are_all_of_the_same_rows_and_few_of_others(script):
    kept = script("embedding_rows").neighbors_kept
    rows = np.random.default_rng(0).normal(size=(400, 2))
    assert kept(rows, rows) == 1
    assert kept(rows, rows[::-1].copy()) < 0.15
    assert kept(rows[:300], rows[:300], rows[300:], rows[300:]) == 1
    # Fitted points that have moved by themselves are no longer the neighbors.
    assert kept(rows[:300], rows[:300] + 1, rows[300:], rows[300:]) < 0.7


def test_only_the_fastest_peer_sets_the_target_at_20000_rows(script):
    target_of = script("tsne").target_of
    targets = {
        (n, peer): target_of(peer, n, "openTSNE")
        for n in (1816, 20_000, 200_000)
        for peer in ("sklearn", "openTSNE")
    }
    assert list(targets.values()) == [8, 5, None, 3, 1, 1]


def test_one_failure_is_a_row_and_the_others_go_on(script, tmp_path):
    speed, bench = script("speed"), script("bench")

    def fail(out):
        raise bench.ChildError(f"exit code 3, and {out.is_dir()}")

    works = {"first": fail, "second": lambda out: [bench.at_least("won", 2, 1)]}
    outcomes = speed.run_all(works, tmp_path / "speed.md")
    assert [row.holds for row in outcomes] == [False, True]
    written = (tmp_path / "speed.md").read_text()
    assert "| first | did not end |  | **FAILS** | exit code 3, and True |" in written
    assert "| won | 2x | >= 1x | PASS |" in written


def test_the_stages_of_a_run_add_up_to_it(script):
    seconds = {"reading": 1.5, "embed": 2.25}
    run = script("bench").Finished(9.0, 0.1, {"seconds": seconds}, (9.0, 5.0))
    rows = script("speed").stages(run)
    values = {row.what: row.value for row in rows}
    assert values["stage imports and the rest"] == "1.25 s"
    assert sum(float(value.split()[0]) for value in values.values()) == 5


@pytest.mark.parametrize("has_order", [False, True])
def test_the_quality_of_a_run_has_its_order_if_there_is_one(script, has_order):
    effort = [{"completeness": each, "inspections": 30 * each} for each in (0.9, 0.95)]
    summary = {
        "flagged": {"k": 40, "n": 300},
        "in_sample": {"completeness": {"k": 9, "n": 10}},
        "ranking": {"expected_effort": effort} if has_order else None,
    }
    order = ", workload at 95 % completeness 0.095" if has_order else ""
    expected = f"flagged 40, spurious held 9 of 10{order}"
    assert script("speed").quality(summary) == expected


SIZES_OF_REFERENCE = ("--sources", 150, "--seeds", 1, "--inspected", 50, "--share", 0.1)
QUICKLY = ("--starts", 1, "--think", 0, "--seconds", 2)
RUNS = {
    "speed": (
        ("FOLDER", "LABELS", "--quick"),
        [
            f"{N_STRIPS} strips, against the original with its pictures",
            "of 18 : flagged",
            "| stage embed |",
            "| the same, KL |",
            "4000 PNG strips, dask",
            "100 settings, 25 splits",
            "of an installation, less the next",
            "`spurclust --help`",
        ],
    ),
    "tsne": (
        ("--rows", "--survey", "FOLDER", "--repeats", 1),
        [
            f"t-SNE, 160 rows of the survey, {row}"
            for row in ("time against sklearn", "time against openTSNE", "KL against the better")
        ],
    ),
    "transform": (
        ("--rows", 160, "--new", 20, 40, "--calls", 1),
        [f"transform of {n} rows onto 160" for n in (20, 40)],
    ),
    "reference": (
        (*SIZES_OF_REFERENCE, "--sizes", 80, "--jobs", 2),
        ["| the inspected |  | ", "| 80 | random |", "| 80 | diverse |", "| all |  | "],
    ),
    "inspection": (
        ("--folder", "FOLDER", "--labels", "LABELS", *QUICKLY),
        [
            "| live inspection |",
            "inspections to 95 %, mean of 1 starts",
            "| 20 inspectors: answered verdicts lost | 0 | <= 0 | PASS |",
            "| 20 inspectors: sources shown twice | 0 | <= 0 | PASS |",
        ],
    ),
    "drift": (("--sources", 60, "--jobs", 2), ["| none | 0.", "| a fifth of the strip lost |"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_script_prints_its_rows(strips, name):
    if name in ("tsne", "transform"):
        pytest.importorskip("openTSNE")
    options, expected = RUNS[name]
    paths = {"FOLDER": str(strips), "LABELS": str(strips / "labels.xlsx")}
    arguments = [paths.get(option, str(option)) for option in options]
    command = [sys.executable, str(FOLDER / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "did not end" not in done.stdout
    for text in [*expected, "Python "]:
        assert text in done.stdout


@pytest.mark.slow
def test_the_original_alone(strips, tmp_path):
    arguments = [strips, strips / "labels.xlsx", tmp_path / "out.csv", "--perplexity", 5]
    command = [sys.executable, str(FOLDER / "original.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    table = pd.read_csv(tmp_path / "out.csv")
    found = json.loads(done.stdout)
    assert sorted(table["source_id"]) == list(range(N_STRIPS))
    assert found["flagged"] == table["flagged"].sum()
    assert found["held"] == (table["flagged"] & (table["source_id"] % 9 == 0)).sum()
    assert found["known"] == 18


def test_every_feature_belongs_to_one_group_and_every_group_has_features(script):
    features = script("features")
    drawn = np.random.default_rng(0).normal(size=(2, 12, 12, 2))
    names = CutoutFeatures().fit(drawn).get_feature_names_out()
    assert {features.group_of(name) for name in names} == set(features.GROUPS)
