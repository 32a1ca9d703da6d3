"""A small survey, one run of it, and the commands that most tests give."""

import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.cli.main import main

N_SOURCES = 40
N_SPURIOUS = 8
COLUMNS = ["source_id", "path", "label", "reason", "tsne_x", "tsne_y", "component"]
COLUMNS += ["spurious_probability", "flagged"]
RANKING = ["inspection_rank", "inspection_probability", "label_suspicion", "inspect_next"]
RANKING += ["nearest_spurious", "most_similar"]
POSITIONS = ["ra", "dec", "sky_viewer"]
TABLES = {"sources.csv", "sources.ecsv", "components.csv", "summary.json", "model.skops"}
TABLES |= {"flagged.reg"}
# For what neither features nor the order of inspection have to do with.
LEAN = ["--no-ranking", "--region-on", "pixels"]


class Run(NamedTuple):
    """A folder of results, and what was printed on the way to it."""

    folder: Path
    said: str
    errors: str


@pytest.fixture(scope="session")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "strips"
    command = ["simulate", str(folder), "--n-sources", str(N_SOURCES)]
    assert main([*command, "--n-spurious", str(N_SPURIOUS), "--jobs", "2"]) == 0
    return folder


@pytest.fixture(scope="session")
def full_run(survey, tmp_path_factory):
    """Run the command with all but the pictures."""
    out = tmp_path_factory.mktemp("results") / "out"
    return recorded(out, lambda: run(survey, out, "-N", "3", report=True))


@pytest.fixture(scope="session")
def results(full_run):
    return full_run.folder


@pytest.fixture(scope="session")
def model(results):
    return str(results / "model.skops")


@pytest.fixture
def copied(survey, tmp_path):
    return Path(shutil.copytree(survey, tmp_path / "copied"))


def recorded(out, call):
    """Call a command and keep what it prints; `capsys` is not for fixtures of a session."""
    said, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(errors):
        assert call() == 0
    return Run(out, said.getvalue(), errors.getvalue())


def run(survey, out, *options, labels=None, pictures=False, report=False):
    table = survey / "labels.xlsx" if labels is None else labels
    command = ["run", str(survey), "--labels", str(table), "--out", str(out), "--jobs", "2"]
    command += [] if "--size" in options else ["--reduce", "5"]
    command += ["--no-plots"] * (not pictures) + ["--no-report"] * (not report)
    return main([*command, "--perplexity", "5", *map(str, options)])


def predict(model, cutouts, out, *options):
    return main(["predict", str(model), str(cutouts), "--out", str(out), *map(str, options)])


def strip_paths(survey):
    return sorted(survey.glob("*.png"))


def ids_of(survey):
    return [path.name.split("_")[1] for path in strip_paths(survey)]


def write_labels(path, labels):
    pd.DataFrame({"Source_ID": list(labels), "Reliable_Source": list(labels.values())}).to_csv(
        path, index=False
    )
    return path


def write_images(folder, images):
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(np.asarray(image, dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def write_results(folder, **columns):
    """Write the tables that a run leaves, with all sources in one component."""
    table = pd.DataFrame({**dict.fromkeys(COLUMNS, 0), "reason": "", **columns})
    table.to_csv(folder / "sources.csv", index=False)
    (folder / "components.csv").write_text(
        "component,size,n_inspected,n_spurious,fraction,fraction_low,fraction_high,in_region\n"
        f"0,{len(table)},28,10,0.357,0.2,0.6,True\n"
    )
    (folder / "summary.json").write_text('{"written_by": "spurclust", "files": []}')
    return folder


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def one_error(capsys, *parts):
    errors = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(errors) == 1
    assert errors[0].startswith("spurclust: error: ")
    for part in parts:
        assert part in errors[0]
