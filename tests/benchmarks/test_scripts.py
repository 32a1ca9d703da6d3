"""What the scripts make and how they judge; each runs on a few sources."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

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


def test_growth_distinguishes_a_line_from_a_curve(script):
    growth, bench = script("growth"), script("bench")
    sizes = (2_000, 20_000, 60_000, 200_000)
    straight = {n: bench.Finished(n * 1e-3, 0.3 + n * 2e-6) for n in sizes}
    curved = {n: bench.Finished(n**1.5, 0.3 + n**1.1 * 1e-6) for n in sizes}
    falling = {n: bench.Finished(n * 1e-3, 0.3 - n * 1e-9) for n in sizes}
    few = {n: straight[n] for n in sizes[:3]}
    expected = [(straight, [True, True]), (curved, [False, False]), (falling, [True, None])]
    for runs, holds in [*expected, (few, [None])]:
        assert [row.holds for row in growth.judge(runs)] == holds
    assert growth.judge(straight)[1].detail == "0.30 GB and 2.0 kB a source"


@pytest.mark.parametrize("power", [0.5, 1, 1.3])
def test_an_exponent_beside_a_constant(script, power):
    sizes = (20_000, 60_000, 200_000)
    values = [7 + 2 * n**power for n in sizes]
    assert script("growth").exponent_beside_constant(sizes, values) == pytest.approx(power)


def test_files_that_were_fitted_are_not_predicted(script):
    found = [str(number) for number in range(1000)]
    for given, n_files in ((found, 3000), (found, 10), (found[:7], 50)):
        fitted, files = script("predict_files").split_files(given, n_files)
        assert len(files) == n_files
        assert set(given) >= set(fitted) | set(files)
        assert not set(fitted) & set(files)


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

    def fail():
        raise bench.ChildError("exit code 3")

    works = {"first": fail, "second": lambda: [bench.at_least("won", 2, 1)]}
    outcomes = speed.run_all(works, tmp_path / "speed.md")
    assert [row.holds for row in outcomes] == [False, True]
    written = (tmp_path / "speed.md").read_text()
    assert "| first.py | did not end |  | **FAILS** | exit code 3 |" in written
    assert "| won | 2x | >= 1x | PASS |" in written


def test_the_commands_are_those_of_the_readme(script):
    readme = (FOLDER / "README.md").read_text()
    for name in script("speed").plan("survey", "survey/labels.xlsx", quick=True):
        assert f"`{name}.py" in readme


def test_the_copy_runs_and_cannot_take_a_cache(script, tmp_path):
    cold_start = script("cold_start")
    copy = cold_start.copy_unwritable(tmp_path / "copy")
    for folder in {path.parent for path in copy.rglob("*.py")}:
        with pytest.raises(OSError, match="exists"):
            (folder / "__pycache__").mkdir()
    code = "import json, spurclust; print(json.dumps({'file': spurclust.__file__}))"
    done = cold_start.run_with(code, tmp_path, path=copy)
    assert Path(done.result["file"]).is_relative_to(copy)
    with pytest.raises(script("bench").ChildError, match="not the copy in"):
        cold_start.run_with(code.replace("spurclust.__file__", "'elsewhere'"), tmp_path, path=copy)


SIZES_OF_REFERENCE = ("--sources", 150, "--seeds", 1, "--inspected", 50, "--share", 0.1)
RUNS = {
    "imports": (("--repeats", 1), ["`spurclust --help`"]),
    "whole_run": (
        ("FOLDER", "LABELS", "--repeats", 1, "--perplexity", 5),
        [f"{N_STRIPS} strips, whole process", "of 18 with", "KL by all pixels"],
    ),
    "notebook": (("FOLDER", "LABELS"), ["| stage embed |", "KL by all pixels"]),
    "predict_files": (
        ("FOLDER", "--files", 100, "--repeats", 1),
        ["100 files (80 distinct) in blocks of 2000, 80 others fitted"],
    ),
    "growth": (("--sizes", 200, 400, "--side", 9), ["fit of 400 cutouts of 9 x 9"]),
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
