"""`spurclust audit`: draw, judge, and what may be wrong with either."""

import numpy as np
import pandas as pd
import pytest

from spurclust.cli.main import main
from spurclust.metrics import completeness_lower_bound, remaining_upper_bound

N_POOL = 160


@pytest.fixture
def results(tmp_path):
    """The table of a run: 20 flagged, 20 inspected outside, the others uninspected."""
    label = np.full(200, np.nan)
    label[:8], label[20:38], label[38:40] = 1, 0, 1
    ids = [f"{number:05d}" for number in range(200)]
    flagged = np.arange(200) < 20
    table = pd.DataFrame({"source_id": ids, "path": "x.png", "label": label, "flagged": flagged})
    table.assign(reason="").to_csv(tmp_path / "sources.csv", index=False)
    return tmp_path


def judge(folder, n_spurious=0):
    sample = pd.read_csv(folder / "audit.csv", dtype=str)
    sample["Reliable_Source"] = (np.arange(len(sample)) >= n_spurious).astype(int)
    sample.to_csv(folder / "judged.csv", index=False)
    return str(folder / "judged.csv")


def test_draw_then_judge(results, capsys):
    assert main(["audit", str(results), "--sample", "40"]) == 0
    drawn = pd.read_csv(results / "audit.csv", dtype=str)
    assert list(drawn.columns) == ["Source_ID", "path", "Reliable_Source", "Reason"]
    assert drawn["Source_ID"].is_unique
    assert drawn["Source_ID"].between("00040", "00199").all()
    said = capsys.readouterr().out
    assert f"at most {remaining_upper_bound(N_POOL, 40, 0)} spurious ones remain" in said
    assert main(["audit", str(results), "--labels", judge(results, 2)]) == 0
    said = capsys.readouterr().out
    assert f"At most {remaining_upper_bound(N_POOL, 40, 2)} spurious ones remain" in said
    assert f"{completeness_lower_bound(8, N_POOL, 40, 2, n_missed=2):.3f}" in said


def test_as_many_as_prove_what_is_wanted(results, capsys):
    assert main(["audit", str(results), "--max-remaining", "5"]) == 0
    n_drawn = len(pd.read_csv(results / "audit.csv"))
    assert remaining_upper_bound(N_POOL, n_drawn, 0) <= 5
    assert remaining_upper_bound(N_POOL, n_drawn - 1, 0) > 5
    assert "at most 5 spurious" in capsys.readouterr().out


def test_a_default_sample_is_never_more_than_there_are(results):
    assert main(["audit", str(results)]) == 0
    assert len(pd.read_csv(results / "audit.csv")) == N_POOL


def test_the_same_seed_draws_the_same(results):
    tables = []
    for _ in range(2):
        main(["audit", str(results), "--sample", "9", "--random-state", "3"])
        tables.append((results / "audit.csv").read_text())
        (results / "audit.csv").unlink()
    assert tables[0] == tables[1]


def test_nothing_to_draw(results, capsys):
    table = pd.read_csv(results / "sources.csv")
    table["label"] = table["label"].fillna(0)
    table.to_csv(results / "sources.csv", index=False)
    assert main(["audit", str(results)]) == 0
    assert "inspected already" in capsys.readouterr().out


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
        said = self.refused(capsys, results, "--max-remaining", "160")
        assert "without a look" in said

    def test_judged_before_it_was_drawn(self, results, capsys):
        (results / "x.csv").write_text("Source_ID,Reliable_Source\n1,0\n")
        assert "draw a sample first" in self.refused(capsys, results, "--labels", results / "x.csv")

    def test_part_of_the_sample_is_blank(self, results, capsys):
        main(["audit", str(results), "--sample", "4"])
        judged = judge(results)
        table = pd.read_csv(judged, dtype=str)
        table.loc[2, "Reliable_Source"] = ""
        table.to_csv(judged, index=False)
        said = self.refused(capsys, results, "--labels", judged)
        assert "1 of the 4 sources of the sample have no label" in said
        assert table["Source_ID"][2] in said

    def test_a_sample_of_other_results(self, results, capsys):
        main(["audit", str(results), "--sample", "4"])
        judged = judge(results)
        table = pd.read_csv(results / "sources.csv", dtype=str)
        table["flagged"] = "True"
        table.loc[40:, "flagged"] = ["False"] * 1 + ["True"] * 159
        table.to_csv(results / "sources.csv", index=False)
        assert "drawn from other results" in self.refused(capsys, results, "--labels", judged)

    def test_a_table_of_something_else(self, results, capsys):
        (results / "sources.csv").write_text("a,b\n1,2\n")
        assert "has no column flagged, label, path, source_id" in self.refused(capsys, results)
