"""`spurclust audit`: what is printed of a sample, and of what it proves."""

import json

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main
from spurclust.metrics import completeness_lower_bound, remaining_upper_bound

N_POOL = 160


@pytest.fixture
def results(tmp_path):
    """The tables of a run: 20 flagged, 20 inspected outside, the others uninspected."""
    label = np.full(200, np.nan)
    label[:8], label[20:38], label[38:40] = 1, 0, 1
    flagged = np.arange(200) < 20
    table = pd.DataFrame({"source_id": [f"{number:05d}" for number in range(200)], "path": "x.png"})
    table = table.assign(label=label, reason="", tsne_x=0.0, tsne_y=0.0, component=0)
    table = table.assign(spurious_probability=0.1, flagged=flagged)
    table.to_csv(tmp_path / "sources.csv", index=False)
    (tmp_path / "components.csv").write_text(
        "component,size,n_inspected,n_spurious,fraction,fraction_low,fraction_high,in_region\n"
        "0,200,28,10,0.357,0.2,0.6,True\n"
    )
    (tmp_path / "summary.json").write_text(json.dumps({"written_by": "spurclust"}))
    return tmp_path


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
    assert list(drawn.columns) == ["Source_ID", "path", "Reliable_Source", "Reason"]
    assert drawn["Source_ID"].is_unique
    assert drawn["Source_ID"].between("00040", "00199").all()
    printed = capsys.readouterr().out
    assert f"at most {remaining_upper_bound(N_POOL, 40, 0)} spurious ones remain" in printed
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
    table = pd.read_csv(results / "sources.csv")
    change_table(results, label=table["label"].fillna(0))
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


class TestWrong:
    def refused(self, capsys, *arguments):
        assert main(["audit", *map(str, arguments)]) == 1
        return capsys.readouterr().err

    def test_no_results(self, tmp_path, capsys):
        assert "sources.csv is missing" in self.refused(capsys, tmp_path)

    def test_a_sample_is_not_overwritten(self, results, capsys):
        main(["audit", str(results), "--sample", "4"])
        assert "audit.csv exists" in self.refused(capsys, results, "--sample", "4")

    def test_too_large_a_sample(self, results, capsys):
        assert "more than the 160" in self.refused(capsys, results, "--sample", "161")
        assert not (results / "audit.csv").exists()

    def test_nothing_to_prove(self, results, capsys):
        printed = self.refused(capsys, results, "--max-remaining", "160")
        assert "without an inspection" in printed

    def test_judged_before_it_was_drawn(self, results, capsys):
        (results / "x.csv").write_text("Source_ID,Reliable_Source\n1,0\n")
        assert "draw a sample first" in self.refused(capsys, results, "--labels", results / "x.csv")

    def test_part_of_the_sample_is_blank(self, results, capsys):
        main(["audit", str(results), "--sample", "4"])
        judged = judge(results)
        table = pd.read_csv(judged, dtype=str)
        table.loc[2, "Reliable_Source"] = ""
        table.to_csv(judged, index=False)
        printed = self.refused(capsys, results, "--labels", judged)
        assert "1 of the 4 sources of the sample have no label" in printed
        assert table["Source_ID"][2] in printed

    def test_a_sample_of_other_results(self, results, capsys):
        main(["audit", str(results), "--sample", "4"])
        judged = judge(results)
        change_table(results, flagged=np.arange(200) != 40)
        assert "drawn from other results" in self.refused(capsys, results, "--labels", judged)
