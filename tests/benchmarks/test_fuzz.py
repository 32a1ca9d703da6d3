"""A seeded part of the cases of `benchmarks/fuzz.py`, each in a process that may crash."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.parametrize(("target", "n_cases"), [("models", 200), ("folder", 80)])
def test_altered_files_are_read_right_or_refused(target, n_cases):
    command = [sys.executable, str(SCRIPT), target, "--cases", str(n_cases), "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'refused'" in done.stdout
