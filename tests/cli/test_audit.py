"""`spurclust audit`: what is printed of a sample, and of what it proves."""

import shlex

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main
from spurclust.metrics import (
    completeness_lower_bound,
    confidence_sequence,
    inspections_needed,
)

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


def judge(folder, n_spurious=0, rows=None):
    """Judge rows of the sample, by default all, of which the first are spurious."""
    sample = pd.read_csv(folder / "audit.csv", dtype=str)
    rows = np.arange(len(sample)) if rows is None else np.asarray(rows)
    sample["Reliable_Source"] = ""
    sample.loc[rows, "Reliable_Source"] = np.where(rows < n_spurious, "0", "1")
    sample.to_csv(folder / "judged.csv", index=False)
    return str(folder / "judged.csv")


def remaining(n_inspected, n_spurious):
    return int(confidence_sequence(N_POOL, n_inspected, n_spurious)[1]) - n_spurious


def change_table(folder, **columns):
    table = pd.read_csv(folder / "sources.csv", dtype={"source_id": str})
    table.assign(**columns).to_csv(folder / "sources.csv", index=False)


def test_draw_then_judge(results, capsys):
    assert main(["audit", str(results), "--sample", "40"]) == 0
    drawn = pd.read_csv(results / "audit.csv", dtype=str)
    columns = ["Source_ID", "path", "Reliable_Source", "Reason"]
    columns += ["Label_Origin", "Audit_Order"]
    assert list(drawn.columns) == columns
    assert (drawn["Label_Origin"] == "audit").all()
    assert drawn["Source_ID"].is_unique
    assert drawn["Source_ID"].between("00040", "00199").all()
    printed = capsys.readouterr().out
    assert f"at most {remaining(40, 0)} spurious ones remain" in printed
    assert shlex.join(["audit", str(results), "--labels", f"{results / 'audit.csv'}"]) in printed
    assert main(["audit", str(results), "--labels", judge(results, 2)]) == 0
    printed = capsys.readouterr().out
    assert f"At most {remaining(40, 2)} spurious ones remain" in printed
    assert f"{completeness_lower_bound(8, N_POOL, 40, 2, n_missed=2):.3f}" in printed


def test_as_many_as_prove_what_is_wanted(results, capsys):
    assert main(["audit", str(results), "--max-remaining", "5"]) == 0
    n_drawn = len(pd.read_csv(results / "audit.csv"))
    assert n_drawn == inspections_needed(N_POOL, 5)
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
    assert "the first source of the sample, has no label" in refused(capsys, results, *tables[2:])
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


def test_a_sample_is_judged_in_part_at_any_time(results, capsys):
    main(["audit", str(results), "--sample", "40"])
    for n in (10, 25):
        capsys.readouterr()
        assert main(["audit", str(results), "--labels", judge(results, 1, range(n))]) == 0
        printed = capsys.readouterr()
        assert f"{n} drawn at random were inspected: 1 spurious" in printed.out
        assert f"At most {remaining(n, 1)} spurious ones remain among" in printed.out
        assert printed.err == ""


def test_only_what_is_judged_without_a_gap_counts(results, capsys):
    main(["audit", str(results), "--sample", "20"])
    judged = judge(results, 0, [*range(8), 9, 10])
    skipped = pd.read_csv(judged, dtype=str)["Source_ID"][8]
    # Sorting does not hide the gap.
    pd.read_csv(results / "audit.csv", dtype=str).sort_values("Source_ID").to_csv(
        results / "audit.csv", index=False
    )
    assert main(["audit", str(results), "--labels", judged]) == 0
    printed = capsys.readouterr()
    assert "8 drawn at random were inspected" in printed.out
    assert (
        f"2 sources of the sample are inspected but do not count, because {skipped}" in printed.err
    )
    assert "no label" in refused(capsys, results, "--labels", judge(results, 0, range(1, 5)))


def test_how_many_more_inspections_prove_what_is_wanted(results, capsys):
    main(["audit", str(results), "--sample", "40"])
    judged = judge(results, 1)
    capsys.readouterr()
    needed = inspections_needed(N_POOL, 10, 40, 1)
    assert main(["audit", str(results), "--labels", judged, "--max-remaining", "10"]) == 0
    printed = capsys.readouterr().out
    assert f"{needed} more inspections prove that at most 10 spurious ones remain" in printed
    assert f"extend it: spurclust audit {results} --sample {40 + needed}" in printed
    assert main(["audit", str(results), "--labels", judged, "--max-remaining", "120"]) == 0
    assert "So at most 120 spurious ones remain, as wanted" in capsys.readouterr().out
    assert "give one of them" in refused(capsys, results, "--labels", judged, "--sample", "9")


def test_a_sample_is_extended_at_its_end_and_never_overwritten(results, capsys):
    main(["audit", str(results), "--sample", "12"])
    whole = pd.read_csv(results / "audit.csv", dtype=str)
    (results / "audit.csv").unlink()
    main(["audit", str(results), "--sample", "5"])
    for options in ([], ["--sample", "5"], ["--sample", "4"]):
        assert "audit.csv exists and has 5" in refused(capsys, results, *options)
    other = ["--sample", "12", "--random-state", "3"]
    assert "another random_state" in refused(capsys, results, *other)
    (results / "audit.csv").write_bytes((results / judge(results, 1)).read_bytes())
    assert main(["audit", str(results), "--sample", "12"]) == 0
    assert "lists 12 sources" in (printed := capsys.readouterr().out)
    assert "7 of them new, at the end" in printed
    extended = pd.read_csv(results / "audit.csv", dtype=str)
    assert extended["Reliable_Source"].tolist()[:5] == ["0", *"1111"]
    assert extended["Reliable_Source"][5:].isna().all()
    same = [name for name in whole if name != "Reliable_Source"]
    pd.testing.assert_frame_equal(extended[same], whole[same])


def test_rows_of_a_sample_must_not_be_deleted(results, capsys):
    main(["audit", str(results), "--sample", "6"])
    judged = judge(results)
    pd.read_csv(results / "audit.csv", dtype=str).drop(index=2).to_csv(
        results / "audit.csv", index=False
    )
    assert "keep the rows" in refused(capsys, results, "--labels", judged)


def test_a_sample_of_other_results(results, capsys):
    main(["audit", str(results), "--sample", "4"])
    change_table(results, flagged=np.arange(200) != 40)
    assert "drawn from other results" in refused(capsys, results, "--labels", judge(results))
