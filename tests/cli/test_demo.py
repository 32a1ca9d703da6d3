"""`spurclust demo` and `simulate`: the whole job on a simulated survey, of any size."""

import pandas as pd
import pytest

from spurclust.cli.main import main

from .conftest import one_error

QUICK = ["--no-report", "--no-plots", "--perplexity", "3", "-N", "2"]


def test_demo_reuses_its_survey(tmp_path, capsys):
    out = tmp_path / "demo"
    command = ["demo", "--out", str(out), "--n-sources", "12", "--n-spurious", "3", *QUICK]
    assert main([*command, "--jobs", "2"]) == 0
    assert "simulating" in capsys.readouterr().out
    first = pd.read_csv(out / "results" / "sources.csv")
    assert len(first) == 12
    assert main([*command, "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "simulating" not in said
    assert "Using the simulated survey" in said
    pd.testing.assert_frame_equal(pd.read_csv(out / "results" / "sources.csv"), first)


@pytest.mark.parametrize("n_sources", [1, 2, 3])
def test_demo_of_very_few_sources(tmp_path, capsys, n_sources):
    options = QUICK if n_sources == 3 else []
    command = ["demo", "--out", str(tmp_path), "--n-sources", str(n_sources), "--n-spurious", "1"]
    code = main([*command, *options])
    if n_sources == 1:
        assert code == 1
        one_error(capsys)
    else:
        assert code == 0
    assert (tmp_path / "results" / "report.html").exists() == (n_sources == 2)


def test_simulate_refuses_a_folder_in_use(survey, capsys):
    assert main(["simulate", str(survey), "--n-sources", "2", "--n-spurious", "1"]) == 1
    one_error(capsys, str(survey))


def test_nothing_is_simulated_for_a_folder_that_cannot_be(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 1
    found = capsys.readouterr()
    assert "file is not a folder" in found.err
    assert "simulating" not in found.out
