"""`spurclust inspect`: what it serves, prints and leaves."""

import pickle
import re
import signal
import subprocess
import sys
import webbrowser
from threading import Event

import httpx
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.catalog import read_labels
from spurclust.cli import run
from spurclust.cli.main import main, make_parser
from spurclust.inspection.web import server
from spurclust.inspection.web.security import TOKEN_HEADER

N_SOURCES = 24


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutouts")
    rng = np.random.default_rng(0)
    for number in range(N_SOURCES):
        pixels = rng.integers(0, 200, (16, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"z6_{number}_F090WF115WF150W_crop.png")
    return folder


@pytest.fixture
def visit(monkeypatch, cutouts, tmp_path, capsys):
    """Return a function that runs the command with a visitor in place of the server."""

    def run(*options, visitor=lambda app: None, code=0):
        def serve(app, listener):
            visitor(app)
            raise KeyboardInterrupt

        monkeypatch.setattr(server, "serve", serve)
        args = ["inspect", str(cutouts), "--out", str(tmp_path / "survey"), *options]
        assert main(args) == code
        return capsys.readouterr()

    return run


def test_from_the_command_to_labels(cutouts, tmp_path):
    command = [sys.executable, "-m", "spurclust", "inspect", str(cutouts)]
    command += ["--out", str(tmp_path / "survey"), "--no-browser", "--inspectors", "anna", "ben"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(4)]
        links = re.findall(r"(\w+): open (http://127.0.0.1:\d+)(\S+)", "".join(said))
        assert [name for name, *_ in links] == ["anna", "ben"]
        _, address, path = links[1]
        with httpx.Client(base_url=address) as client:
            client.get(path)
            client.headers[TOKEN_HEADER] = client.get("/api/start").json()["token"]
            item = client.get("/api/next").json()["items"][0]
            verdict = {"row": item["row"], "verdict": "spurious", "reason": "spike"}
            client.post("/api/verdicts", json={"verdicts": [verdict], "n": 1}).raise_for_status()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"Inspected 1 of {N_SOURCES} sources, 1 of them spurious" in said
    assert f"--labels {tmp_path / 'survey'} " in said
    table = read_labels(tmp_path / "survey" / "labels.csv").table
    assert table["source_id"].tolist() == [item["id"]]


def test_it_goes_on_where_it_was(visit, tmp_path):
    labels = tmp_path / "known.csv"
    pd.DataFrame({"Source_ID": [3, 5], "Reliable_Source": [0, 1]}).to_csv(labels, index=False)
    visit("--no-browser", "--labels", str(labels))
    assert f"{N_SOURCES} sources, 2 inspected, 1 spurious" in visit("--no-browser").out


def test_the_browser_opens_the_link(visit, monkeypatch):
    opened, is_open = [], Event()

    def open_link(link):
        opened.append(link)
        is_open.set()

    monkeypatch.setattr(webbrowser, "open", open_link)
    said = visit(visitor=lambda app: is_open.wait(5)).out
    assert f"Open {opened[0]}\n" in said


def test_who_serves_to_others_is_told_what_that_means(visit):
    assert "not encrypted" not in visit("--no-browser").out
    assert "not encrypted" in visit("--no-browser", "--host", "0.0.0.0").out


def test_columns_of_a_catalogue_reach_the_page(visit, tmp_path, monkeypatch):
    catalogue = tmp_path / "catalogue.csv"
    pd.DataFrame({"Source_ID": range(N_SOURCES), "mag": 21.5}).to_csv(catalogue, index=False)
    columns = []

    class Site(server.InspectionSite):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            columns.append(self.columns)

    monkeypatch.setattr(server, "InspectionSite", Site)
    visit("--no-browser", "--catalogue", str(catalogue))
    assert columns[0]["mag"].tolist() == [21.5] * N_SOURCES


def test_results_are_made_as_run_makes_them(visit, cutouts, tmp_path, monkeypatch):
    made, asked = [], []

    class Site(server.InspectionSite):
        def __init__(self, *args, make_results, **options):
            super().__init__(*args, **options)
            made.append(make_results)

    monkeypatch.setattr(server, "InspectionSite", Site)
    monkeypatch.setattr(run, "run_run", lambda args: asked.append(vars(args)))
    labels = tmp_path / "known.csv"
    pd.DataFrame({"Source_ID": [3, 5], "Reliable_Source": [0, 1]}).to_csv(labels, index=False)
    visit("--no-browser", "--size", "8", "--labels", str(labels), "--random-state", "3")
    pickle.loads(pickle.dumps(made[0]))("results")
    command = ["run", str(cutouts), "--size", "8", "--random-state", "3", "--out", "results"]
    command += ["--labels", str(labels), "--labels", str(tmp_path / "survey")]
    assert asked == [vars(make_parser().parse_args(command))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--inspectors", "anna", ""], "give a name"),
        (["--host", "192.0.2.1"], "--host"),
        (["--port", "70000"], "--port 70000"),
        (["--labels", "missing.csv"], "missing.csv"),
        (["--path-column", "x"], "--path-column"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(visit, options, message):
    assert message in visit("--no-browser", *options, code=1).err


def test_a_second_one_on_the_folder_is_refused(visit, cutouts, tmp_path):
    args = ["inspect", str(cutouts), "--out", str(tmp_path / "survey"), "--no-browser"]
    codes = []
    said = visit("--no-browser", visitor=lambda app: codes.append(main(args)))
    assert codes == [1]
    assert "is being used by another process" in said.err


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_nothing_is_measured_without_a_server(visit, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert "pip install 'spurclust[inspect]'" in visit(code=1).err
    assert not (tmp_path / "survey").exists()
