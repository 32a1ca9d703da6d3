"""Clusters: what works on one, and what happens when a part of it dies."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import dask
import dask.array as da
import distributed
import pandas as pd
import psutil
import pytest

from spurclust.errors import CatalogError
from spurclust.scale import cluster as cluster_module
from spurclust.scale import open_client, predict_sources, write_predictions, writing
from spurclust.scale.cluster import current_client

from .conftest import same, write_cutouts

WAIT_SECONDS = 60

# A client of its own process, whose workers are slow enough to be caught at work.
SLOW_CLIENT = """
import sys, time
from spurclust.catalog import load_fitted
from spurclust.scale import open_client, write_predictions

def slow(dask_worker=None):
    from spurclust.catalog import models
    predict = models.FittedModels.predict
    def wait(self, images):
        time.sleep(0.5)
        return predict(self, images)
    models.FittedModels.predict = wait

if __name__ == "__main__":
    model, cutouts, folder = sys.argv[1:]
    with open_client(workers=2) as client:
        client.run(slow)
        write_predictions(model, cutouts, folder, partition_size=3)
"""


@pytest.fixture(scope="module")
def local():
    with contextlib.closing(socket.socket()) as other:
        # Another run may have the port of the dashboard.
        with contextlib.suppress(OSError):
            other.bind(("", 8787))
            other.listen()
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


def test_strict_goes_on_where_it_has_stopped(local, fitted, images, expected, tmp_path):
    own, out = write_cutouts(tmp_path / "c", images), tmp_path / "o"
    good = (own / "50.png").read_bytes()
    (own / "50.png").write_bytes(b"no image")
    assert write_predictions(fitted.model, own, out, partition_size=10).n_unreadable == 1
    with pytest.raises(CatalogError, match=r"cannot read .*50\.png: it is not an image.*--strict"):
        write_predictions(fitted.model, own, out, strict=True)
    (own / "50.png").write_bytes(good)
    written = write_predictions(fitted.model, own, out, strict=True)
    assert (written.n_partitions, written.n_kept) == (9, 8)
    same(read(out), expected)


@pytest.mark.parametrize("kind", ["files", "array"])
def test_few_partitions_are_in_hand(
    local, fitted, cutouts, images, expected, tmp_path, monkeypatch, kind
):
    monkeypatch.setattr(writing, "AT_ONCE", 2)
    monkeypatch.setattr(writing, "AHEAD", 2)
    before, held = len(local.futures), []  # an error of an earlier test can still hold some

    def watch(name):
        call = getattr(distributed.Client, name)

        def watched(self, *arguments, **options):
            result = call(self, *arguments, **options)
            held.append(len(local.futures) - before)
            return result

        monkeypatch.setattr(distributed.Client, name, watched)

    watch("submit")
    watch("compute")
    survey = cutouts if kind == "files" else images
    write_predictions(fitted.model, survey, tmp_path, partition_size=3)
    # Two for each of two workers, the models, and those that have just been looked at.
    assert 4 <= max(held) <= 10
    same(read(tmp_path), expected)


def die(dask_worker=None):
    """Have this worker die of the first partition."""
    from spurclust.catalog import models

    def predict(self, images):
        os._exit(1)

    models.FittedModels.predict = predict


def dawdle(dask_worker=None):
    """Have this worker take its time."""
    from spurclust.catalog import models

    predict = models.FittedModels.predict

    def wait(self, images):
        time.sleep(0.3)
        return predict(self, images)

    models.FittedModels.predict = wait


@pytest.mark.slow
def test_a_partition_that_kills_its_workers(fitted, cutouts, tmp_path):
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        open_client(workers=1) as client,
    ):
        client.run(die)
        with pytest.raises(CatalogError, match="has killed its workers one after the other"):
            write_predictions(fitted.model, cutouts, tmp_path, partition_size=30)


@pytest.fixture
def network(tmp_path):
    """A scheduler and a worker, each a process: the scheduler's, and its address."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    commands = [
        ["dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"],
        ["dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"],
    ]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((tmp_path / "dask.log").open("w"))
        processes = []
        for script, *options in commands:
            command = [sys.executable, "-m", f"distributed.cli.{script}", *options]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
        try:
            with distributed.Client(address, timeout=WAIT_SECONDS) as client:
                client.wait_for_workers(1, timeout=WAIT_SECONDS)
            yield processes[0], address
        finally:
            for process in processes:
                process.kill()
                process.wait()


@pytest.mark.slow
def test_the_scheduler_is_lost(network, fitted, cutouts, expected, tmp_path):
    scheduler, address = network
    out = tmp_path / "out"

    def lose():
        wait_until(lambda: n_parts(out) >= 2)
        scheduler.kill()

    with open_client(scheduler=address) as client:
        client.run(dawdle)
        killer = threading.Thread(target=lose)
        killer.start()
        with pytest.raises(CatalogError, match="scheduler was lost.* the same command goes on"):
            write_predictions(fitted.model, cutouts, out, partition_size=3)
        killer.join()
    there = n_parts(out)
    assert 2 <= there < 30
    written = write_predictions(fitted.model, cutouts, out)
    assert written.n_kept in (there, there + 1)  # what the worker had in hand
    same(read(out), expected)


def test_an_address(local, fitted, cutouts, expected, tmp_path):
    address = local.scheduler.address
    with open_client(scheduler=address) as client:
        assert client is not local
        write_predictions(fitted.model, cutouts, tmp_path)
    same(read(tmp_path), expected)


def test_a_scheduler_without_workers_is_told():
    with (
        distributed.LocalCluster(
            n_workers=0,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        pytest.warns(UserWarning, match="has no workers yet"),
        open_client(scheduler=cluster.scheduler_address) as client,
    ):
        assert client.nthreads() == {}


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
    try:
        wait_until(lambda: n_parts(tmp_path) >= 5)
        children = psutil.Process(client.pid).children(recursive=True)
    finally:
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
