"""The scripts about many sources: what they make and how they judge."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest


def test_cutouts_made_on_the_fly_depend_on_their_chunk_only(script):
    vary = script("scale").vary
    base = np.random.default_rng(0).normal(size=(20, 6, 6, 2)).astype(np.float32)
    base[0, 0, 0] = np.nan
    np.testing.assert_array_equal(vary(base, 3, 50), vary(base, 3, 50))
    assert not np.array_equal(vary(base, 3, 50), vary(base, 4, 50), equal_nan=True)
    assert np.isfinite(vary(base[1:], 3, 50)).all()
    assert vary(base, 0, 7).dtype == np.float32


def test_memory_that_grows_is_seen(script):
    growth_of = script("scale").growth_of
    assert growth_of({1: [0.2, 0.5, 0.5, 0.5, 0.5, 0.5], 2: [0.4] * 10}) == pytest.approx(1)
    assert growth_of({1: list(np.linspace(0.5, 1.5, 50))}) > 1.5


def test_memory_of_a_worker_that_was_restarted_does_not_count(script, monkeypatch):
    scale = script("scale")
    monkeypatch.setattr(scale, "SAMPLE_SECONDS", 0.01)
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def end():
        worker.kill()
        worker.wait()
        time.sleep(0.2)

    with pytest.raises(SystemExit, match="a worker was restarted"), scale.Watch([worker.pid]):
        end()
    with scale.Watch([os.getpid()]) as watch:
        time.sleep(0.2)
    assert min(watch.memory[os.getpid()]) > 0


def test_a_billion_is_said_in_core_hours(script):
    scale = script("scale")
    run = scale.Run(seconds=180.0, memory={}, n_bytes=50_000)
    row = scale.extrapolate(run, 1000, 2)
    assert row.value == "100,000 core hours"
    assert row.detail == "100.0 hours on 1000 cores; 50 GB written"
