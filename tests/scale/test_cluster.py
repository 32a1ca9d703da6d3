"""Clusters: what works on one, and what happens when a part of it dies."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import dask.array as da
import pandas as pd
import psutil
import pytest

from spurclust.catalog import CatalogError
from spurclust.scale import cluster as cluster_module
from spurclust.scale import open_client, predict_sources, write_predictions
from spurclust.scale.cluster import current_client

from .conftest import same

WAIT_SECONDS = 60

# A client of its own process, whose workers are slow enough to be caught at work.
SLOW_CLIENT = """
import sys, time
from spurclust.catalog import load_fitted
from spurclust.scale import open_client, write_predictions

def slow(dask_worker=None):
    from spurclust.catalog import fitted
    predict = fitted.FittedModels.predict
    def wait(self, images):
        time.sleep(0.2)
        return predict(self, images)
    fitted.FittedModels.predict = wait

if __name__ == "__main__":
    model, cutouts, folder = sys.argv[1:]
    with open_client(workers=2) as client:
        client.run(slow)
        write_predictions(model, cutouts, folder, partition_size=3)
"""


@pytest.fixture(scope="module")
def local():
    with open_client(workers=2) as client:
        yield client


def read(folder):
    return pd.read_parquet(folder / "sources")


def wait_until(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def n_parts(folder):
    return len(list((folder / "sources").glob("part-*.parquet")))


def test_a_cluster_gives_the_same_bits(local, fitted, cutouts, images, expected, tmp_path):
    assert current_client() is local
    written = write_predictions(fitted.model, cutouts, tmp_path, partition_size=20)
    assert written.n_partitions == 5
    same(read(tmp_path), expected)
    table = predict_sources(fitted.model, da.from_array(images, chunks=(30, -1, -1)))
    same(table.compute(), expected)


def test_the_models_travel_as_one_task(fitted, images):
    table = predict_sources(fitted.model, da.from_array(images, chunks=(5, -1, -1)))
    graph = dict(table.optimize().__dask_graph__())
    predictors = [key for key in graph if str(key).startswith("predictor-")]
    assert len(predictors) == 1
    weight = len(pickle.dumps(graph[predictors[0]]))
    assert weight > 50_000
    assert len(pickle.dumps(graph)) < 1.5 * weight


def test_errors_of_a_worker_reach_the_client(local, fitted, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "7.png").write_bytes(b"no image")
    with pytest.raises(CatalogError, match=r"cannot read .*7\.png: it is not a PNG.*--strict"):
        write_predictions(fitted.model, tmp_path / "c", tmp_path / "o", strict=True)


def test_an_address(local, fitted, cutouts, expected, tmp_path):
    address = local.scheduler.address
    with open_client(scheduler=address) as client:
        assert client is not local
        write_predictions(fitted.model, cutouts, tmp_path)
    same(read(tmp_path), expected)


def test_the_port_of_the_dashboard_is_taken():
    with contextlib.closing(socket.socket()) as other:
        with contextlib.suppress(OSError):  # taken already, as well
            other.bind(("", 8787))
            other.listen()
        with open_client(workers=1) as client:
            assert client.submit(int, "7").result() == 7


def test_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(CatalogError, match="no dask scheduler answers at tcp://127.0.0.1:9"),
        open_client(scheduler="tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(CatalogError, match="choose one"), open_client(workers=1, scheduler="x"):
        pass


@pytest.mark.slow
def test_a_worker_is_killed_and_the_run_completes(fitted, cutouts, expected, tmp_path):
    killer = subprocess.Popen([sys.executable, "-c", SLOW_CLIENT, fitted.model, cutouts, tmp_path])
    try:
        wait_until(lambda: n_parts(tmp_path) >= 4)
        workers = [
            process
            for process in psutil.Process(killer.pid).children(recursive=True)
            if "spawn_main" in " ".join(process.cmdline())
        ]
        os.kill(workers[0].pid, signal.SIGKILL)
        assert n_parts(tmp_path) < 30
        assert killer.wait(WAIT_SECONDS) == 0
    finally:
        killer.kill()
        killer.wait()
    assert n_parts(tmp_path) == 30
    same(read(tmp_path), expected)


@pytest.mark.slow
def test_the_client_is_killed_and_the_run_goes_on(fitted, cutouts, expected, tmp_path):
    client = subprocess.Popen([sys.executable, "-c", SLOW_CLIENT, fitted.model, cutouts, tmp_path])
    wait_until(lambda: n_parts(tmp_path) >= 5)
    children = psutil.Process(client.pid).children(recursive=True)
    client.kill()
    client.wait()
    # The workers notice that they are alone, and end.
    assert not psutil.wait_procs(children, WAIT_SECONDS)[1]
    there = n_parts(tmp_path)
    assert 5 <= there < 30
    for part in (tmp_path / "sources").glob("part-*.parquet"):
        assert len(pd.read_parquet(part)) == 3
    written = write_predictions(fitted.model, cutouts, tmp_path)
    assert (written.n_partitions, written.n_kept) == (30, there)
    same(read(tmp_path), expected)
    assert not [path for path in Path(tmp_path / "sources").iterdir() if path.name[0] == "."]
