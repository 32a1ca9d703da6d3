import pandas as pd
import pytest

from spurclust.cli.main import main

from .conftest import one_error


def test_demo_reuses_its_survey(tmp_path, capsys):
    out = tmp_path / "demo"
    command = ["demo", "--out", str(out), "--n-sources", "12", "--n-spurious", "3", "-N", "2"]
    command.append("--no-report")
    assert main([*command, "--no-plots", "--jobs", "2"]) == 0
    assert "simulating" in capsys.readouterr().out
    first = pd.read_csv(out / "results" / "sources.csv")
    assert len(first) == 12
    assert main([*command, "--no-plots", "--jobs", "1"]) == 0
    text = capsys.readouterr().out
    assert "simulating" not in text
    assert "Using the simulated survey" in text
    pd.testing.assert_frame_equal(pd.read_csv(out / "results" / "sources.csv"), first)


@pytest.mark.parametrize(("n_sources", "code"), [(1, 1), (2, 0), (3, 0)])
def test_demo_of_very_few_sources(tmp_path, capsys, n_sources, code):
    command = ["demo", "--out", str(tmp_path), "--n-sources", str(n_sources), "--n-spurious", "1"]
    assert main(command) == code
    if code:
        one_error(capsys)
    assert (tmp_path / "results" / "report.html").exists() == (code == 0)


def test_simulate_refuses_a_folder_in_use(survey, capsys):
    assert main(["simulate", str(survey), "--n-sources", "2", "--n-spurious", "1"]) == 1
    one_error(capsys, str(survey))
