"""One process at a time in a folder."""

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from spurclust.errors import CatalogError
from spurclust.scale import lock as module
from spurclust.scale.lock import LOCK, locked

HOLDER = """
import sys, time
from pathlib import Path
from spurclust.scale.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_is_held_until_the_block_ends(tmp_path):
    with contextlib.suppress(KeyError), locked(tmp_path):
        with (
            pytest.raises(CatalogError, match=f"is being used by process {os.getpid()}: wait"),
            locked(tmp_path),
        ):
            pass
        assert (tmp_path / LOCK).exists()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_buried", [True, False])
def test_a_process_that_lives_keeps_it_and_one_that_was_killed_does_not(
    tmp_path, holder, is_buried
):
    with (
        pytest.raises(CatalogError, match=f"is being used by process {holder.pid}: wait"),
        locked(tmp_path),
    ):
        pass
    holder.kill()
    if is_buried:
        holder.wait()
    else:
        while psutil.Process(holder.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_a_dead_process_can_be_that_of_another(tmp_path):
    with locked(tmp_path):
        there = json.loads((tmp_path / LOCK).read_text())
    (tmp_path / LOCK).write_text(json.dumps({**there, "started": there["started"] - 3600}))
    with locked(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("text", [json.dumps({"host": "far", "pid": 7, "started": 1}), "", "[]"])
def test_of_another_machine_nothing_is_known(tmp_path, text):
    (tmp_path / LOCK).write_text(text)
    with (
        pytest.raises(CatalogError, match=r"on (far|an unknown machine): .*remove .*\.lock and"),
        locked(tmp_path),
    ):
        pass
    assert (tmp_path / LOCK).read_text() == text


def test_of_two_that_take_over_one_is_refused(tmp_path, monkeypatch):
    dead = json.dumps({"host": socket.gethostname(), "pid": 2**30, "started": 1.0})
    (tmp_path / LOCK).write_text(dead)
    living = json.dumps({"host": "far", "pid": 7, "started": 1})
    refuse = module._refuse_living

    def be_overtaken(path, text):
        refuse(path, text)
        path.write_text(living)

    monkeypatch.setattr(module, "_refuse_living", be_overtaken)
    with pytest.raises(CatalogError, match="by process 7 on far"), locked(tmp_path):
        pass
    assert [path.read_text() for path in tmp_path.iterdir()] == [living]


def test_the_lock_of_another_is_not_removed(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).write_text("another's, since somebody removed ours")
    assert (tmp_path / LOCK).exists()


def test_a_full_disk(tmp_path, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "write", fill)
    with pytest.raises(CatalogError, match="No space left on device"), locked(tmp_path):
        pass
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
