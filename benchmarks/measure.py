"""What the benchmarks share: fresh processes, peak memory, medians, verdicts, the table."""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

# Only light imports here and at the top of each script: a child starts with its parent's peak.

PACKAGES = (
    *("spurclust", "scikit-learn", "openTSNE", "numpy", "scipy", "numba"),
    *("pandas", "pillow", "imagecodecs", "dask"),
)
THREAD_LIMITS = ("OPENBLAS_", "OMP_", "MKL_", "NUMBA_", "LOKY_")
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
LOAD_AT_START = os.getloadavg()[0]
BUSY = 0.5
"""Share of the cores; threads of OpenMP that wait for one another then spin, many times slower."""


class ChildError(SystemExit):
    """A benchmark cannot go on; uncaught, it ends the script with its message."""


class Finished(NamedTuple):
    """Work that has ended: wall seconds, peak memory in GB, what it returned, all its seconds."""

    seconds: float
    memory: float
    result: Any = None
    each: tuple[float, ...] = ()

    def __str__(self) -> str:
        digits = 3 if self.seconds < 1 else 2
        text = f"{self.seconds:.{digits}f} s"
        if len(self.each) < 2:
            return f"{text} (1 run)"
        low, high = min(self.each), max(self.each)
        return f"{text} ({len(self.each)} runs, {low:.{digits}f} to {high:.{digits}f})"


class Outcome(NamedTuple):
    """One row of the table: what was compared, the figure, the target, and whether it holds."""

    what: str
    figure: str
    target: str
    holds: bool | None
    detail: str


def require(*modules: str) -> None:
    """Stop before the work when something that is compared with is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ChildError(f"{', '.join(missing)} not installed: pip install 'spurclust[bench]'")


def peak_memory() -> float:
    """Return this process's peak memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 1e9


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Do some work; its seconds and the peak memory at its end are a child's own figures."""
    start = time.perf_counter()
    value = work()
    return value, {"seconds": time.perf_counter() - start, "memory": peak_memory()}


def run_process(command: Sequence[str], **options: Any) -> Finished:
    """Run a command as a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        shown = " ".join(command)[:200]
        raise ChildError(f"exit code {process.returncode}, its message is above: {shown}")
    return Finished(seconds, usage.ru_maxrss * PEAK_UNIT / 1e9, each=(seconds,))


def run_child(script: str, function: str, **arguments: Any) -> Finished:
    """Run one function of a script in a process of its own.

    Seconds and memory are those that it returns under these names, else those of the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        given = json.dumps({"function": function, "result": str(path), "arguments": arguments})
        done = run_process([sys.executable, script, "--child", given])
        result = json.loads(path.read_text(encoding="utf-8"))
    seconds = result.get("seconds", done.seconds)
    return Finished(seconds, result.get("memory", done.memory), result, (seconds,))


def serve_child(functions: Mapping[str, Callable[..., dict[str, Any]]]) -> bool:
    """Do the work of a child, if this process is one."""
    if len(sys.argv) != 3 or sys.argv[1] != "--child":
        return False
    given = json.loads(sys.argv[2])
    result = functions[given["function"]](**given["arguments"])
    Path(given["result"]).write_text(json.dumps(result), encoding="utf-8")
    return True


def median_of(runs: Sequence[Finished]) -> Finished:
    """Return the medians of some runs, with the result of the last."""
    return Finished(
        median(run.seconds for run in runs),
        median(run.memory for run in runs),
        runs[-1].result,
        tuple(run.seconds for run in runs),
    )


def interleaved(n_repeats: int, *works: Callable[[], Finished]) -> list[Finished]:
    """Run works one after the other, again and again, so that a slow minute hits all."""
    runs: list[list[Finished]] = [[] for _ in works]
    for _ in range(n_repeats):
        for work, own in zip(works, runs, strict=True):
            own.append(work())
    return [median_of(own) for own in runs]


def at_least(what: str, ratio: float, target: float, detail: str = "") -> Outcome:
    """Judge a ratio that should be large."""
    return Outcome(what, f"{ratio:.3g}x", f">= {target:g}x", ratio >= target, detail)


def at_most(what: str, value: float, target: float, unit: str, detail: str = "") -> Outcome:
    """Judge a figure that should be small."""
    figure = f"{value:.4g}{unit}" if unit == "x" else f"{value:.3g}{unit}"
    return Outcome(what, figure, f"<= {target:g}{unit}", value <= target, detail)


def for_information(what: str, figure: str, detail: str = "") -> Outcome:
    """Show a figure that has no target."""
    return Outcome(what, figure, "", None, detail)


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Make a Markdown table, and below it a count of the verdicts."""
    lines = ["| what | measured | target | | detail |", "|---|---|---|---|---|"]
    for what, figure, target, holds, detail in outcomes:
        verdict = "" if holds is None else "PASS" if holds else "**FAILS**"
        lines.append(f"| {what} | {figure} | {target} | {verdict} | {detail} |")
    judged = [outcome for outcome in outcomes if outcome.holds is not None]
    failed = [outcome.what for outcome in judged if not outcome.holds]
    if not judged:
        return "\n".join(lines)
    count = f"{len(judged) - len(failed)} of {len(judged)} targets reached"
    lines += ["", count + (f"; missed: {'; '.join(failed)}." if failed else ".")]
    return "\n".join(lines)


def usable_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def conditions() -> str:
    """Say on what was measured."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} missing")
    limits = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(THREAD_LIMITS)]
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{usable_cores()} cores, load {LOAD_AT_START:.1f} at the start; {', '.join(found)}; "
        f"thread limits set: {', '.join(limits) or 'none'}."
    )


def format_report(outcomes: Sequence[Outcome]) -> str:
    """Make the table and say below it under which conditions it was measured."""
    parts = [format_table(outcomes), conditions()]
    if usable_cores() * BUSY < LOAD_AT_START:
        parts.append("**The machine was busy at the start: these figures are not to be trusted.**")
    return "\n\n".join(parts)


def report(outcomes: Sequence[Outcome]) -> None:
    """Print the table and the conditions."""
    print(f"\n{format_report(outcomes)}")
