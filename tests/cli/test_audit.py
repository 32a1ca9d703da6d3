"""`spurclust audit`: what is printed of a sample, and of what it proves."""

import shlex

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main
from spurclust.metrics import completeness_lower_bound, remaining_upper_bound

from .conftest import write_results

N_POOL = 160


@pytest.fixture
def results(tmp_path):
    """The tables of a run: 20 flagged, 20 inspected outside, the others uninspected."""
    label = np.full(200, np.nan)
    label[:8], label[20:38], label[38:40] = 1, 0, 1
    flagged = np.arange(200) < 20
    ids = [f"{number:05d}" for number in range(200)]
    return write_results(tmp_path, source_id=ids, path="x.png", label=label, flagged=flagged)


def judge(folder, n_spurious=0):
    sample = pd.read_csv(folder / "audit.csv", dtype=str)
    sample["Reliable_Source"] = (np.arange(len(sample)) >= n_spurious).astype(int)
    sample.to_csv(folder / "judged.csv", index=False)
    return str(folder / "judged.csv")


def change_table(folder, **columns):
    table = pd.read_csv(folder / "sources.csv", dtype={"source_id": str})
    table.assign(**columns).to_csv(folder / "sources.csv", index=False)


def test_draw_then_judge(results, capsys):
    assert main(["audit", str(results), "--sample", "40"]) == 0
    drawn = pd.read_csv(results / "audit.csv", dtype=str)
    columns = ["Source_ID", "path", "Reliable_Source", "Reason", "Label_Origin"]
    assert list(drawn.columns) == columns
    assert (drawn["Label_Origin"] == "audit").all()
    assert drawn["Source_ID"].is_unique
    assert drawn["Source_ID"].between("00040", "00199").all()
    printed = capsys.readouterr().out
    assert f"at most {remaining_upper_bound(N_POOL, 40, 0)} spurious ones remain" in printed
    assert shlex.join(["audit", str(results), "--labels", f"{results / 'audit.csv'}"]) in printed
    assert main(["audit", str(results), "--labels", judge(results, 2)]) == 0
    printed = capsys.readouterr().out
    assert f"At most {remaining_upper_bound(N_POOL, 40, 2)} spurious ones remain" in printed
    assert f"{completeness_lower_bound(8, N_POOL, 40, 2, n_missed=2):.3f}" in printed


def test_as_many_as_prove_what_is_wanted(results, capsys):
    assert main(["audit", str(results), "--max-remaining", "5"]) == 0
    n_drawn = len(pd.read_csv(results / "audit.csv"))
    assert remaining_upper_bound(N_POOL, n_drawn, 0) <= 5
    assert remaining_upper_bound(N_POOL, n_drawn - 1, 0) > 5
    assert "at most 5 spurious" in capsys.readouterr().out


def test_a_default_sample_is_never_more_than_there_are(results):
    assert main(["audit", str(results)]) == 0
    assert len(pd.read_csv(results / "audit.csv")) == N_POOL


def test_the_same_random_state_draws_the_same(results):
    tables = []
    for _ in range(2):
        main(["audit", str(results), "--sample", "9", "--random-state", "3"])
        tables.append((results / "audit.csv").read_text())
        (results / "audit.csv").unlink()
    assert tables[0] == tables[1]


def test_nothing_to_draw(results, capsys):
    change_table(results, label=0)
    assert main(["audit", str(results)]) == 0
    assert "inspected already" in capsys.readouterr().out


def test_a_sample_shared_out(results, capsys):
    assert main(["audit", str(results), "--sample", "2"]) == 0
    sample = pd.read_csv(results / "audit.csv", dtype=str)
    tables = []
    for name, rows in (("mine.csv", sample[:1]), ("yours.csv", sample[1:])):
        rows.assign(Reliable_Source=1).to_csv(results / name, index=False)
        tables += ["--labels", str(results / name)]
    assert main(["audit", str(results), *tables[:2]]) == 1
    assert "1 of the 2 sources of the sample have no label in" in capsys.readouterr().err
    assert main(["audit", str(results), *tables]) == 0
    assert "2 drawn at random were inspected: 0 spurious" in capsys.readouterr().out


def refused(capsys, *arguments):
    assert main(["audit", *map(str, arguments)]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sample", "161"], "more than the 160"),
        (["--max-remaining", "160"], "without an inspection"),
        (["--labels", "judged.csv"], "draw a sample first"),
    ],
)
def test_what_cannot_be_drawn_or_judged(results, capsys, monkeypatch, options, words):
    monkeypatch.chdir(results)
    judged = pd.DataFrame({"Source_ID": ["00050"], "Reliable_Source": [1]})
    judged.to_csv("judged.csv", index=False)
    assert words in refused(capsys, results, *options)
    assert not (results / "audit.csv").exists()


def test_no_results(tmp_path, capsys):
    assert "sources.csv is missing" in refused(capsys, tmp_path)


def test_a_sample_is_neither_overwritten_nor_judged_in_part(results, capsys):
    main(["audit", str(results), "--sample", "4"])
    assert "audit.csv exists" in refused(capsys, results, "--sample", "4")
    judged = judge(results)
    table = pd.read_csv(judged, dtype=str)
    table.loc[2, "Reliable_Source"] = ""
    table.to_csv(judged, index=False)
    printed = refused(capsys, results, "--labels", judged)
    assert "1 of the 4 sources of the sample have no label" in printed
    assert table["Source_ID"][2] in printed


def test_a_sample_of_other_results(results, capsys):
    main(["audit", str(results), "--sample", "4"])
    change_table(results, flagged=np.arange(200) != 40)
    assert "drawn from other results" in refused(capsys, results, "--labels", judge(results))
