"""What the benchmarks share: fresh processes, peak memory, medians, verdicts, the table."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

PACKAGES = ("spurclust", "scikit-learn", "openTSNE", "numpy", "scipy", "numba", "imagecodecs")
KILOBYTES_IN_GB = 1e6 if sys.platform == "linux" else 1e9


class Finished(NamedTuple):
    """A process that has ended: wall seconds, peak memory in GB, what it returned."""

    seconds: float
    memory: float
    result: Any


class Outcome(NamedTuple):
    """One row of the table: what was compared, the figure, the target, and whether it holds."""

    what: str
    figure: str
    target: str
    holds: bool | None
    detail: str


def run_process(command: Sequence[str], **options: Any) -> Finished:
    """Run a command as a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed; its message is above.")
    return Finished(seconds, usage.ru_maxrss / KILOBYTES_IN_GB, None)


def run_child(script: str, name: str, **arguments: Any) -> Finished:
    """Run one function of a script in a process of its own; `seconds` is what it says it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        given = json.dumps({"name": name, "result": str(path), "arguments": arguments})
        done = run_process([sys.executable, script, "--child", given])
        result = json.loads(path.read_text(encoding="utf-8"))
    return Finished(result.get("seconds", done.seconds), done.memory, result)


def serve_child(functions: Mapping[str, Callable[..., dict[str, Any]]]) -> bool:
    """Do the work of a child, if this process is one."""
    if len(sys.argv) < 3 or sys.argv[1] != "--child":
        return False
    given = json.loads(sys.argv[2])
    result = functions[given["name"]](**given["arguments"])
    Path(given["result"]).write_text(json.dumps(result), encoding="utf-8")
    return True


def median_of(runs: Sequence[Finished]) -> Finished:
    """Return the medians of some runs, with the result of the last."""
    return Finished(
        median(run.seconds for run in runs), median(run.memory for run in runs), runs[-1].result
    )


def interleaved(n_repeats: int, *works: Callable[[], Finished]) -> list[Finished]:
    """Run works one after the other, again and again, so that a slow minute hits all."""
    runs: list[list[Finished]] = [[] for _ in works]
    for _ in range(n_repeats):
        for work, own in zip(works, runs, strict=True):
            own.append(work())
    return [median_of(own) for own in runs]


def at_least(what: str, ratio: float, target: float, detail: str) -> Outcome:
    """Judge a ratio that should be large."""
    return Outcome(what, f"{ratio:.3g}x", f">= {target:g}x", ratio >= target, detail)


def at_most(what: str, value: float, target: float, unit: str, detail: str) -> Outcome:
    """Judge a figure that should be small."""
    return Outcome(what, f"{value:.3g}{unit}", f"<= {target:g}{unit}", value <= target, detail)


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Make a Markdown table."""
    lines = ["| what | measured | target | | detail |", "|---|---|---|---|---|"]
    for what, figure, target, holds, detail in outcomes:
        verdict = "" if holds is None else "holds" if holds else "**FAILS**"
        lines.append(f"| {what} | {figure} | {target} | {verdict} | {detail} |")
    return "\n".join(lines)


def conditions() -> str:
    """Say on what was measured."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} missing")
    limits = [f"{k}={v}" for k, v in os.environ.items() if k.startswith(("OPENBLAS", "OMP"))]
    text = f"Python {platform.python_version()}, {os.cpu_count()} cores; {', '.join(found)}"
    return text + (f"; set: {', '.join(limits)}" if limits else "")


def report(outcomes: Sequence[Outcome]) -> None:
    """Print the table and the conditions."""
    print(f"\n{format_table(outcomes)}\n\n{conditions()}")
