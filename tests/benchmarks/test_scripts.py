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


def run(name, *arguments):
    command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| what | measured | target |" in done.stdout
    assert "Python " in done.stdout
    return done.stdout


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


def test_growth_tells_a_straight_line_from_a_curve(script):
    growth, measure = script("growth"), script("measure")
    sizes = (2_000, 20_000, 60_000, 200_000)
    straight = {n: measure.Finished(n * 1e-3, 0.3 + n * 2e-6) for n in sizes}
    curved = {n: measure.Finished(n**1.5, 0.3 + n**1.1 * 1e-6) for n in sizes}
    assert [row.holds for row in growth.judge(straight)] == [True, True]
    assert growth.judge(straight)[1].detail == "0.30 GB and 2.0 kB a source"
    assert [row.holds for row in growth.judge(curved)] == [False, False]
    assert growth.exponent(sizes, [n**1.5 for n in sizes]) == pytest.approx(1.5)
    falling = {n: measure.Finished(n * 1e-3, 0.3 - n * 1e-9) for n in sizes}
    assert [row.holds for row in growth.judge(falling)] == [True, None]
    few = {n: straight[n] for n in sizes[:3]}
    assert [row.holds for row in growth.judge(few)] == [None]


def test_an_exponent_beside_a_constant(script):
    sizes = (20_000, 60_000, 200_000)
    for power in (0.5, 1, 1.3):
        values = [7 + 2 * n**power for n in sizes]
        assert script("growth").exponent_beside_constant(sizes, values) == pytest.approx(power)


def test_files_that_were_fitted_are_not_predicted(script):
    found = [str(number) for number in range(1000)]
    for given, n_files in ((found, 3000), (found, 10), (found[:7], 50)):
        fitted, files = script("predict_files").split_files(given, n_files)
        assert len(files) == n_files
        assert set(given) >= set(fitted) | set(files)
        assert not set(fitted) & set(files)


def test_kept_neighbours_are_all_of_the_same_rows_and_few_of_others(script):
    kept = script("embedding_rows").neighbors_kept
    rows = np.random.default_rng(0).normal(size=(400, 2))
    others = rows[::-1].copy()
    assert kept(rows, rows) == 1
    assert kept(rows, others) < 0.15
    assert kept(rows[:300], rows[:300], rows[300:], rows[300:]) == 1
    # Fitted points that have moved by themselves are no longer the neighbours.
    assert kept(rows[:300], rows[:300] + 1, rows[300:], rows[300:]) < 0.7


def test_drawn_rows_are_the_same_each_time(script):
    draw = script("embedding_rows").draw_rows
    rows = draw(300)
    assert rows.shape == (300, 50)
    assert np.array_equal(rows, draw(300))
    assert rows.std(axis=0)[:5].mean() > 2 * rows.std(axis=0)[-5:].mean()


def test_only_the_fastest_peer_sets_the_target_at_20000_rows(script):
    tsne = script("tsne")
    assert [tsne.target_of(name, 1816, "openTSNE") for name in ("sklearn", "openTSNE")] == [8, 5]
    assert [tsne.target_of(name, 20_000, "openTSNE") for name in ("sklearn", "openTSNE")] == [
        None,
        3,
    ]
    assert tsne.target_of("openTSNE", 200_000, "openTSNE") == 1


def test_one_failure_is_a_row_and_the_others_go_on(script, tmp_path):
    speed, measure = script("speed"), script("measure")

    def fail():
        raise measure.ChildError("exit code 3")

    works = {"first": fail, "second": lambda: [measure.at_least("won", 2, 1)]}
    outcomes = speed.run_all(works, tmp_path / "speed.md")
    assert [row.holds for row in outcomes] == [False, True]
    written = (tmp_path / "speed.md").read_text()
    assert "| first.py | did not end |  | **FAILS** | exit code 3 |" in written
    assert "| won | 2x | >= 1x | PASS |" in written


def test_the_copy_cannot_take_a_cache(script, tmp_path):
    package = script("cold_start").copy_unwritable(tmp_path) / "spurclust"
    folders = {path.parent for path in package.rglob("*.py")}
    assert package / "embedding" in folders
    for folder in folders:
        with pytest.raises(OSError, match="exists"):
            (folder / "__pycache__").mkdir()


def test_the_commands_are_those_of_the_readme(script):
    readme = (FOLDER / "README.md").read_text()
    for name in script("speed").plan("survey", "survey/labels.xlsx", quick=True):
        assert f"`{name}.py" in readme


def test_the_copy_is_what_runs(script, tmp_path):
    cold_start = script("cold_start")
    copy = cold_start.copy_unwritable(tmp_path / "copy")
    code = "import json, spurclust; print(json.dumps({'file': spurclust.__file__}))"
    done = cold_start.run_with(code, tmp_path, path=copy)
    assert Path(done.result["file"]).is_relative_to(copy)
    with pytest.raises(script("measure").ChildError, match="not the copy in"):
        cold_start.run_with(code.replace("spurclust.__file__", "'elsewhere'"), tmp_path, path=copy)


@pytest.mark.slow
def test_imports():
    assert "`spurclust --help`" in run("imports", "--repeats", 1)


@pytest.mark.slow
def test_whole_run(strips):
    pytest.importorskip("skops")
    found = run("whole_run", strips, strips / "labels.xlsx", "--repeats", 1, "--perplexity", 5)
    assert f"{N_STRIPS} strips, whole process" in found
    assert "of 18 with" in found
    assert "KL by all pixels" in found


@pytest.mark.slow
def test_the_original_alone(strips, tmp_path):
    arguments = [strips, strips / "labels.xlsx", tmp_path / "out.csv", "--perplexity", 5]
    command = [sys.executable, str(FOLDER / "original.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    table = pd.read_csv(tmp_path / "out.csv")
    counts = json.loads(done.stdout)
    assert sorted(table["source_id"]) == list(range(N_STRIPS))
    assert counts == {
        "flagged": table["flagged"].sum(),
        "held": (table["flagged"] & (table["source_id"] % 9 == 0)).sum(),
        "known": 18,
    }


@pytest.mark.slow
def test_predict_files(strips):
    found = run("predict_files", strips, "--files", 100, "--repeats", 1)
    assert "100 files (80 distinct) in blocks of 2000, 80 others fitted" in found


@pytest.mark.slow
def test_growth():
    found = run("growth", "--sizes", 200, 400, "--side", 9)
    assert "fit of 400 cutouts of 9 x 9" in found


@pytest.mark.slow
def test_tsne(strips):
    pytest.importorskip("openTSNE")
    found = run("tsne", "--rows", "--survey", strips, "--repeats", 1)
    for row in ("time against sklearn", "time against openTSNE", "KL against the better"):
        assert f"t-SNE, 160 rows of the survey, {row}" in found


@pytest.mark.slow
def test_transform():
    pytest.importorskip("openTSNE")
    found = run("transform", "--rows", 160, "--new", 20, 40, "--calls", 1)
    for n_new in (20, 40):
        assert f"transform of {n_new} rows onto 160" in found
