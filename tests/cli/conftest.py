"""A small survey, and the commands that most tests give."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from spurclust.cli.main import main

N_SOURCES = 40
N_SPURIOUS = 8
COLUMNS = [
    "source_id",
    "path",
    "label",
    "reason",
    "tsne_x",
    "tsne_y",
    "component",
    "spurious_probability",
    "flagged",
]
RANKING = ["inspection_rank", "inspection_probability", "nearest_spurious"]
POSITIONS = ["ra", "dec", "sky_viewer"]
TABLES = {"sources.csv", "sources.ecsv", "components.csv", "summary.json", "model.skops"}
TABLES |= {"flagged.reg", "ranker.skops"}
# For what neither features nor the order of inspection have to do with.
LEAN = ["--no-ranking", "--region-on", "pixels"]


@pytest.fixture(scope="session")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "strips"
    command = ["simulate", str(folder), "--n-sources", str(N_SOURCES)]
    assert main([*command, "--n-spurious", str(N_SPURIOUS), "--jobs", "2"]) == 0
    return folder


def run(survey, out, *options, labels=None):
    table = survey / "labels.xlsx" if labels is None else labels
    command = ["run", str(survey), "--labels", str(table), "--out", str(out)]
    quick = ["--reduce", "5", "--perplexity", "10", "--jobs", "2", "--no-report"]
    return main([*command, *quick, *map(str, options)])


@pytest.fixture(scope="session")
def results(survey, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    assert run(survey, out, "-N", "3", "--no-plots") == 0
    return out


@pytest.fixture
def copied(survey, tmp_path):
    return Path(shutil.copytree(survey, tmp_path / "copied"))


def write_labels(path, labels):
    pd.DataFrame({"Source_ID": list(labels), "Reliable_Source": list(labels.values())}).to_csv(
        path, index=False
    )
    return path


def files_of(folder):
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def one_error(capsys, *parts):
    errors = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(errors) == 1
    assert errors[0].startswith("spurclust: error: ")
    for part in parts:
        assert part in errors[0]
